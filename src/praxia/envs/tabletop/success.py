"""When a goal counts as reached, each with its tolerance, and how far a chain of goals has come."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from praxia.envs.tabletop.fixtures import (
    BIN_HALF_M,
    BIN_WALL_M,
    BUTTON_TRAVEL_M,
    DRAWER_TRAVEL_M,
    PLATE_HEIGHT_M,
    PLATE_RADIUS_M,
    SWITCH_RANGE_RAD,
)
from praxia.envs.tabletop.goals import DIRECTIONS, PUSH_M, SIDES, Goal
from praxia.envs.tabletop.reading import Reading
from praxia.envs.tabletop.scene import Fixture, Thing

__all__ = ["SuccessChecker", "is_reached"]

# Places of everything when a goal's turn came: [x, y, z] in metres by name, and joints in their units.
Origin = Mapping[str, Sequence[float]]

LIFT_M = 0.05
STILL_M_S = 0.05


def is_reached(goal: Goal, reading: Reading, origin: Origin) -> bool:
    """Whether `goal` holds now.

    touch: the robot touches the subject. push: it has been moved by 5 cm along the direction and at most half as much
    across, on the table; "to": its rim is within 2 cm of the reference's, having moved by 3 cm. press: by 60% of the
    travel. pick: 5 cm higher than it was, between fingers. place and stack: released and at rest in the bin, on the
    plate, on top of the reference (centres within 60% of its radius), or on its side (centres 3 to 15 cm apart along,
    at most 4 cm across). open: by 70% of the travel; close: to within 15%. flip: the lever is past 60% of its range
    on the other side.
    """
    return bool(_REACHED[goal.verb](goal, reading, origin))


def _touch(goal: Goal, reading: Reading, origin: Origin) -> bool:
    return goal.subject in reading.touched()


def _push(goal: Goal, reading: Reading, origin: Origin) -> bool:
    here = reading.position(goal.subject)
    moved = here - np.array(origin[goal.subject])
    if abs(moved[2]) > 0.015:
        return False
    if goal.relation == "to":
        one, other = reading.scene.find(goal.subject), reading.scene.find(goal.reference)
        assert isinstance(one, Thing)
        assert isinstance(other, Thing)
        apart = np.linalg.norm((here - reading.position(goal.reference))[:2]) - one.radius_m - other.radius_m
        return bool(apart < 0.02 and np.linalg.norm(moved[:2]) > 0.03)
    ahead = np.array(DIRECTIONS[goal.relation])
    along, across = float(moved[:2] @ ahead), float(abs(moved[0] * ahead[1] - moved[1] * ahead[0]))
    return along >= PUSH_M and across <= along / 2


def _press(goal: Goal, reading: Reading, origin: Origin) -> bool:
    return reading.joint(goal.subject) >= 0.6 * BUTTON_TRAVEL_M


def _pick(goal: Goal, reading: Reading, origin: Origin) -> bool:
    risen = reading.position(goal.subject)[2] - origin[goal.subject][2]
    return bool(risen >= LIFT_M and reading.is_held(goal.subject))


def _place(goal: Goal, reading: Reading, origin: Origin) -> bool:
    if goal.subject in reading.touched() or reading.speed(goal.subject) > STILL_M_S:
        return False
    subject, reference = reading.scene.find(goal.subject), reading.scene.find(goal.reference)
    assert isinstance(subject, Thing)
    apart = reading.position(goal.subject) - reading.position(goal.reference)
    if isinstance(reference, Fixture):
        if goal.relation == "in":
            return bool(np.abs(apart[:2]).max() < BIN_HALF_M and apart[2] < subject.half_height_m + BIN_WALL_M / 2)
        resting = abs(apart[2] - PLATE_HEIGHT_M - subject.half_height_m) < 0.006
        return bool(np.linalg.norm(apart[:2]) < PLATE_RADIUS_M and resting)
    side = np.array(SIDES[goal.relation])
    along, across = float(apart[:2] @ side), float(abs(apart[0] * side[1] - apart[1] * side[0]))
    lower = reading.position(goal.subject)[2] - origin[goal.subject][2]
    return bool(0.03 <= along <= 0.15 and across <= 0.04 and abs(lower) < 0.01)


def _stack(goal: Goal, reading: Reading, origin: Origin) -> bool:
    if goal.subject in reading.touched() or reading.speed(goal.subject) > STILL_M_S:
        return False
    subject, reference = reading.scene.find(goal.subject), reading.scene.find(goal.reference)
    assert isinstance(subject, Thing)
    assert isinstance(reference, Thing)
    apart = reading.position(goal.subject) - reading.position(goal.reference)
    resting = abs(apart[2] - subject.half_height_m - reference.half_height_m) < 0.006
    return bool(np.linalg.norm(apart[:2]) < 0.6 * reference.radius_m and resting)


def _open(goal: Goal, reading: Reading, origin: Origin) -> bool:
    return reading.joint(goal.subject) >= 0.7 * DRAWER_TRAVEL_M


def _close(goal: Goal, reading: Reading, origin: Origin) -> bool:
    return reading.joint(goal.subject) <= 0.15 * DRAWER_TRAVEL_M


def _flip(goal: Goal, reading: Reading, origin: Origin) -> bool:
    side = 1 if origin[goal.subject][0] >= 0 else -1
    return reading.joint(goal.subject) * side <= -0.6 * SWITCH_RANGE_RAD


_REACHED: dict[str, Callable[[Goal, Reading, Origin], bool]] = {
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


class SuccessChecker:
    """How far an episode has come through its goals, which count in their order."""

    def __init__(self, goals: Sequence[Goal], reading: Reading):
        self._goals = tuple(goals)
        self._reading = reading
        self._done = 0
        self._origin = self._places()
        self.is_reached = False
        self._look()

    @property
    def goal(self) -> Goal:
        """The goal whose turn it is."""
        return self._goals[self._done]

    @property
    def origin(self) -> Origin:
        return self._origin

    @property
    def progress(self) -> float:
        """The share of the goals reached."""
        return (self._done + self.is_reached) / len(self._goals)

    def update(self) -> None:
        """After every control step: a goal that was reached gives its turn to the next; the last is looked at anew."""
        if self.is_reached and self._done + 1 < len(self._goals):
            self._done += 1
            self._origin = self._places()
        self._look()

    @property
    def has_succeeded(self) -> bool:
        return self.is_reached and self._done + 1 == len(self._goals)

    def to_json(self) -> dict[str, Any]:
        return {"done": self._done, "origin": self._origin, "is_reached": self.is_reached}

    def restore(self, value: Mapping[str, Any]) -> None:
        """The inverse of `to_json`."""
        self._done, self._origin, self.is_reached = value["done"], value["origin"], value["is_reached"]

    def _look(self) -> None:
        self.is_reached = is_reached(self.goal, self._reading, self._origin)

    def _places(self) -> dict[str, list[float]]:
        reading, scene = self._reading, self._reading.scene
        places = {thing.name: reading.position(thing.name).tolist() for thing in scene.loose}
        jointed = [item for item in scene.fixtures if item.kind in ("button", "switch", "drawer")]
        return places | {item.name: [reading.joint(item.name)] for item in jointed}
