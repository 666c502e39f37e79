"""Tabletop's scripted expert: one reactive skill a verb.

A skill looks at the present moment alone. It therefore recovers from whatever went wrong before, a disturbance or a
mistake made on purpose, and what it would do is the right label at any moment.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from praxia.core.types import Decision, Query, Window

__all__ = ["TabletopExpert"]

Told = Mapping[str, np.ndarray]

# Metres. Heights are of the grip above the table: where a hand travels, and where it travels with something in it.
HOVER, CARRY = 0.11, 0.14
MAX_STEP = 0.02
OPEN, CLOSED = -1.0, 1.0


class TabletopExpert:
    """Reads `query.privileged` as `Tabletop.privileged` gives it, and decides one step at a time.

    Its actions are hand deltas in cm, or joint targets where the lesson has a Jacobian (damped least squares, which is
    the differential inverse kinematics of Buss 2004), and the gripper's target.
    """

    privileged = True
    embodiment = None
    window = Window({"state": (0,)}, horizon=1)

    def __init__(self, instructions: Mapping[str, str]):
        """The instructions say nothing that a lesson does not."""

    def start(self, num_rows: int) -> None:
        return None

    def act(self, queries: Sequence[Query], carry: None) -> tuple[list[Decision], None]:
        return [self._decide(query) for query in queries], None

    def _decide(self, query: Query) -> Decision:
        assert query.privileged is not None, "an expert needs privileged state"
        told = query.privileged
        move, gripper = SKILLS[str(told["verb"])](told)
        step = np.clip(0.8 * move, -MAX_STEP, MAX_STEP)
        hand = _joint_targets(told, step) if "jacobian" in told else step * 100
        return Decision(np.array([[*hand, gripper]], np.float32), np.ones(1, dtype=bool))


def _joint_targets(told: Told, step: np.ndarray) -> np.ndarray:
    """The joint targets that move the commanded hand by `step` and keep it upright."""
    jacobian = told["jacobian"]
    twist = np.concatenate([step, told["tilt"]])
    damped = jacobian @ jacobian.T + 1e-4 * np.eye(6)
    return told["joint_targets"] + jacobian.T @ np.linalg.solve(damped, twist)


# A skill: what it is told -> where the hand should move from here (m), and the gripper's target.
Skill = Callable[[Told], tuple[np.ndarray, float]]


def _touch(told: Told) -> tuple[np.ndarray, float]:
    place = told["subject"] + [0, 0, told["size"][1]]
    return _from_above(told, place, below=0.01), CLOSED


def _press(told: Told) -> tuple[np.ndarray, float]:
    return _from_above(told, told["subject"], below=0.03), CLOSED


def _from_above(told: Told, place: np.ndarray, below: float) -> np.ndarray:
    """To a place from above it, and on to `below` it."""
    if _apart(told["grip"], place) > 0.01:
        return _travel(told, place, HOVER)
    return place - [0, 0, below] - told["grip"]


def _pick(told: Told) -> tuple[np.ndarray, float]:
    if _is_in_hand(told):
        return _lift(told) if told["held"] else np.zeros(3), CLOSED
    return _grasp(told)


def _lift(told: Told) -> np.ndarray:
    return np.array([0, 0, told["table"] + CARRY - told["grip"][2]])


def _grasp(told: Told) -> tuple[np.ndarray, float]:
    """Over the subject with open fingers, down, and close."""
    grip, place = told["grip"], told["subject"].copy()
    place[2] = max(place[2], told["table"] + 0.012)
    apart, above = _apart(grip, place), grip[2] - place[2]
    # What is aligned above may stray a little on the way down.
    if apart > (0.008 if above > 0.03 else 0.014):
        return _travel(told, place, HOVER), OPEN
    if above > 0.006 or told["opening"] < 0.5:
        return place - grip, OPEN
    return place - grip, CLOSED


def _is_in_hand(told: Told) -> bool:
    """Whether fingers that are not wide open have the subject between them."""
    apart = told["subject"] - told["grip"]
    near = np.linalg.norm(apart[:2]) < 0.02 and abs(apart[2]) < 0.025
    return bool(near and (told["held"] or told["opening"] < 0.93))


def _place(told: Told) -> tuple[np.ndarray, float]:
    grip, subject, target = told["grip"], told["subject"], told["target"]
    apart = _apart(subject, target)
    if apart < 0.014 and subject[2] < target[2] + 0.006:  # it is there: let go, then leave
        return (_lift(told) if told["opening"] > 0.85 else np.zeros(3)), OPEN
    if not _is_in_hand(told):
        return _grasp(told)
    if not told["held"]:
        return np.zeros(3), CLOSED
    if apart < 0.008:
        return np.append((target - subject)[:2], target[2] - subject[2] - 0.001), CLOSED
    # The hand goes where it must be for the subject, wherever that sits between the fingers, to be at its target.
    return _travel(told, grip + (target - subject), CARRY), CLOSED


def _push(told: Told) -> tuple[np.ndarray, float]:
    grip, subject, ahead = told["grip"], told["subject"], told["direction"]
    radius = float(told["size"][0])
    height = told["table"] + np.clip(told["size"][1], 0.012, 0.02)
    to_go = (told["target"] - subject)[:2]
    if float(to_go @ ahead) <= 0:
        return _lift(told), CLOSED
    across = np.array([-ahead[1], ahead[0]])
    # To steer, push a little beside the middle: on the side to which the subject has strayed.
    middle = subject[:2] - np.clip(0.4 * float(to_go @ across), -0.006, 0.006) * across
    offset = grip[:2] - middle
    behind, aside = -float(offset @ ahead), float(offset @ across)
    if grip[2] < height + 0.02 and behind > 0.5 * radius and abs(aside) < 0.014:
        step = 0.016 * ahead - 0.8 * aside * across
        return np.append(step, height - grip[2]) / 0.8, CLOSED
    place = np.append(middle - ahead * (radius * 1.25 + 0.028), height)
    return _down_at(told, place), CLOSED


def _open(told: Told) -> tuple[np.ndarray, float]:
    """Behind the handle with closed fingers, and pull."""
    grip, handle = told["grip"], told["subject"]
    offset = grip - handle
    if offset[2] < 0.02 and abs(offset[0]) < 0.03 and 0.0 < offset[1] < 0.032:
        return np.array([0, -0.018, handle[2] - grip[2]]), CLOSED
    return _down_at(told, handle + np.array([0, 0.0165, 0])), CLOSED


def _close(told: Told) -> tuple[np.ndarray, float]:
    grip, handle = told["grip"], told["subject"]
    offset = grip - handle
    if offset[2] < 0.02 and abs(offset[0]) < 0.04 and -0.06 < offset[1] < -0.005:
        return np.array([0, 0.018, handle[2] - grip[2]]), CLOSED
    return _down_at(told, handle - np.array([0, 0.032, 0])), CLOSED


def _flip(told: Told) -> tuple[np.ndarray, float]:
    grip, tip = told["grip"], told["subject"]
    ahead = np.append(told["direction"], 0.0)
    height = told["table"] + 0.055
    offset = grip - tip
    if grip[2] < height + 0.02 and abs(offset[1]) < 0.015 and -0.06 < float(offset @ ahead) < 0.0:
        return 0.018 * ahead + [0, 0, height - grip[2]], CLOSED
    place = tip - 0.035 * ahead
    place[2] = height
    return _down_at(told, place), CLOSED


def _down_at(told: Told, place: np.ndarray) -> np.ndarray:
    """Over a place, then straight down to it."""
    grip = told["grip"]
    near = 0.009 if grip[2] > place[2] + 0.03 else 0.014
    return place - grip if _apart(grip, place) < near else _travel(told, place, HOVER)


def _travel(told: Told, place: np.ndarray, height: float) -> np.ndarray:
    """Towards a place at a height above the table where nothing stands: first up, if the hand is low."""
    grip = told["grip"]
    up = told["table"] + height - grip[2]
    if up > 0.02 and _apart(grip, place) > 0.02:
        return np.array([0, 0, up])
    return np.append((place - grip)[:2], up)


def _apart(one: np.ndarray, other: np.ndarray) -> float:
    """Horizontally."""
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
}
