"""How the robot was told to move: the length of the way and how jerky it was."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from praxia.core.embodiment import Embodiment

__all__ = ["Motion", "motion"]


@dataclass(frozen=True)
class Motion:
    """`path` is the length of the commanded way in the unit of its positions, `jerk` in that unit per s^3: the root
    mean square, over the episode, of the length of the way's third derivative. None: undefined.
    """

    path: float | None
    jerk: float | None


def motion(actions: Float32[np.ndarray, "T A"], embodiment: Embodiment) -> Motion:
    """The motion that T executed `actions` of `embodiment` commanded, clipped to their declared ranges as a driver does.

    The commanded way are the positions p_t of all fields that move the embodiment: positions are that themselves; deltas and
    velocities are summed up from the first p = 0. Then path = sum |p_t - p_(t-1)|, and jerk is taken by third
    differences at the control rate. Grippers and discrete fields do not move the embodiment.

    Undefined are the path of less than two positions, the jerk of less than four, and both where the fields that move
    the embodiment are of several kinds or units, or are torques.
    """
    way = _commanded_way(actions, embodiment)
    if way is None:
        return Motion(None, None)
    steps, third = np.diff(way, axis=0), np.diff(way, n=3, axis=0) * embodiment.control_hz**3
    return Motion(
        float(np.linalg.norm(steps, axis=1).sum()) if len(steps) else None,
        float(np.sqrt(np.square(third).sum(axis=1).mean())) if len(third) else None,
    )


def _commanded_way(actions: Float32[np.ndarray, "T A"], embodiment: Embodiment) -> Float64[np.ndarray, "P D"] | None:
    moving = [part for part in embodiment.action if part.kind not in ("gripper", "discrete")]
    meanings = {(part.kind, part.unit) for part in moving}
    if len(meanings) != 1 or not len(actions):
        return None
    ((kind, _),) = meanings
    moves = np.concatenate([np.full(part.size, part in moving) for part in embodiment.action])
    chosen = np.clip(actions.astype(np.float64), *embodiment.action_range)[:, moves]
    if kind == "position":
        return chosen
    if kind == "torque":
        return None
    steps = chosen if kind == "delta" else chosen / embodiment.control_hz
    return np.concatenate([np.zeros((1, steps.shape[1])), np.cumsum(steps, axis=0)])
