"""Tabletop's named streams: depth, points and contact force, measured where the option "streams" names them."""

from collections.abc import Sequence
from dataclasses import replace

import mujoco
import numpy as np
from jaxtyping import Float32

from praxia.core.embodiment import Embodiment, Stream
from praxia.core.errors import UnknownName
from praxia.core.types import Observation
from praxia.envs.tabletop.env import Tabletop
from praxia.envs.tabletop.sensors import depth, point_cloud

__all__ = ["SensingTabletop", "with_streams"]

CONTACT_FORCE = "contact_force"
NUM_POINTS = 256


def with_streams(embodiment: Embodiment, names: str) -> Embodiment:
    """`embodiment` with the streams that `names` lists, such as "contact_force,depth.front,points.wrist".

    `contact_force` [3] N is what presses on the robot, in the world. `depth.CAMERA` [Y, X] m is the distance of each
    pixel from the camera's plane, at the size of its images; `points.CAMERA` [N, 3] m are the points in the world that
    256 pixels show, spread evenly over the rows of the image.

    Raises:
        UnknownName: names the nearest streams.
    """
    known = {CONTACT_FORCE: Stream(CONTACT_FORCE, (3,), unit="N", frame="world")}
    for camera in embodiment.cameras:
        size = (camera.height, camera.width)
        known[f"depth.{camera.name}"] = Stream(f"depth.{camera.name}", size, unit="m", frame=camera.name)
        num_points = min(NUM_POINTS, size[0] * size[1])
        known[f"points.{camera.name}"] = Stream(f"points.{camera.name}", (num_points, 3), unit="m", frame="world")
    wanted = [name for name in names.split(",") if name]
    if unknown := [name for name in wanted if name not in known]:
        raise UnknownName("stream of Tabletop", unknown[0], known, "praxia info --benchmarks")
    return replace(embodiment, streams=tuple(known[name] for name in dict.fromkeys(wanted)))


class SensingTabletop:
    """A `Tabletop` that measures the streams of `names` when they are asked for. See `praxia.core.types.Simulator`."""

    def __init__(self, env: Tabletop, names: str):
        self.env = env
        self.embodiment = with_streams(env.embodiment, names)
        self.privileged_layout = env.privileged_layout
        self.reset, self.command, self.close = env.reset, env.command, env.close
        self.privileged, self.snapshot, self.restore = env.privileged, env.snapshot, env.restore

    def observe(self, cameras: Sequence[str]) -> Observation:
        """Raises GraphicsError if nothing can be rendered, UnknownName for an unknown camera or stream."""
        streams = {stream.name: self._measure(stream) for stream in self.embodiment.streams if stream.name in cameras}
        seen = self.env.observe([name for name in cameras if name not in streams])
        return replace(seen, streams=streams)

    def _measure(self, stream: Stream) -> np.ndarray:
        kind, _, camera = stream.name.partition(".")
        if kind == "depth":
            return depth(self.env, camera)
        if kind == "points":
            points = point_cloud(self.env, camera).reshape(-1, 3)
            return points[np.linspace(0, len(points) - 1, stream.shape[0]).astype(np.int64)]
        return contact_force(self.env)


def contact_force(env: Tabletop) -> Float32[np.ndarray, "3"]:
    """The sum of the forces on the robot by everything else, in N in the world."""
    total, force = np.zeros(3), np.zeros(6)
    for index in range(env.data.ncon):
        contact = env.data.contact[index]
        first, second = (bool(env.state.is_robot[geom]) for geom in contact.geom)
        if first == second:
            continue
        mujoco.mj_contactForce(env.model, env.data, index, force)
        # The contact's own frame has its axes as rows; the force is that of the first on the second.
        on_second = contact.frame.reshape(3, 3).T @ force[:3]
        total += on_second if second else -on_second
    return total.astype(np.float32)
