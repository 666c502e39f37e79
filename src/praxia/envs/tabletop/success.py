"""When a goal counts as reached, with its tolerances, and the progress of a chain of goals."""

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
    SPOT_RADIUS_M,
    SWITCH_RANGE_RAD,
)
from praxia.envs.tabletop.goals import DIRECTIONS, PUSH_M, SIDES, Goal
from praxia.envs.tabletop.scene import Fixture, Thing
from praxia.envs.tabletop.scene_state import SceneState

__all__ = ["CLOSED_M", "FLIPPED_RAD", "LIFT_M", "OPEN_M", "PRESSED_M", "InitialState", "SuccessChecker", "is_reached"]

# The state when a goal became the current one: positions [x, y, z] in metres by name, and joints in their units.
InitialState = Mapping[str, Sequence[float]]

LIFT_M = 0.05
# A button, a drawer and a lever need not be moved all the way. These are in metres and radians.
PRESSED_M = 0.6 * BUTTON_TRAVEL_M
OPEN_M, CLOSED_M = 0.7 * DRAWER_TRAVEL_M, 0.15 * DRAWER_TRAVEL_M
FLIPPED_RAD = 0.6 * SWITCH_RANGE_RAD
STILL_M_S = 0.05
REACH_M, FOLLOW_M, OVER_M = 0.02, 0.025, 0.13


def is_reached(goal: Goal, state: SceneState, initial: InitialState) -> bool:
    """Whether `goal` holds now.

    touch: the robot touches the subject. push: the subject has moved by 5 cm along the direction and at most half as
    much across, on the table; "to": its rim is within 2 cm of the reference's, and it has moved by 3 cm. press: by 60%
    of the travel. pick: 5 cm higher than initially, between fingers. place and stack: released and at rest in the bin,
    on the plate, on top of the reference (centres within 60% of its radius), or at its side (centres 3 to 15 cm apart
    along, at most 4 cm across). open: by 70% of the travel; close: to within 15%. flip: the lever is past 60% of its
    range on the other side. reach and follow: the hand is over the spot, its grip within 2 and 2.5 cm seen from above
    and at most 13 cm over the table; `HOLD_STEPS` says for how long. push "onto": the subject's centre is on the spot.
    `after_jump`: not while the spot is where it was initially.
    """
    if goal.after_jump and not _has_jumped(goal, state, initial):
        return False
    return bool(_REACHED[goal.verb](goal, state, initial))


def _touch(goal: Goal, state: SceneState, initial: InitialState) -> bool:
    return goal.subject in state.touched()


def _push(goal: Goal, state: SceneState, initial: InitialState) -> bool:
    position = state.position(goal.subject)
    moved = position - np.array(initial[goal.subject])
    if abs(moved[2]) > 0.015:
        return False
    if goal.relation == "onto":
        return bool(np.linalg.norm((position - state.position(goal.reference))[:2]) < SPOT_RADIUS_M)
    if goal.relation == "to":
        one, other = state.scene.find(goal.subject), state.scene.find(goal.reference)
        assert isinstance(one, Thing)
        assert isinstance(other, Thing)
        apart = np.linalg.norm((position - state.position(goal.reference))[:2]) - one.radius_m - other.radius_m
        return bool(apart < 0.02 and np.linalg.norm(moved[:2]) > 0.03)
    ahead = np.array(DIRECTIONS[goal.relation])
    along, across = float(moved[:2] @ ahead), float(abs(moved[0] * ahead[1] - moved[1] * ahead[0]))
    return along >= PUSH_M and across <= along / 2


def _press(goal: Goal, state: SceneState, initial: InitialState) -> bool:
    return state.joint(goal.subject) >= PRESSED_M


def _pick(goal: Goal, state: SceneState, initial: InitialState) -> bool:
    risen = state.position(goal.subject)[2] - initial[goal.subject][2]
    return bool(risen >= LIFT_M and state.is_grasped(goal.subject))


def _place(goal: Goal, state: SceneState, initial: InitialState) -> bool:
    if goal.subject in state.touched() or state.speed(goal.subject) > STILL_M_S:
        return False
    subject, reference = state.scene.find(goal.subject), state.scene.find(goal.reference)
    assert isinstance(subject, Thing)
    apart = state.position(goal.subject) - state.position(goal.reference)
    if isinstance(reference, Fixture):
        if goal.relation == "in":
            return bool(np.abs(apart[:2]).max() < BIN_HALF_M and apart[2] < subject.half_height_m + BIN_WALL_M / 2)
        resting = abs(apart[2] - PLATE_HEIGHT_M - subject.half_height_m) < 0.006
        return bool(np.linalg.norm(apart[:2]) < PLATE_RADIUS_M and resting)
    side = np.array(SIDES[goal.relation])
    along, across = float(apart[:2] @ side), float(abs(apart[0] * side[1] - apart[1] * side[0]))
    lower = state.position(goal.subject)[2] - initial[goal.subject][2]
    return bool(0.03 <= along <= 0.15 and across <= 0.04 and abs(lower) < 0.01)


