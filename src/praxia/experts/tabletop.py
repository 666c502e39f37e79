"""Tabletop's scripted expert: one reactive skill per verb. What moves by itself is met where it is going to be.

A skill depends on the present timestep alone. It therefore recovers from injected noise and failures, and its action
is the right label at every timestep.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float32

from praxia.core.types import Decision, Query
from praxia.core.window import Window

__all__ = ["TabletopExpert"]

# What `Tabletop.privileged` returns.
Info = Mapping[str, np.ndarray]

# Heights of the grip above the table: where an empty hand travels, and where a hand carries something.
HOVER_M, CARRY_M = 0.11, 0.14
MAX_STEP_M = 0.02
# How far a hand lags behind what it is sent after, in time: what moves is met that much ahead.
LEAD_S = 0.1
OPEN, CLOSED = -1.0, 1.0


class TabletopExpert:
    """Reads `query.privileged` as `Tabletop.privileged` returns it, and decides one step at a time.

    With a delay D it decides for the D steps after the D committed ones, one after the other: see `_rolled_forward`.

    Its actions are hand deltas in cm, or joint targets if the privileged state has a Jacobian (damped least squares,
    the differential inverse kinematics of Buss 2004), and the gripper's target.
    """

    privileged = True
    embodiment = None
    window = Window({"state": (0,)}, horizon=1)

    def __init__(self, instructions: Mapping[str, str]):
        """`instructions` is not used: the privileged state describes the goal."""

    def start(self, num_rows: int) -> None:
        return None

    def act(self, queries: Sequence[Query], carry: None) -> tuple[list[Decision], None]:
        return [self._decide(query) for query in queries], None

    def _decide(self, query: Query) -> Decision:
        assert query.privileged is not None, "an expert needs privileged state"
        info = query.privileged
        actions = [] if query.committed is None else list(query.committed)
        # While the next decision is made, this one must go on.
        while len(actions) < max(1, 2 * query.delay):
            actions.append(_action(_rolled_forward(info, np.stack(actions)) if actions else info))
        return Decision(np.stack(actions), np.ones(len(actions), dtype=bool))


def _action(info: Info) -> Float32[np.ndarray, " A"]:
    move, gripper = SKILLS[str(info["verb"])](info)
    step = np.clip(0.8 * move, -MAX_STEP_M, MAX_STEP_M)
    hand = _joint_targets(info, step) if "jacobian" in info else step * 100
    return np.array([*hand, gripper], np.float32)


def _rolled_forward(info: Info, actions: Float32[np.ndarray, "D A"]) -> Info:
    """The privileged state after `actions`, as far as the robot decides it: its hand, and what that holds.

    Otherwise an expert whose actions come late would send its hand where it is going already, and overshoot. What else
    will have moved by then is not predicted: that is what a delay costs.
    """
    rolled = dict(info)
    if "jacobian" in info:
        ahead = info["jacobian"] @ (actions[-1, :-1] - info["joint_targets"])
        rolled |= {"joint_targets": actions[-1, :-1].astype(np.float64), "tilt": info["tilt"] - ahead[3:]}
    else:
        ahead = actions[:, :3].sum(axis=0, dtype=np.float64) / 100
    rolled["grip"] = info["grip"] + ahead[:3]
    if info["held"]:
        rolled["subject"] = info["subject"] + ahead[:3]
    return rolled


def _joint_targets(info: Info, step: np.ndarray) -> np.ndarray:
    """The joint targets that move the commanded hand by `step` and keep it upright."""
    jacobian = info["jacobian"]
    twist = np.concatenate([step, info["tilt"]])
    damped = jacobian @ jacobian.T + 1e-4 * np.eye(6)
    return info["joint_targets"] + jacobian.T @ np.linalg.solve(damped, twist)


# From the privileged state to the hand's displacement in m and the gripper's target.
Skill = Callable[[Info], tuple[np.ndarray, float]]


def _touch(info: Info) -> tuple[np.ndarray, float]:
    target = info["subject"] + [0, 0, info["size"][1]]
    return _from_above(info, target, below=0.01), CLOSED


def _press(info: Info) -> tuple[np.ndarray, float]:
    return _from_above(info, info["subject"], below=0.03), CLOSED


def _from_above(info: Info, target: np.ndarray, below: float) -> np.ndarray:
    """To `target` from above, and on to `below` metres under it."""
    if _distance(info["grip"], target) > 0.01:
        return _travel(info, target, HOVER_M)
    return target - [0, 0, below] - info["grip"]


def _pick(info: Info) -> tuple[np.ndarray, float]:
    if _is_in_hand(info):
        return _lift(info) if info["held"] else np.zeros(3), CLOSED
    return _grasp(info)


def _lift(info: Info) -> np.ndarray:
    return np.array([0, 0, info["table"] + CARRY_M - info["grip"][2]])


def _grasp(info: Info) -> tuple[np.ndarray, float]:
    """Move over the subject with open fingers, descend, and close."""
    grip, target = info["grip"], info["subject"].copy()
    target[2] = max(target[2], info["table"] + 0.012)
    apart, above = _distance(grip, target), grip[2] - target[2]
    # What is aligned above may drift a little on the way down.
    if apart > (0.008 if above > 0.03 else 0.014):
        return _travel(info, target, HOVER_M), OPEN
    if above > 0.006 or info["opening"] < 0.5:
        return target - grip, OPEN
    return target - grip, CLOSED


def _is_in_hand(info: Info) -> bool:
    """Whether the subject is between fingers that are not wide open."""
    apart = info["subject"] - info["grip"]
    near = np.linalg.norm(apart[:2]) < 0.02 and abs(apart[2]) < 0.025
    return bool(near and (info["held"] or info["opening"] < 0.93))


def _place(info: Info) -> tuple[np.ndarray, float]:
    if info["direction"].any():  # on a belt: reach for where it is going to be
        info = {**info, "subject": info["subject"] + np.append(LEAD_S * info["direction"], 0)}
    grip, subject, target = info["grip"], info["subject"], info["target"]
    apart = _distance(subject, target)
    if apart < 0.014 and subject[2] < target[2] + 0.006:  # it has arrived: let go, then leave
        return (_lift(info) if info["opening"] > 0.85 else np.zeros(3)), OPEN
    if not _is_in_hand(info):
        return _grasp(info)
    if not info["held"]:
        return np.zeros(3), CLOSED
    if apart < 0.008:
        return np.append((target - subject)[:2], target[2] - subject[2] - 0.001), CLOSED
    # The hand moves by what the subject is off, wherever that sits between the fingers.
    return _travel(info, grip + (target - subject), CARRY_M), CLOSED


def _push(info: Info) -> tuple[np.ndarray, float]:
    grip, subject, ahead = info["grip"], info["subject"], info["direction"]
    radius = float(info["size"][0])
    height = info["table"] + np.clip(info["size"][1], 0.012, 0.02)
    remaining = (info["target"] - subject)[:2]
    if float(remaining @ ahead) <= 0:
        return _lift(info), CLOSED
    across = np.array([-ahead[1], ahead[0]])
    # To correct its course, push a little beside the middle: on the side to which the subject has drifted.
    middle = subject[:2] - np.clip(0.4 * float(remaining @ across), -0.006, 0.006) * across
    offset = grip[:2] - middle
    behind, aside = -float(offset @ ahead), float(offset @ across)
    if grip[2] < height + 0.02 and behind > 0.5 * radius and abs(aside) < 0.014:
        step = 0.016 * ahead - 0.8 * aside * across
        return np.append(step, height - grip[2]) / 0.8, CLOSED
    target = np.append(middle - ahead * (radius * 1.25 + 0.028), height)
    return _down_at(info, target), CLOSED


def _reach(info: Info) -> tuple[np.ndarray, float]:
    """Over the spot, where it is going to be."""
    target = info["subject"] + np.append(LEAD_S * info["direction"], 0)
    return np.append((target - info["grip"])[:2], info["table"] + HOVER_M - info["grip"][2]), CLOSED


def _open(info: Info) -> tuple[np.ndarray, float]:
    """Move behind the handle with closed fingers, and pull."""
    grip, handle = info["grip"], info["subject"]
    offset = grip - handle
    if offset[2] < 0.02 and abs(offset[0]) < 0.03 and 0.0 < offset[1] < 0.032:
        return np.array([0, -0.018, handle[2] - grip[2]]), CLOSED
    return _down_at(info, handle + np.array([0, 0.0165, 0])), CLOSED


def _close(info: Info) -> tuple[np.ndarray, float]:
    grip, handle = info["grip"], info["subject"]
    offset = grip - handle
    if offset[2] < 0.02 and abs(offset[0]) < 0.04 and -0.06 < offset[1] < -0.005:
        return np.array([0, 0.018, handle[2] - grip[2]]), CLOSED
    return _down_at(info, handle - np.array([0, 0.032, 0])), CLOSED


def _flip(info: Info) -> tuple[np.ndarray, float]:
    grip, tip = info["grip"], info["subject"]
    ahead = np.append(info["direction"], 0.0)
    height = info["table"] + 0.055
    offset = grip - tip
    if grip[2] < height + 0.02 and abs(offset[1]) < 0.015 and -0.06 < float(offset @ ahead) < 0.0:
        return 0.018 * ahead + [0, 0, height - grip[2]], CLOSED
    target = tip - 0.035 * ahead
    target[2] = height
    return _down_at(info, target), CLOSED


def _down_at(info: Info, target: np.ndarray) -> np.ndarray:
    """Move over `target`, then straight down to it."""
    grip = info["grip"]
    near = 0.009 if grip[2] > target[2] + 0.03 else 0.014
    return target - grip if _distance(grip, target) < near else _travel(info, target, HOVER_M)


def _travel(info: Info, target: np.ndarray, height: float) -> np.ndarray:
    """Towards `target` at a safe height above the table: first up, if the hand is low."""
    grip = info["grip"]
    up = info["table"] + height - grip[2]
    if up > 0.02 and _distance(grip, target) > 0.02:
        return np.array([0, 0, up])
    return np.append((target - grip)[:2], up)


def _distance(one: np.ndarray, other: np.ndarray) -> float:
    """The horizontal distance in m."""
    return float(np.linalg.norm((one - other)[:2]))


SKILLS: dict[str, Skill] = {
    "touch": _touch,
    "push": _push,
    "press": _press,
    "pick": _pick,
    "place": _place,
    "stack": _place,
    "open": _open,
    "close": _close,
    "flip": _flip,
    "reach": _reach,
    "follow": _reach,
}
