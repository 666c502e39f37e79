"""Bimodal as an `Env`: kinematics in the plane, and an obstacle that ends the episode when it is touched."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float32, Float64

from praxia.core.errors import MismatchError, UnknownName
from praxia.core.types import EnvSpec, Observation, Outcome, Start
from praxia.envs.bimodal.drawing import draw
from praxia.envs.bimodal.embodiment import ARENA_M, CAMERA, CONTACT_M, CONTROL_HZ, GOAL_M, embodiment
from praxia.envs.bimodal.starts import INSTRUCTIONS, short_name
from praxia.envs.snapshots import decode, encode

__all__ = ["Bimodal"]


class Bimodal:
    """See `praxia.core.types.Env`. There is one way to draw, so `spec.profile` says nothing.

    Raises:
        UnknownName: the task.
    """

    def __init__(self, spec: EnvSpec):
        self.embodiment = embodiment(spec.size)
        self._task = short_name(spec.task)
        self._size = spec.size
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

    def step(self, action: Float32[np.ndarray, " A"]) -> Outcome:
        """Move for one control period at the velocity asked for, of at most 1 m/s a dim, within the arena.

        Touching the obstacle on the way ends the episode, and is no success. The reward is what this step took off
        the distance to the goal.
        """
        before = self._robot
        velocity = np.clip(action, -1, 1).astype(np.float64)
        self._robot = np.clip(before + velocity / CONTROL_HZ, *ARENA_M)
        self._steps += 1
        touched = _distance(self._obstacle, before, self._robot) < CONTACT_M
        was, is_now = (float(np.linalg.norm(self._goal - at)) for at in (before, self._robot))
        return Outcome(was - is_now, terminated=touched, truncated=False, success=not touched and is_now < GOAL_M)

    def observe(self, cameras: Sequence[str]) -> Observation:
        """Raises UnknownName for a camera that is not there."""
        for camera in cameras:
            if camera != CAMERA:
                raise UnknownName("camera", camera, [CAMERA], "praxia info --benchmarks")
        images = {camera: draw(self._robot, self._obstacle, self._goal, self._size) for camera in cameras}
        state = np.concatenate([self._robot, self._obstacle, self._goal]).astype(np.float32)
        return Observation(images, state, INSTRUCTIONS[self._task], self._steps / CONTROL_HZ)

    def privileged(self) -> Mapping[str, np.ndarray]:
        """`robot`, `obstacle` and `goal`, float64[2] each: the state, unrounded."""
        return {"robot": self._robot.copy(), "obstacle": self._obstacle.copy(), "goal": self._goal.copy()}

    def snapshot(self) -> bytes:
        assert self._start is not None, "reset comes first"
        return encode({"start": self._start.key, "steps": self._steps}, {"robot": self._robot})

    def restore(self, snapshot: bytes) -> None:
        """After `reset` with the snapshot's own start. Raises MismatchError for a snapshot of another episode."""
        assert self._start is not None, "reset comes first"
        values, arrays = decode(snapshot)
        if values["start"] != self._start.key:
            raise MismatchError(
                f"this snapshot is of start {values['start']}, but the episode under way has start {self._start.key}; "
                "reset to the snapshot's own start first"
            )
        self._robot, self._steps = arrays["robot"], values["steps"]

    def close(self) -> None:
        """Nothing is held but memory."""


def _distance(point: Float64[np.ndarray, "2"], start: Float64[np.ndarray, "2"], end: Float64[np.ndarray, "2"]) -> float:
    """From a point to the nearest place of a straight way."""
    way = end - start
    length = float(way @ way)
    share = np.clip((point - start) @ way / length, 0, 1) if length > 0 else 0.0
    return float(np.linalg.norm(start + share * way - point))
