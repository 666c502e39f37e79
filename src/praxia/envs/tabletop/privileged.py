"""Privileged state of the current goal, for experts: its verb and numbers, but no names of the scene."""

import numpy as np

from praxia.envs.tabletop.fixtures import (
    BIN_WALL_M,
    HANDLE_M,
    KNOB_M,
    LEVER_FOOT_M,
    LEVER_M,
    PLATE_HEIGHT_M,
    SPOT_RADIUS_M,
)
from praxia.envs.tabletop.goals import DIRECTIONS, PUSH_M, Goal, beside
from praxia.envs.tabletop.scene import Fixture, Thing
from praxia.envs.tabletop.scene_state import SceneState
from praxia.envs.tabletop.success import InitialState

__all__ = ["GOAL_LAYOUT", "goal_info"]

# So near to its goal position nothing is pushed further.
ARRIVED_M = 0.01

# How many numbers each entry has.
GOAL_LAYOUT = {"subject": 3, "size": 2, "target": 3, "direction": 2, "held": 1, "table": 1}


def goal_info(goal: Goal, state: SceneState, initial: InitialState) -> dict[str, np.ndarray]:
    """Positions and lengths in metres, in the world.

    `verb`: the goal's, a string. `subject` [3]: the centre of the thing to act on, the top of a button, the middle of a
    drawer's handle, the tip of a lever, the middle of a spot. `size` [2]: half its width and half its height.
    `target` [3]: the goal position of the subject's centre (for verbs that move it; otherwise the subject itself).
    `direction` [2]: the direction of its motion, 0 if there is none. `held`: whether it is between fingers. `table`:
    the height of the table top.
    """
    item = state.scene.find(goal.subject)
    info = _of_thing(goal, item, state, initial) if isinstance(item, Thing) else _of_fixture(goal, item, state, initial)
    info["verb"] = np.array(goal.verb)
    info["table"] = np.array(state.scene.table_height_m)
    return info


def _of_thing(goal: Goal, thing: Thing, state: SceneState, initial: InitialState) -> dict[str, np.ndarray]:
    subject = state.position(goal.subject)
    target, direction = subject.copy(), np.zeros(2)
    if goal.verb == "push" and goal.relation in DIRECTIONS:
        direction = np.array(DIRECTIONS[goal.relation])
        target[:2] = np.array(initial[goal.subject])[:2] + (PUSH_M + 0.01) * direction
    elif goal.verb == "push":
        target = state.position(goal.reference)
        apart = target[:2] - subject[:2]
        distance = np.linalg.norm(apart)
        direction = apart / distance if distance > ARRIVED_M else np.zeros(2)
    elif goal.verb in ("place", "stack"):
        target = _resting_position(goal, thing, state)
    return {
        "subject": subject,
        "size": np.array([thing.radius_m, thing.half_height_m]),
        "target": target,
        "direction": direction,
        "held": np.array(state.is_grasped(goal.subject)),
    }


def _resting_position(goal: Goal, thing: Thing, state: SceneState) -> np.ndarray:
    reference, position = state.scene.find(goal.reference), state.position(goal.reference)
    if isinstance(reference, Fixture):
        # In a bin it may be released a little higher: nothing there can be pushed over.
        position[2] += thing.half_height_m + (BIN_WALL_M / 2 if goal.relation == "in" else PLATE_HEIGHT_M)
    elif goal.verb == "stack":
        position[2] += thing.half_height_m + reference.half_height_m
    else:
        position[:2] += beside(reference, thing, goal.relation)
        position[2] = state.scene.table_height_m + thing.half_height_m
    return position


def _of_fixture(goal: Goal, fixture: Fixture, state: SceneState, initial: InitialState) -> dict[str, np.ndarray]:
    base = state.position(goal.subject)
    offset, direction, size = np.zeros(3), np.zeros(2), np.array([0.026, 0.013])
    if fixture.kind == "button":
        offset[2] = KNOB_M - state.joint(goal.subject)
    elif fixture.kind == "spot":
        size = np.array([SPOT_RADIUS_M, 0.0])
    elif fixture.kind == "drawer":
        offset = np.array(HANDLE_M) - [0, state.joint(goal.subject), 0]
        direction = np.array([0.0, -1.0 if goal.verb == "open" else 1.0])
        size = np.array([0.04, 0.006])
    else:
        angle = state.joint(goal.subject)
        offset = np.array([LEVER_M * np.sin(angle), 0, LEVER_FOOT_M + LEVER_M * np.cos(angle)])
        direction = np.array([-1.0 if initial[goal.subject][0] >= 0 else 1.0, 0.0])
        size = np.array([0.008, 0.03])
    return {
        "subject": base + offset,
        "size": size,
        "target": base + offset,
        "direction": direction,
        "held": np.array(False),
    }
