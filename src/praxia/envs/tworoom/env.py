"""TwoRoom as a `Simulator`: motion in the plane, walls to slide along, a camera above, and the goal as an image."""

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

from praxia.core.embodiment import Camera, Embodiment, Field
from praxia.core.errors import MismatchError, UnknownName
from praxia.core.types import EnvSpec, Observation, Outcome, Start
from praxia.data.images import pad_to
from praxia.envs.snapshots import check_start, decode_snapshot, encode_snapshot
from praxia.envs.tworoom.rooms import DOOR_M, ROBOT_M, SIDE_M, WALL_M, moved, path_length, shortest_path
from praxia.envs.tworoom.starts import INSTRUCTIONS, short_name

__all__ = ["CAMERA", "GOAL", "TwoRoom", "embodiment"]

# The camera above, and the image that it would show with the robot at the goal.
CAMERA, GOAL = "top", "goal"
CONTROL_HZ = 10.0

# How near the robot's centre must be to the goal.
REACHED_M = 0.2

GROUND_RGB, WALL_RGB, ROBOT_RGB = (245, 245, 245), (70, 70, 80), (220, 60, 40)


@cache
def embodiment(size: int) -> Embodiment:
    """A disc that moves in the plane, below one camera of `size` pixels, and an image of the goal.

    The state contains the goal too, for policies that see no images.
    """
    return Embodiment(
        name="tworoom",
        state=(
            Field("robot", 2, "position", "m", frame="world"),
            Field("goal", 2, "position", "m", frame="world"),
        ),
        action=(Field("robot", 2, "velocity", "m/s", frame="world", low=-1.0, high=1.0),),
        cameras=(Camera(CAMERA, size, size), Camera(GOAL, size, size)),
        control_hz=CONTROL_HZ,
    )


class TwoRoom:
    """See `praxia.core.types.Simulator`. `spec.profile` is ignored: there is one way to render.

    The images are squares; between black bars where a camera's size is none.

    Raises:
        UnknownName: the task.
    """

    def __init__(self, spec: EnvSpec):
        self.embodiment = spec.sized(embodiment(spec.size))
        self.privileged_layout = {"robot": 2, "goal": 2, "waypoint": 2}
        self._task = short_name(spec.task)
        self._sizes = {camera.name: (camera.height, camera.width) for camera in self.embodiment.cameras}
        self._start: Start | None = None

    def reset(self, start: Start) -> None:
        """Begin `start`, whose payload is `{"robot", "goal"}`, each [x, y] in metres.

        Raises:
            MismatchError: the start is another environment's or another task's.
        """
        if (start.env, start.task) != ("tworoom", self._task):
            raise MismatchError(f"expected a start of tworoom/{self._task}, got one of {start.env}/{start.task}")
        self._robot, self._goal = (np.array(start.payload[name], np.float64) for name in ("robot", "goal"))
        self._left_m = path_length(self._robot, self._goal)
        self._steps = 0
        self._start = start

    def command(self, action: Float32[np.ndarray, " A"]) -> Outcome:
        """Move for one control period at the commanded velocity, at most 1 m/s per dim, and slide along walls.

        The reward is the decrease of the length of the shortest path to the goal.
        """
        self._robot = moved(self._robot, np.clip(action, -1, 1).astype(np.float64) / CONTROL_HZ)
        self._steps += 1
        before_m, self._left_m = self._left_m, path_length(self._robot, self._goal)
        reached = float(np.linalg.norm(self._goal - self._robot)) < REACHED_M
        return Outcome(before_m - self._left_m, terminated=False, truncated=False, success=reached)

    def observe(self, cameras: Sequence[str]) -> Observation:
        """Raises UnknownName for an unknown camera."""
        places = {CAMERA: self._robot, GOAL: self._goal}
        if unknown := [camera for camera in cameras if camera not in places]:
            raise UnknownName("camera", unknown[0], [*places], "praxia info --benchmarks")
        images = {camera: _render(places[camera], self._sizes[camera]) for camera in cameras}
        state = np.concatenate([self._robot, self._goal]).astype(np.float32)
        return Observation(images, state, INSTRUCTIONS[self._task], self._steps / CONTROL_HZ)

    def privileged(self) -> Mapping[str, np.ndarray]:
        """`robot`, `goal` and `waypoint`, the next corner of the shortest path or the goal, float64[2] each."""
        waypoint = shortest_path(self._robot, self._goal)[0]
        return {"robot": self._robot.copy(), "goal": self._goal.copy(), "waypoint": waypoint.copy()}

    def snapshot(self) -> bytes:
        assert self._start is not None, "reset comes first"
        return encode_snapshot({"start": self._start.key, "steps": self._steps}, {"robot": self._robot})

    def restore(self, snapshot: bytes) -> None:
        """After `reset` with the snapshot's own start. Raises MismatchError for a snapshot of another episode."""
        assert self._start is not None, "reset comes first"
        values, arrays = decode_snapshot(snapshot)
        check_start(values["start"], self._start.key)
        self._robot, self._steps = arrays["robot"], values["steps"]
        self._left_m = path_length(self._robot, self._goal)

    def close(self) -> None:
        """There is nothing to release but memory."""


def _render(robot: Float64[np.ndarray, "2"], size: tuple[int, int]) -> UInt8[np.ndarray, "Y X 3"]:
    """The rooms with the robot in them, y upwards. The disc's edge is smooth, so that less than a pixel can be seen."""
    side = min(size)
    image, x, y = _rooms(side)
    pixel_m = 2 * SIDE_M / side
    distance_m = np.hypot(x - robot[0], y - robot[1])
    covered = np.clip((ROBOT_M - distance_m) / pixel_m + 0.5, 0, 1)[..., None]
    drawn = np.rint((1 - covered) * image + covered * np.array(ROBOT_RGB)).astype(np.uint8)
    return pad_to(drawn, size)


@cache
def _rooms(
    side: int,
) -> tuple[UInt8[np.ndarray, "Y X 3"], Float64[np.ndarray, "1 X"], Float64[np.ndarray, "Y 1"]]:
    """The empty rooms at `side` pixels, and where the centres of its columns and rows are."""
    steps = (np.arange(side) + 0.5) / side
    x, y = (2 * steps - 1)[None] * SIDE_M, (1 - 2 * steps)[:, None] * SIDE_M
    wall: Bool[np.ndarray, "Y X"] = (np.abs(x) <= WALL_M) & (np.abs(y) > DOOR_M)
    image = np.where(wall[..., None], WALL_RGB, GROUND_RGB).astype(np.uint8)
    return image, x, y
