"""What moves by itself in a scene: belts, spots that jump, spots on a path. Time counts in control steps.

A start draws all of it, so that an episode is a function of its start and the actions. Positions follow from the step,
which `MjData` keeps as its time; only when a jump began is state of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import mujoco
import numpy as np
from jaxtyping import Float64

from praxia.envs.tabletop.fixtures import BELT_HALF_M, BELT_HEIGHT_M, BELT_STRIPE_M
from praxia.envs.tabletop.robots.robot import CONTROL_HZ
from praxia.envs.tabletop.scene import Thing
from praxia.envs.tabletop.scene_state import SceneState

__all__ = ["Belt", "Jumps", "Motion", "MovingParts", "Path"]


@dataclass(frozen=True)
class Belt:
    """The belt of that name carries what lies on it along x. 0: it stands still."""

    name: str
    velocity_m_s: float


@dataclass(frozen=True)
class Jumps:
    """Spots that jump to other places, all at once: first at an event, then after every `dwell_steps`.

    `places[k][i]` is where spot `names[i]` is after k jumps, (x, y) in m; it stays at the last one. The
    event is the step `at_step`, or that the hand comes within `within_m` of the first spot, seen from above.
    """

    names: tuple[str, ...]
    places: tuple[tuple[tuple[float, float], ...], ...]
    dwell_steps: int
    at_step: int | None = None
    within_m: float | None = None


@dataclass(frozen=True)
class Path:
    """A spot on a Lissajous curve: x = centre + amplitude * sin(2 pi frequency t + phase), and y likewise."""

    name: str
    centre_m: tuple[float, float]
    amplitude_m: tuple[float, float]
    frequency_hz: tuple[float, float]
    phase_rad: tuple[float, float]

    def position(self, step: int) -> Float64[np.ndarray, "2"]:
        angle = 2 * np.pi * np.array(self.frequency_hz) * step / CONTROL_HZ + self.phase_rad
        return np.array(self.centre_m) + np.array(self.amplitude_m) * np.sin(angle)


@dataclass(frozen=True)
class Motion:
    """All motion of a scene, as a plain value."""

    belts: tuple[Belt, ...] = ()
    jumps: tuple[Jumps, ...] = ()
    paths: tuple[Path, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """A JSON value from which `from_json` makes an equal motion. Its keys are part of start keys."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Motion":
        """The inverse of `to_json`, before or after a trip through JSON text."""
        return cls(
            belts=tuple(Belt(**item) for item in value["belts"]),
            jumps=tuple(Jumps(**{**item, **_jump_tuples(item)}) for item in value["jumps"]),
            paths=tuple(Path(**{key: _tupled(one) for key, one in item.items()}) for item in value["paths"]),
        )


def _jump_tuples(item: Mapping[str, Any]) -> dict[str, Any]:
    places = tuple(tuple(tuple(place) for place in places) for places in item["places"])
    return {"names": tuple(item["names"]), "places": places}


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


class MovingParts:
    """The motion of one episode in one model. `begin` follows a reset, `advance` precedes every control step."""

    def __init__(self, motion: Motion, model: mujoco.MjModel, data: mujoco.MjData, state: SceneState):
        self._motion = motion
        self._data = data
        self._state = state
        spots = [name for jumps in motion.jumps for name in jumps.names] + [path.name for path in motion.paths]
        self._mocaps = {name: model.body(name).mocapid[0] for name in spots}
        self._belt_dofs = {belt.name: model.joint(belt.name).dofadr[0] for belt in motion.belts}
        self._belt_joints = {belt.name: model.joint(belt.name).qposadr[0] for belt in motion.belts}
        self._thing_dofs = {thing.name: model.body(thing.name).dofadr[0] for thing in state.scene.loose}
        # The step at which each group of spots jumped first. None: it has not yet.
        self._first_jumps: list[int | None] = [None] * len(motion.jumps)

    def begin(self) -> None:
        """Place the spots, and give what lies on a belt the belt's velocity."""
        self._place_spots(0)
        self._drive_belts()
        for name, dof in self._thing_dofs.items():
            self._data.qvel[dof : dof + 2] = self.velocity(name)

    def advance(self) -> None:
        """Set everything as it is at the end of the control step that comes."""
        step = round(self._data.time * CONTROL_HZ)
        for at, jumps in enumerate(self._motion.jumps):
            if self._first_jumps[at] is None and self._is_due(jumps, step):
                self._first_jumps[at] = step
        self._place_spots(step + 1)
        self._drive_belts()

    def velocity(self, name: str) -> Float64[np.ndarray, "2"]:
        """The velocity, (x, y) in m/s, of a spot on a path or of a thing that lies on a belt; else 0."""
        for path in self._motion.paths:
            if path.name == name:
                step = round(self._data.time * CONTROL_HZ)
                return (path.position(step + 1) - path.position(step)) * CONTROL_HZ
        for belt in self._motion.belts:
            if name in self._thing_dofs and _lies_on(self._state, name, belt.name):
                return np.array([belt.velocity_m_s, 0.0])
        return np.zeros(2)

    def to_json(self) -> list[int | None]:
        """What a snapshot holds beside MuJoCo's own state."""
        return list(self._first_jumps)

    def restore(self, value: Sequence[int | None]) -> None:
        """The inverse of `to_json`."""
        self._first_jumps = list(value)

    def _is_due(self, jumps: Jumps, step: int) -> bool:
        if jumps.within_m is None:
            return step == jumps.at_step
        apart = self._state.grip()[:2] - self._state.position(jumps.names[0])[:2]
        return bool(np.linalg.norm(apart) < jumps.within_m)

    def _place_spots(self, step: int) -> None:
        for path in self._motion.paths:
            self._data.mocap_pos[self._mocaps[path.name], :2] = path.position(step)
        for jumps, first in zip(self._motion.jumps, self._first_jumps, strict=True):
            number = 0 if first is None else 1 + (step - 1 - first) // jumps.dwell_steps
            places = jumps.places[min(number, len(jumps.places) - 1)]
            for name, place in zip(jumps.names, places, strict=True):
                self._data.mocap_pos[self._mocaps[name], :2] = place

    def _drive_belts(self) -> None:
        """Set each belt's velocity, and its position back by whole stripes: it runs on, and its ends stay."""
        for belt in self._motion.belts:
            self._data.qvel[self._belt_dofs[belt.name]] = belt.velocity_m_s
            joint = self._belt_joints[belt.name]
            self._data.qpos[joint] = np.fmod(self._data.qpos[joint], BELT_STRIPE_M)


def _lies_on(state: SceneState, name: str, belt: str) -> bool:
    """Whether a thing lies on the belt, freely."""
    thing = state.scene.find(name)
    assert isinstance(thing, Thing)
    x, y, z = state.position(name) - state.position(belt)
    bottom = z - BELT_HEIGHT_M - thing.half_height_m
    return bool(abs(x) < BELT_HALF_M[0] and abs(y) < BELT_HALF_M[1] and abs(bottom) < 0.006)