def _stack(goal: Goal, state: SceneState, initial: InitialState) -> bool:
    if goal.subject in state.touched() or state.speed(goal.subject) > STILL_M_S:
        return False
    subject, reference = state.scene.find(goal.subject), state.scene.find(goal.reference)
    assert isinstance(subject, Thing)
    assert isinstance(reference, Thing)
    apart = state.position(goal.subject) - state.position(goal.reference)
    resting = abs(apart[2] - subject.half_height_m - reference.half_height_m) < 0.006
    return bool(np.linalg.norm(apart[:2]) < 0.6 * reference.radius_m and resting)


def _open(goal: Goal, state: SceneState, initial: InitialState) -> bool:
    return state.joint(goal.subject) >= OPEN_M


def _close(goal: Goal, state: SceneState, initial: InitialState) -> bool:
    return state.joint(goal.subject) <= CLOSED_M


def _flip(goal: Goal, state: SceneState, initial: InitialState) -> bool:
    side = 1 if initial[goal.subject][0] >= 0 else -1
    return state.joint(goal.subject) * side <= -FLIPPED_RAD


def _reach(goal: Goal, state: SceneState, initial: InitialState) -> bool:
    return _is_over(goal.subject, state, REACH_M)


def _follow(goal: Goal, state: SceneState, initial: InitialState) -> bool:
    return _is_over(goal.subject, state, FOLLOW_M)


def _is_over(spot: str, state: SceneState, within_m: float) -> bool:
    apart = state.grip() - state.position(spot)
    return bool(np.linalg.norm(apart[:2]) < within_m and apart[2] < OVER_M)


def _has_jumped(goal: Goal, state: SceneState, initial: InitialState) -> bool:
    spot = goal.reference or goal.subject
    return bool(np.linalg.norm(state.position(spot) - np.array(initial[spot])) > 0.01)


_REACHED: dict[str, Callable[[Goal, SceneState, InitialState], bool]] = {
    "touch": _touch,
    "push": _push,
    "press": _press,
    "pick": _pick,
    "place": _place,
    "stack": _stack,
    "open": _open,
    "close": _close,
    "flip": _flip,
    "reach": _reach,
    "follow": _follow,
}

# For so many control steps without a break a goal must hold; otherwise for one.
HOLD_STEPS = {"reach": 5, "follow": 30}


class SuccessChecker:
    """The progress of an episode through its goals, which must be reached in order."""

    def __init__(self, goals: Sequence[Goal], state: SceneState):
        self._goals = tuple(goals)
        self._state = state
        self._num_reached = 0
        self._num_held = 0
        self._initial_state = self._read_state()
        self.is_reached = False
        self._check()

    @property
    def num_goals(self) -> int:
        return len(self._goals)

    @property
    def goal(self) -> Goal:
        """The current goal."""
        return self._goals[self._num_reached]

    @property
    def initial_state(self) -> InitialState:
        return self._initial_state

    @property
    def progress(self) -> float:
        """The fraction of the goals reached."""
        return (self._num_reached + self.is_reached) / len(self._goals)

    def update(self) -> None:
        """Check the current goal after a control step; if it was reached before, the next one becomes current first."""
        if self.is_reached and self._num_reached + 1 < len(self._goals):
            self._num_reached += 1
            self._num_held = 0
            self._initial_state = self._read_state()
        self._check()

    @property
    def has_succeeded(self) -> bool:
        """Whether the last goal is reached."""
        return self.is_reached and self._num_reached + 1 == len(self._goals)

    def to_json(self) -> dict[str, Any]:
        # Data sets contain snapshots, so their keys stay as they are.
        value = {"done": self._num_reached, "origin": self._initial_state, "is_reached": self.is_reached}
        return {**value, "held": self._num_held} if self.goal.verb in HOLD_STEPS else value

    def restore(self, value: Mapping[str, Any]) -> None:
        """The inverse of `to_json`."""
        self._num_reached, self._initial_state, self.is_reached = value["done"], value["origin"], value["is_reached"]
        self._num_held = value.get("held", 0)

    def _check(self) -> None:
        self._num_held = self._num_held + 1 if is_reached(self.goal, self._state, self._initial_state) else 0
        self.is_reached = self._num_held >= HOLD_STEPS.get(self.goal.verb, 1)

    def _read_state(self) -> dict[str, list[float]]:
        state, scene = self._state, self._state.scene
        positions = {thing.name: state.position(thing.name).tolist() for thing in scene.loose}
        jointed = [item for item in scene.fixtures if item.kind in ("button", "switch", "drawer")]
        positions |= {item.name: state.position(item.name).tolist() for item in scene.fixtures if item.kind == "spot"}
        return positions | {item.name: [state.joint(item.name)] for item in jointed}
