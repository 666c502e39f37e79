"""The side on which an episode passed, from its states: are both modes covered, and does the policy commit?

States come from a rollout with `Recording(cameras=(), snapshots=False)`, one per observation, or from replaying the
stored actions of an evaluated episode (`results.store.read_replay`), one per step.
"""

from typing import Literal

import numpy as np
from jaxtyping import Float32, Float64

__all__ = ["Side", "num_switches", "side"]

Side = Literal["left", "right"]

# Nearer to the obstacle's middle line than this the robot is on no side yet, as it is at the start.
MIDDLE_M = 0.05


def side(states: Float32[np.ndarray, "T 6"]) -> Side | None:
    """The side on which the robot passed the obstacle, or None if it never did.

    It is where the segment between two successive states first crosses the obstacle's own y.
    """
    aside, ahead = _relative(states)
    passed = np.flatnonzero((ahead[:-1] < 0) & (ahead[1:] >= 0))
    if not len(passed):
        return None
    step = passed[0]
    fraction = -ahead[step] / (ahead[step + 1] - ahead[step])
    return "left" if aside[step] + fraction * (aside[step + 1] - aside[step]) < 0 else "right"


def num_switches(states: Float32[np.ndarray, "T 6"]) -> int:
    """The number of times the robot changed sides before it passed the obstacle, or before the episode ended.

    Only positions at least 5 cm off the middle line count. A policy that commits has 0.
    """
    aside, ahead = _relative(states)
    behind = np.flatnonzero(ahead >= 0)
    before = aside[: behind[0] + 1] if len(behind) else aside
    signs = np.sign(before[np.abs(before) >= MIDDLE_M])
    return int(np.count_nonzero(signs[1:] != signs[:-1]))


def _relative(states: Float32[np.ndarray, "T 6"]) -> tuple[Float64[np.ndarray, " T"], Float64[np.ndarray, " T"]]:
    """The robot's positions relative to the obstacle: to its right, and beyond it."""
    offset = states[:, :2].astype(np.float64) - states[:, 2:4]
    return offset[:, 0], offset[:, 1]
