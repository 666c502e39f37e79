"""Goals: verbs with arguments, and which of them are possible in a scene."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from praxia.envs.tabletop.fixtures import FOOTPRINT_M
from praxia.envs.tabletop.layout import GAP_M
from praxia.envs.tabletop.scene import Fixture, Scene, Thing

__all__ = ["BESIDE_M", "DIRECTIONS", "PUSH_M", "SIDES", "Goal", "beside", "goals_from_json", "possible_goals"]

# As the operator sees them.
DIRECTIONS: dict[str, tuple[float, float]] = {"left": (-1, 0), "right": (1, 0), "away": (0, 1), "closer": (0, -1)}
SIDES: dict[str, tuple[float, float]] = {"left of": (-1, 0), "right of": (1, 0)}
PUSH_M = 0.05
# The gap between a thing placed beside another and that one: room for a finger, even if both are cubes turned by 45
# degrees.
BESIDE_M = 0.05


@dataclass(frozen=True)
class Goal:
    """One verb with its arguments, by their names in the scene.

    `relation` is a direction, "to" or "onto" for push, "in", "on" or a side for place, "" otherwise. `reference` is
    what the relation refers to. "reach" and "push onto" count from the first jump of a spot that jumps: `after_jump`.
    """

    verb: str
    subject: str
    relation: str = ""
    reference: str = ""
    after_jump: bool = False

    def to_json(self) -> dict[str, Any]:
        value = asdict(self)
        if not self.after_jump:
            del value["after_jump"]  # start keys depend on goals: those of spots that stay are as before there were any
        return value


def goals_from_json(values: Sequence[Mapping[str, Any]]) -> tuple[Goal, ...]:
    """The inverse of `Goal.to_json`, for all goals of a start."""
    return tuple(Goal(**value) for value in values)


def possible_goals(scene: Scene, verb: str) -> list[Goal]:
    """Every goal of that verb that can be reached from the initial scene, with room for a hand to do it."""
    return list(_POSSIBLE[verb](scene))


def beside(reference: Thing, subject: Thing, side: str) -> tuple[float, float]:
    """From the reference's centre to the goal position of a subject placed on that side (x, y, in m)."""
    apart = reference.radius_m + subject.radius_m + BESIDE_M
    along_x, along_y = SIDES[side]
    return apart * along_x, apart * along_y


def _touch(scene: Scene) -> Iterator[Goal]:
    yield from (Goal("touch", thing.name) for thing in scene.things)


def _pick(scene: Scene) -> Iterator[Goal]:
    yield from (Goal("pick", thing.name) for thing in scene.things)


def _press(scene: Scene) -> Iterator[Goal]:
    yield from (Goal("press", item.name) for item in scene.fixtures if item.kind == "button")


def _flip(scene: Scene) -> Iterator[Goal]:
    yield from (Goal("flip", item.name) for item in scene.fixtures if item.kind == "switch")


def _open(scene: Scene) -> Iterator[Goal]:
    yield from (Goal("open", item.name) for item in scene.fixtures if item.kind == "drawer" and not item.turned)


def _close(scene: Scene) -> Iterator[Goal]:
    yield from (Goal("close", item.name) for item in scene.fixtures if item.kind == "drawer" and item.turned)


def _push(scene: Scene) -> Iterator[Goal]:
    for thing in scene.things:
        here = np.array([thing.x_m, thing.y_m])
        for name, direction in DIRECTIONS.items():
            if _lane_is_free(scene, thing, here + np.multiply(direction, PUSH_M + 0.03), ()):
                yield Goal("push", thing.name, name)
        for other in scene.things:
            there = np.array([other.x_m, other.y_m])
            far = np.linalg.norm(there - here) if other is not thing else 0
            if 0.11 < far < 0.26 and _lane_is_free(scene, thing, there, (other.name,)):
                yield Goal("push", thing.name, "to", other.name)


def _place(scene: Scene) -> Iterator[Goal]:
    for thing in scene.things:
        for item in scene.fixtures:
            if item.kind in ("bin", "plate"):
                yield Goal("place", thing.name, "in" if item.kind == "bin" else "on", item.name)
        for other in scene.things:
            for side in SIDES:
                if other is not thing and _spot_is_free(scene, thing, side, other):
                    yield Goal("place", thing.name, side, other.name)


def _stack(scene: Scene) -> Iterator[Goal]:
    for thing in scene.things:
        for other in scene.things:
            flat = thing.shape != "ball" and other.shape != "ball"
            if other is not thing and flat and thing.radius_m <= other.radius_m:
                yield Goal("stack", thing.name, "on", other.name)


_POSSIBLE = {
    "touch": _touch,
    "push": _push,
    "press": _press,
    "pick": _pick,
    "place": _place,
    "stack": _stack,
    "open": _open,
    "close": _close,
    "flip": _flip,
}


def _lane_is_free(scene: Scene, thing: Thing, target: np.ndarray, ignored: Sequence[str]) -> bool:
    """Whether a finger fits behind the thing and the lane to the target is free."""
    here = np.array([thing.x_m, thing.y_m])
    length = float(np.linalg.norm(target - here))
    ahead = (target - here) / length
    behind = here - ahead * (thing.radius_m + 0.045)
    if not (_is_on(behind, 0.25, -0.205, 0.19) and _is_on(target, 0.25, -0.2, 0.19)):
        return False
    for item in (*scene.loose, *scene.fixtures):
        if item.name == thing.name or item.name in ignored:
            continue
        offset = np.array([item.x_m, item.y_m]) - here
        half = np.max(FOOTPRINT_M[item.kind]) + 0.01 if isinstance(item, Fixture) else item.radius_m * 1.2
        along = float(offset @ ahead)
        across = float(abs(offset[0] * ahead[1] - offset[1] * ahead[0]))
        swept = -thing.radius_m - 0.06 - half < along < length + thing.radius_m + half
        if swept and across < half + max(thing.radius_m, 0.03) + 0.008:
            return False
    return True


def _spot_is_free(scene: Scene, thing: Thing, side: str, reference: Thing) -> bool:
    """Whether fingers can place the thing on that side of the reference, and it is not there already."""
    spot = np.array([reference.x_m, reference.y_m]) + beside(reference, thing, side)
    if not _is_on(spot, 0.23, -0.19, 0.02) or np.hypot(spot[0] - thing.x_m, spot[1] - thing.y_m) < 0.08:
        return False
    others = [other for other in scene.loose if other.name not in (thing.name, reference.name)]
    clear = all(
        np.hypot(spot[0] - other.x_m, spot[1] - other.y_m) > other.radius_m * 1.42 + thing.radius_m + GAP_M
        for other in others
    )
    fixtures = all(
        abs(spot[0] - item.x_m) > FOOTPRINT_M[item.kind][0] + 0.07
        or item.y_m - spot[1] > FOOTPRINT_M[item.kind][1] + 0.05 + (0.13 if item.kind == "drawer" else 0)
        for item in scene.fixtures
    )
    return bool(clear and fixtures)


def _is_on(position: np.ndarray, half_width: float, near: float, far: float) -> bool:
    return bool(abs(position[0]) <= half_width and near <= position[1] <= far)
