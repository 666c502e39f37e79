"""What a straight push does to the block, in the physics of the package."""

import numpy as np
import pymunk
from gym_pusht.envs.pusht import PushTEnv
from jaxtyping import Float64

from praxia.experts.pusht.shape import AGENT_PX

__all__ = ["STRIDE_PX", "Model"]

# The agent's speed in the model is 150 px/s, as in its real pushes, and every third step of 0.01 s is noted.
STEP_S, SPEED_PX_S, STEPS_NOTED = 0.01, 150.0, 3
STRIDE_PX = STEPS_NOTED * STEP_S * SPEED_PX_S


class Model:
    """A block and an agent of their own, without walls.

    The block moves only while it is pushed (its velocity is damped away in a step), so where it ends depends on the
    agent's path and hardly on its speed. What is left in the solver of one push may change the last bits of the next:
    a new model for each search keeps searches independent.
    """

    def __init__(self):
        self._space = pymunk.Space()
        self._space.damping = 0.0
        self._agent = PushTEnv.add_circle(self._space, (0, 0), AGENT_PX)
        self._block, _ = PushTEnv.add_tee(self._space, (0, 0), 0)

    def push(
        self,
        pose: Float64[np.ndarray, "3"],
        begin: Float64[np.ndarray, "2"],
        direction: Float64[np.ndarray, "2"],
        num: int,
    ) -> Float64[np.ndarray, "num 3"]:
        """The block's poses after each of `num` strides of the agent, from `begin` in a unit `direction`."""
        agent, block = self._agent, self._block
        # Contacts of the last push are forgotten after three steps apart.
        agent.position, agent.velocity = (-1000.0, -1000.0), (0.0, 0.0)
        for _ in range(4):
            self._space.step(STEP_S)
        # The angle first: it turns the block about its centre of gravity, which is not where its position is.
        block.angle, block.angular_velocity = float(pose[2]), 0.0
        block.position, block.velocity = (float(pose[0]), float(pose[1])), (0.0, 0.0)
        agent.position, agent.velocity = tuple(begin.tolist()), tuple((SPEED_PX_S * direction).tolist())
        poses = []
        for _ in range(num):
            for _ in range(STEPS_NOTED):
                self._space.step(STEP_S)
            poses.append((*block.position, block.angle))
        return np.array(poses)
