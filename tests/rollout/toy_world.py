"""A world small enough to be right by inspection: a point on a line that must reach its start's goal."""

import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from praxia.core.embodiment import Camera, Embodiment, Field
from praxia.core.keys import generator
from praxia.core.types import Decision, EnvSpec, Observation, Outcome, Query, Start
from praxia.core.window import Window
from praxia.rollout.types import Job

EMBODIMENT = Embodiment(
    name="toy",
    state=(Field("position", 1, "position", "m"),),
    action=(Field("move", 1, "delta", "m", low=-1.0, high=1.0),),
    cameras=(Camera("front", 8, 8),),
    control_hz=10.0,
)


class ToyEnv:
    """Succeeds within 0.5 m of the goal. Images encode (start number, step); payload flags make it misbehave."""

    embodiment = EMBODIMENT
    privileged_layout: ClassVar[Mapping[str, int]] = {"goal": 1}

    def __init__(self, spec: EnvSpec):
        self.spec = spec
        self.observed: list[tuple[int, tuple[str, ...]]] = []
        self.closed = False

    def reset(self, start: Start) -> None:
        self.payload = start.payload
        self.position, self.steps = np.float64(0), 0
        if self.payload.get("crash_at") == 0:
            raise RuntimeError("toy crash\nat reset")

    def command(self, action: np.ndarray) -> Outcome:
        self.steps += 1
        if self.payload.get("crash_at") == self.steps:
            raise RuntimeError("toy crash\nat a step")
        if self.payload.get("die_at") == self.steps:
            os.kill(os.getpid(), signal.SIGKILL)
        self.position = self.position + np.float64(action[0])
        success = bool(abs(self.position - self.payload["goal"]) < 0.5)
        return Outcome(float(-abs(self.position)), self.payload.get("ends_at") == self.steps, False, success)

    def observe(self, cameras: Sequence[str]) -> Observation:
        self.observed.append((self.steps, tuple(cameras)))
        side = self.spec.size
        image = np.zeros((side, side, 3), np.uint8)
        image[..., 0], image[..., 1] = self.payload["number"], self.steps
        state = np.array([self.position], np.float32)
        return Observation(dict.fromkeys(cameras, image), state, self.spec.task, self.steps * 0.1)

    def privileged(self) -> Mapping[str, np.ndarray]:
        return {"goal": np.array([self.payload["goal"]], np.float64)}

    def snapshot(self) -> bytes:
        return self.position.tobytes()

    def restore(self, snapshot: bytes) -> None:
        self.position = np.frombuffer(snapshot)[0]

    def close(self) -> None:
        self.closed = True


class ToyRobot:
    """The same world as a robot: no snapshots, no privileged state, a camera that is no square, and perhaps no success.

    Its camera's image is 0.05 s older than the state that is read with it. A start with the flag `silent` is of a task
    whose success nobody measures.
    """

    embodiment = replace(EMBODIMENT, name="toy-robot", cameras=(Camera("front", 4, 6),))

    def __init__(self, spec: EnvSpec):
        self._world = ToyEnv(spec)

    def reset(self, start: Start) -> None:
        self._world.reset(start)

    def command(self, action: np.ndarray) -> Outcome:
        outcome = self._world.command(action)
        return replace(outcome, success=None) if self._world.payload.get("silent") else outcome

    def observe(self, cameras: Sequence[str]) -> Observation:
        seen = self._world.observe(cameras)
        images = {camera: image[:4, :6] for camera, image in seen.images.items()}
        times_s = {f"image.{camera}": seen.time_s - 0.05 for camera in cameras}
        return replace(seen, images=images, times_s=times_s)

    def close(self) -> None:
        self._world.close()


class Seeker:
    """Walks towards the goal that it was made for, from the state alone, and keeps all queries."""

    embodiment = EMBODIMENT
    privileged = False

    def __init__(self, goal: float = 3.0, chunk: int = 4, cameras: Sequence[str] = ("front",)):
        self.window = Window({"state": (0,), **{f"image.{name}": (0,) for name in cameras}}, horizon=chunk)
        self.goal = goal
        self.queries: list[Query] = []

    def start(self, num_rows: int) -> None:
        return None

    def act(self, queries: Sequence[Query], carry: None) -> tuple[list[Decision], None]:
        self.queries += queries
        return [self._decide(query) for query in queries], None

    def _decide(self, query: Query) -> Decision:
        towards = np.clip(self.goal - query.history[-1].state[0], -0.5, 0.5)
        return Decision(np.full((self.window.horizon, 1), towards, np.float32), np.ones(self.window.horizon, bool))


class Walker:
    """Walks towards a privileged goal with noise of its key, and keeps all queries."""

    embodiment = EMBODIMENT
    privileged = True

    def __init__(self, cameras: Sequence[str] = ("front",), chunk: int = 4, past: int = 0):
        offsets = tuple(range(-past, 1))
        self.window = Window({"state": offsets, **{f"image.{name}": offsets for name in cameras}}, horizon=chunk)
        self.batches: list[list[Query]] = []

    def start(self, num_rows: int) -> Any:
        return {"rows": num_rows}

    def act(self, queries: Sequence[Query], carry: Any) -> tuple[list[Decision], Any]:
        self.batches.append(list(queries))
        return [self._decide(query) for query in queries], carry

    def _decide(self, query: Query) -> Decision:
        assert query.privileged is not None
        gap = query.privileged["goal"][0] - query.history[-1].state[0]
        noise = generator(query.key, query.step).normal(0, 0.05, (self.window.horizon, 1))
        chunk = (np.clip(gap, -1, 1) * 0.5 + noise).astype(np.float32)
        return Decision(chunk, np.ones(self.window.horizon, bool))


def build(spec: EnvSpec) -> ToyEnv:
    return ToyEnv(spec)


def job(number: int, size: int = 8, goal: float = 3.0, **flags: int) -> Job:
    start = Start("toy", "walk", {"number": number, "goal": goal, **flags})
    return Job(EnvSpec("toy", "walk", size=size), start, f"0/{start.key}", number)
