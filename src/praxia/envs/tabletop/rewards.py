"""The rewards of Tabletop's tasks: sparse, for reaching goals, and dense, for coming nearer to them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from praxia.envs.family import RewardDeclaration
from praxia.envs.tabletop.goals import Goal
from praxia.envs.tabletop.privileged import goal_info
from praxia.envs.tabletop.scene_state import SceneState
from praxia.envs.tabletop.success import (
    CLOSED_M,
    FLIPPED_RAD,
    LIFT_M,
    OPEN_M,
    PRESSED_M,
    InitialState,
    SuccessChecker,
)

__all__ = ["DENSE", "REWARDS", "SPARSE", "declared_rewards", "stage"]

SPARSE, DENSE = "sparse", "dense"

# A hand at this distance from what it has to touch gets 24% of what nearness is worth.
NEAR_M = 0.2


@dataclass(frozen=True)
class Stages:
    """What each stage of a verb is worth before its goal is reached, 0.9 in all; a reached goal is worth 1.

    `near`: the hand is where it has to touch the subject. `held`: the subject is between fingers, or has arrived.
    `moved`: the share of the way, from where the subject was initially, that is behind it.
    """

    near: float
    held: float = 0.0
    moved: float = 0.0


MOVES_HAND, MOVES_SUBJECT, CARRIES = Stages(0.9), Stages(0.4, 0.0, 0.5), Stages(0.3, 0.2, 0.4)

STAGES = {
    "touch": MOVES_HAND,
    "reach": MOVES_HAND,
    "follow": MOVES_HAND,
    "push": MOVES_SUBJECT,
    "press": MOVES_SUBJECT,
    "open": MOVES_SUBJECT,
    "close": MOVES_SUBJECT,
    "flip": MOVES_SUBJECT,
    "pick": CARRIES,
    "place": CARRIES,
    "stack": CARRIES,
}

# So near to its goal position a subject need not be held any more.
ARRIVED_M = 0.02


def declared_rewards(horizon: int) -> dict[str, RewardDeclaration]:
    """What `REWARDS` are, for a task that is cut off after `horizon` steps."""
    sparse = "by how much the fraction of goals reached grew: 1 in all where the only goal is reached and stays so"
    dense = "the fraction of goals reached, and up to 0.9 of the next one for nearness, grasp and way: 1 at success"
    return {
        SPARSE: RewardDeclaration(sparse, -1.0, 1.0, horizon),
        DENSE: RewardDeclaration(dense, 0.0, 1.0, horizon),
    }


def _sparse(checker: SuccessChecker, state: SceneState, progress_before: float) -> float:
    return checker.progress - progress_before


def _dense(checker: SuccessChecker, state: SceneState, progress_before: float) -> float:
    if checker.is_reached:
        return checker.progress
    return checker.progress + stage(checker.goal, state, checker.initial_state) / checker.num_goals


# The reward of a step by name, of the checker and the state after it, and of the progress before it.
REWARDS: dict[str, Callable[[SuccessChecker, SceneState, float], float]] = {SPARSE: _sparse, DENSE: _dense}


def stage(goal: Goal, state: SceneState, initial: InitialState) -> float:
    """How near a goal that is not reached is to being so, from 0 to 0.9: a function of the state and its initial one.

    Nearness is 1 - tanh(distance / `NEAR_M`), as in the staged rewards of ManiSkill and robosuite; the stages and their
    weights are ours.
    """
    info, worth = goal_info(goal, state, initial), STAGES[goal.verb]
    subject, target, direction = info["subject"], info["target"], info["direction"]
    reached_for = subject.copy()
    if goal.verb == "push":
        reached_for[:2] -= info["size"][0] * direction  # its far side, from where the hand pushes it
    offset = state.grip() - reached_for
    distance_m = np.linalg.norm(offset[:2] if goal.verb in ("reach", "follow") else offset)
    held = bool(info["held"])
    arrived = goal.verb in ("place", "stack") and bool(np.linalg.norm(target - subject) < ARRIVED_M)
    share = _MOVED[goal.verb](goal, state, initial, target) if worth.moved else 0.0
    if goal.verb == "pick" and not held:
        share = 0.0
    near = 1 - float(np.tanh(distance_m / NEAR_M))
    return worth.near * near + worth.held * (held or arrived) + worth.moved * share


Target = Float64[np.ndarray, "3"]


def _pushed(goal: Goal, state: SceneState, initial: InitialState, target: Target) -> float:
    origin, subject = np.array(initial[goal.subject]), state.position(goal.subject)
    return _share(*(float(np.linalg.norm((target - point)[:2])) for point in (origin, subject)))


def _carried(goal: Goal, state: SceneState, initial: InitialState, target: Target) -> float:
    origin, subject = np.array(initial[goal.subject]), state.position(goal.subject)
    return _share(*(float(np.linalg.norm(target - point)) for point in (origin, subject)))


def _lifted(goal: Goal, state: SceneState, initial: InitialState, target: Target) -> float:
    return _share(LIFT_M, LIFT_M + initial[goal.subject][2] - float(state.position(goal.subject)[2]))


def _pressed(goal: Goal, state: SceneState, initial: InitialState, target: Target) -> float:
    return _share(PRESSED_M, PRESSED_M - state.joint(goal.subject))


def _opened(goal: Goal, state: SceneState, initial: InitialState, target: Target) -> float:
    return _share(OPEN_M, OPEN_M - state.joint(goal.subject))


def _closed(goal: Goal, state: SceneState, initial: InitialState, target: Target) -> float:
    return _share(initial[goal.subject][0] - CLOSED_M, state.joint(goal.subject) - CLOSED_M)


def _flipped(goal: Goal, state: SceneState, initial: InitialState, target: Target) -> float:
    side = 1 if initial[goal.subject][0] >= 0 else -1
    return _share(side * initial[goal.subject][0] + FLIPPED_RAD, side * state.joint(goal.subject) + FLIPPED_RAD)


def _share(whole: float, left: float) -> float:
    """The share, from 0 to 1, of a way of length `whole` that is done when `left` is left of it."""
    return float(np.clip(1 - left / max(whole, 1e-6), 0, 1))


_MOVED: Mapping[str, Callable[[Goal, SceneState, InitialState, Target], float]] = {
    "push": _pushed,
    "press": _pressed,
    "open": _opened,
    "close": _closed,
    "flip": _flipped,
    "pick": _lifted,
    "place": _carried,
    "stack": _carried,
}
