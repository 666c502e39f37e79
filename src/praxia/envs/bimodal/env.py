"""Bimodal as a `Simulator`: motion in the plane, an obstacle that ends the episode on contact, and a camera above."""

import math
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from praxia.core.embodiment import Camera, Embodiment, Field
from praxia.core.errors import MismatchError, UnknownName
from praxia.core.types import EnvSpec, Observation, Outcome, Start
from praxia.data.images import pad_to
from praxia.envs.bimodal.starts import INSTRUCTIONS, short_name
from praxia.envs.snapshots import check_start, decode_snapshot, encode_snapshot

__all__ = ["CAMERA", "STEP_M", "Bimodal", "embodiment"]

CAMERA = "top"
CONTROL_HZ = 10.0
# How far the robot moves in a control step at most: 1 m/s along both axes.
STEP_M = math.sqrt(2) / CONTROL_HZ

# Radii of the robot, of the obstacle and the robot together, and of the goal that the robot's centre must reach.
ROBOT_M, CONTACT_M, GOAL_M = 0.05, 0.3, 0.1

GROUND_RGB, GOAL_RGB, OBSTACLE_RGB, ROBOT_RGB = (245, 245, 245), (150, 210, 150), (70, 70, 80), (220, 90, 40)

# Bounds of the robot's centre: the lowest and the highest (x, y).
ARENA_M = ((-1.25, -0.5), (1.25, 2.0))


@cache
def embodiment(size: int) -> Embodiment:
    """A disc that moves in the plane, below one camera of `size` pixels.

    The state contains the obstacle and the goal too, so a policy needs no images.
    """
    return Embodiment(
        name="bimodal",
        state=(
            Field("robot", 2, "position", "m", frame="world"),
            Field("obstacle", 2, "position", "m", frame="world"),
            Field("goal", 2, "position", "m", frame="world"),
        ),
        action=(Field("robot", 2, "velocity", "m/s", frame="world", low=-1.0, high=1.0),),
        cameras=(Camera(CAMERA, size, size),),
        control_hz=CONTROL_HZ,
    )


class Bimodal:
    """See `praxia.core.types.Simulator`. `spec.profile` is ignored: there is one way to render.

    The image is a square; between black bars where the camera's size is none.

    Raises:
        UnknownName: the task.
    """

    def __init__(self, spec: EnvSpec):
        self.embodiment = spec.sized(embodiment(spec.size))
        self.privileged_layout = {"robot": 2, "obstacle": 2, "goal": 2}
        self._task = short_name(spec.task)
        self._size = spec.size_of(CAMERA)
        self._start: Start | None = None

    def reset(self, start: Start) -> None:
        """Begin `start`, whose payload is `{"robot", "obstacle", "goal"}`, each [x, y] in metres.

        Raises:
            MismatchError: the start is another environment's or another task's.
        """
        if (start.env, start.task) != ("bimodal", self._task):
            raise MismatchError(f"expected a start of bimodal/{self._task}, got one of {start.env}/{start.task}")
        self._robot, self._obstacle, self._goal = (
            np.array(start.payload[name], np.float64) for name in ("robot", "obstacle", "goal")
        )
        self._steps = 0
        self._start = start

    def command(self, action: Float32[np.ndarray, " A"]) -> Outcome:
        """Move for one control period at the commanded velocity, at most 1 m/s per dim, within the arena.

        Touching the obstacle on the way ends the episode without success. The reward is the decrease of the distance to
        the goal.
        """
        before = self._robot
        velocity = np.clip(action, -1, 1).astype(np.float64)
        self._robot = np.clip(before + velocity / CONTROL_HZ, *ARENA_M)
        self._steps += 1
        touched = _distance(self._obstacle, before, self._robot) < CONTACT_M
        old_m, new_m = (float(np.linalg.norm(self._goal - position)) for position in (before, self._robot))
        return Outcome(old_m - new_m, terminated=touched, truncated=False, success=not touched and new_m < GOAL_M)

    def observe(self, cameras: Sequence[str]) -> Observation:
        """Raises UnknownName for an unknown camera."""
        for camera in cameras:
            if camera != CAMERA:
                raise UnknownName("camera", camera, [CAMERA], "praxia info --benchmarks")
        square = _render(self._robot, self._obstacle, self._goal, min(self._size))
        images = {camera: pad_to(square, self._size) for camera in cameras}
        state = np.concatenate([self._robot, self._obstacle, self._goal]).astype(np.float32)
        return Observation(images, state, INSTRUCTIONS[self._task], self._steps / CONTROL_HZ)

    def privileged(self) -> Mapping[str, np.ndarray]:
        """`robot`, `obstacle` and `goal`, float64[2] each: the state, unrounded."""
        return {"robot": self._robot.copy(), "obstacle": self._obstacle.copy(), "goal": self._goal.copy()}

    def snapshot(self) -> bytes:
        assert self._start is not None, "reset comes first"
        return encode_snapshot({"start": self._start.key, "steps": self._steps}, {"robot": self._robot})

    def restore(self, snapshot: bytes) -> None:
        """After `reset` with the snapshot's own start. Raises MismatchError for a snapshot of another episode."""
        assert self._start is not None, "reset comes first"
        values, arrays = decode_snapshot(snapshot)
        check_start(values["start"], self._start.key)
        self._robot, self._steps = arrays["robot"], values["steps"]

    def close(self) -> None:
        """There is nothing to release but memory."""


def _render(
    robot: Float64[np.ndarray, "2"], obstacle: Float64[np.ndarray, "2"], goal: Float64[np.ndarray, "2"], size: int
) -> UInt8[np.ndarray, "Y X 3"]:
    """The arena at `size` pixels per side, y upwards. A pixel shows what is at its centre, without smoothing."""
    (left, near), (right, far) = ARENA_M
    steps = (np.arange(size) + 0.5) / size
    x, y = left + (right - left) * steps, far - (far - near) * steps[:, None]
    image = np.full((size, size, 3), GROUND_RGB, np.uint8)
    discs = ((goal, GOAL_M, GOAL_RGB), (obstacle, CONTACT_M - ROBOT_M, OBSTACLE_RGB), (robot, ROBOT_M, ROBOT_RGB))
    for centre, radius, colour in discs:
        image[(x - centre[0]) ** 2 + (y - centre[1]) ** 2 <= radius**2] = colour
    return image


def _distance(point: Float64[np.ndarray, "2"], start: Float64[np.ndarray, "2"], end: Float64[np.ndarray, "2"]) -> float:
    """From a point to the nearest point of the segment from `start` to `end`."""
    segment = end - start
    squared = float(segment @ segment)
    fraction = np.clip((point - start) @ segment / squared, 0, 1) if squared > 0 else 0.0
    return float(np.linalg.norm(start + fraction * segment - point))
