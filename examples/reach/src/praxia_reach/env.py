"""The environment and its family: what `praxia.envs` registers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from praxia.core.embodiment import Camera, Embodiment, Field
from praxia.core.errors import UnknownName
from praxia.core.keys import generator
from praxia.core.types import EnvSpec, Observation, Outcome, Simulator, Start
from praxia.envs.family import EnvFamily
from praxia.envs.snapshots import check_start, decode_snapshot, encode_snapshot
from praxia.envs.wrappers import build_wrapped

__all__ = ["COLOURS", "FAMILY", "Reach"]

CONTROL_HZ, ROBOT_M, DISC_M = 10.0, 0.08, 0.12
COLOURS = {"red": (200, 40, 40), "blue": (40, 60, 200)}
GROUND_RGB, ROBOT_RGB = (245, 245, 245), (40, 40, 40)
INSTRUCTIONS = {f"reach-{colour}": f"move to the {colour} disc" for colour in COLOURS}


class Reach:
    """See `praxia.core.types.Simulator`. A start's payload is {"robot": [x, y], "red": [x, y], "blue": [x, y]}."""

    def __init__(self, spec: EnvSpec):
        self.embodiment = embodiment(spec)
        self.privileged_layout = {"target": 2}
        self._task = find_task(spec.task)
        self._size = spec.size

    def reset(self, start: Start) -> None:
        self._start, self._steps = start, 0
        self._robot = np.array(start.payload["robot"])
        self._discs = {colour: np.array(start.payload[colour]) for colour in COLOURS}

    def command(self, action: np.ndarray) -> Outcome:
        """Move for one control period at the commanded velocity, at most 1 m/s in each direction."""
        self._robot = np.clip(self._robot + np.clip(action, -1, 1).astype(np.float64) / CONTROL_HZ, -1, 1)
        self._steps += 1
        distance_m = float(np.linalg.norm(self._robot - self._discs[self._task.removeprefix("reach-")]))
        return Outcome(-distance_m, terminated=False, truncated=False, success=distance_m < DISC_M)

    def observe(self, cameras: Sequence[str]) -> Observation:
        images = {camera: self._render() for camera in cameras}
        return Observation(images, self._robot.astype(np.float32), INSTRUCTIONS[self._task], self._steps / CONTROL_HZ)

    def privileged(self) -> Mapping[str, np.ndarray]:
        return {"target": self._discs[self._task.removeprefix("reach-")].copy()}

    def snapshot(self) -> bytes:
        return encode_snapshot({"start": self._start.key, "steps": self._steps}, {"robot": self._robot})

    def restore(self, snapshot: bytes) -> None:
        values, arrays = decode_snapshot(snapshot)
        check_start(values["start"], self._start.key)
        self._robot, self._steps = arrays["robot"], values["steps"]

    def close(self) -> None:
        """There is nothing to release but memory."""

    def _render(self) -> np.ndarray:
        steps = (np.arange(self._size) + 0.5) / self._size
        x, y = 2 * steps - 1, 1 - 2 * steps[:, None]
        image = np.full((self._size, self._size, 3), GROUND_RGB, np.uint8)
        drawn = [(self._discs[colour], DISC_M, rgb) for colour, rgb in COLOURS.items()]
        for centre, radius_m, rgb in (*drawn, (self._robot, ROBOT_M, ROBOT_RGB)):
            image[(x - centre[0]) ** 2 + (y - centre[1]) ** 2 <= radius_m**2] = rgb
        return image


def embodiment(spec: EnvSpec) -> Embodiment:
    """A disc that moves in the plane below one camera. Its state does not contain the targets."""
    return Embodiment(
        name="reach",
        state=(Field("robot", 2, "position", "m", frame="world"),),
        action=(Field("robot", 2, "velocity", "m/s", frame="world", low=-1.0, high=1.0),),
        cameras=(Camera("top", spec.size, spec.size),),
        control_hz=CONTROL_HZ,
    )


def find_task(name: str) -> str:
    """The task's name, unchanged.

    Raises:
        UnknownName: another task.
    """
    if name not in INSTRUCTIONS:
        raise UnknownName("task of Reach", name, INSTRUCTIONS, "praxia info --tasks reach")
    return name


def draw_start(task: str, split: str, index: int) -> Start:
    """Start `index` of a split: a pure function of its arguments. The discs are on opposite sides of the robot."""
    rng = generator("reach", find_task(task), split, index)
    robot = rng.uniform(-0.3, 0.3, 2)
    angle = rng.uniform(0, 2 * np.pi)
    aside = rng.uniform(0.4, 0.6) * np.array([np.cos(angle), np.sin(angle)])
    payload = {"robot": robot.tolist(), "red": (robot + aside).tolist(), "blue": (robot - aside).tolist()}
    return Start("reach", task, payload)


def other_start(start: Start) -> Start:
    """Another start of the same task, whose images the control swapped-image shows."""
    return draw_start(start.task, f"other-{start.key}", 0)


def build(spec: EnvSpec) -> Simulator:
    """The environment, in the wrappers of controls."""
    return build_wrapped(Reach, spec, other_start)


def provenance() -> dict[str, Any]:
    """Nothing but numpy renders and simulates here."""
    return {}


def horizon(task: str) -> int:
    """The expert needs at most 10 steps."""
    return 30


FAMILY = EnvFamily(
    name="reach",
    instructions=INSTRUCTIONS,
    find_task=find_task,
    draw_start=draw_start,
    embodiment=embodiment,
    build=build,
    provenance=provenance,
    train_tasks=tuple(INSTRUCTIONS),
    horizon=horizon,
)
