"""The commanded motion of an episode: path length and jerk."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from praxia.core.embodiment import Embodiment

__all__ = ["Motion", "motion"]


@dataclass(frozen=True)
class Motion:
    """`path_length` of the commanded path in the unit of its positions, and `jerk` in that unit per s^3: the root mean
    square, over the episode, of the norm of the path's third derivative. None: undefined.
    """

    path_length: float | None
    jerk: float | None


def motion(actions: Float32[np.ndarray, "T A"], embodiment: Embodiment) -> Motion:
    """The motion that the T executed `actions` of `embodiment` command, clipped to their declared ranges as a driver
    clips them.

    The commanded path consists of the positions p_t of all fields that move the robot. Position fields are positions
    already; deltas and velocities are summed from p = 0. The path length is sum |p_t - p_(t-1)|, and the jerk is taken
    from third differences at the control rate. Gripper and discrete fields do not move the robot.

    The path length is undefined for fewer than two positions and the jerk for fewer than four. Both are undefined where
    the moving fields have several kinds or units, or are torques.
    """
    path = _commanded_path(actions, embodiment)
    if path is None:
        return Motion(None, None)
    steps, third = np.diff(path, axis=0), np.diff(path, n=3, axis=0) * embodiment.control_hz**3
    return Motion(
        float(np.linalg.norm(steps, axis=1).sum()) if len(steps) else None,
        float(np.sqrt(np.square(third).sum(axis=1).mean())) if len(third) else None,
    )


def _commanded_path(actions: Float32[np.ndarray, "T A"], embodiment: Embodiment) -> Float64[np.ndarray, "P D"] | None:
    moving = [field for field in embodiment.action if field.kind not in ("gripper", "discrete")]
    meanings = {(field.kind, field.unit) for field in moving}
    if len(meanings) != 1 or not len(actions):
        return None
    ((kind, _),) = meanings
    moves = np.concatenate([np.full(field.size, field in moving) for field in embodiment.action])
    values = np.clip(actions.astype(np.float64), *embodiment.action_range)[:, moves]
    if kind == "position":
        return values
    if kind == "torque":
        return None
    steps = values if kind == "delta" else values / embodiment.control_hz
    return np.concatenate([np.zeros((1, steps.shape[1])), np.cumsum(steps, axis=0)])
