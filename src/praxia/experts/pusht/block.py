"""The block: its outline, and what a straight push does to it in the physics of the package."""

from functools import cache

import numpy as np
import pymunk
from gym_pusht.envs.pusht import PushTEnv
from jaxtyping import Float64
from shapely import Polygon, union_all
from shapely.geometry.polygon import orient

__all__ = ["AGENT_RADIUS_PX", "STRIDE_PX", "PushModel", "block_outline", "mean_corner_distance", "transform_points"]

AGENT_RADIUS_PX = 15.0

# The agent's speed in the model is 150 px/s, as in its real pushes, and every third step of 0.01 s is returned.
STEP_S, SPEED_PX_S, STEPS_PER_STRIDE = 0.01, 150.0, 3
STRIDE_PX = STEPS_PER_STRIDE * STEP_S * SPEED_PX_S


@cache
def block_outline() -> Float64[np.ndarray, "8 2"]:
    """The corners of the T in its own frame, in the order that turns from x to y."""
    _, bars = PushTEnv.add_tee(pymunk.Space(), (0, 0), 0)
    block = union_all([Polygon(bar.get_vertices()) for bar in bars]).simplify(0)
    assert isinstance(block, Polygon)
    return np.array(orient(block).exterior.coords)[:-1]


def transform_points(
    points: Float64[np.ndarray, "N 2"], poses: Float64[np.ndarray, "*P 3"]
) -> Float64[np.ndarray, "*P N 2"]:
    """Points from the block's frame to the image's, for each of the poses (x, y, angle)."""
    cos, sin = np.cos(poses[..., 2, None]), np.sin(poses[..., 2, None])
    x, y = points[:, 0], points[:, 1]
    return np.stack([cos * x - sin * y + poses[..., 0, None], sin * x + cos * y + poses[..., 1, None]], axis=-1)


def mean_corner_distance(
    corners: Float64[np.ndarray, "*P 8 2"], goal: Float64[np.ndarray, "8 2"]
) -> Float64[np.ndarray, "*P"]:
    """The mean distance of each pose's corners from the goal's, in pixels: position and angle in one number."""
    return np.linalg.norm(corners - goal, axis=-1).mean(axis=-1)


class PushModel:
    """A simulated block and agent without walls, separate from the environment's.

    The block moves only while it is pushed (its velocity is damped away within a step), so its final pose depends on
    the agent's path and hardly on its speed. What one push leaves in the solver may change the last bits of the next:
    a new model per search keeps searches independent.
    """

    def __init__(self):
        self._space = pymunk.Space()
        self._space.damping = 0.0
        self._agent = PushTEnv.add_circle(self._space, (0, 0), AGENT_RADIUS_PX)
        self._block, _ = PushTEnv.add_tee(self._space, (0, 0), 0)

    def push(
        self,
        pose: Float64[np.ndarray, "3"],
        begin: Float64[np.ndarray, "2"],
        direction: Float64[np.ndarray, "2"],
        num_strides: int,
    ) -> Float64[np.ndarray, "num_strides 3"]:
        """The block's pose after each of `num_strides` strides of the agent from `begin` in a unit `direction`."""
        agent, block = self._agent, self._block
        # Contacts of the last push are forgotten after three steps apart.
        agent.position, agent.velocity = (-1000.0, -1000.0), (0.0, 0.0)
        for _ in range(4):
            self._space.step(STEP_S)
        # The angle first: it turns the block about its centre of gravity, which differs from its position.
        block.angle, block.angular_velocity = float(pose[2]), 0.0
        block.position, block.velocity = (float(pose[0]), float(pose[1])), (0.0, 0.0)
        agent.position, agent.velocity = tuple(begin.tolist()), tuple((SPEED_PX_S * direction).tolist())
        poses = []
        for _ in range(num_strides):
            for _ in range(STEPS_PER_STRIDE):
                self._space.step(STEP_S)
            poses.append((*block.position, block.angle))
        return np.array(poses)
