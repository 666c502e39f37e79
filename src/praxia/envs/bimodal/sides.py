"""Which way an episode went, read off its recorded states: how modes are covered and whether a policy commits.

States come from a rollout with `Recording(cameras=(), snapshots=False)`, one a look (`Trajectory.observations`), or from
doing the stored actions of a judged episode again (`results.store.read_replay`), one a step.
"""

from typing import Literal

import numpy as np
from jaxtyping import Float32, Float64

__all__ = ["Side", "num_switches", "side"]

Side = Literal["left", "right"]

# Nearer to the obstacle's middle line the robot is on no side yet: noise at the start is within.
MIDDLE_M = 0.05


def side(states: Float32[np.ndarray, "T 6"]) -> Side | None:
    """The side on which the robot came past the obstacle, or None where it never did.

    That is where the straight way between the states before and after it crosses the obstacle's own y for the first
    time.
    """
    aside, ahead = _relative(states)
    passed = np.flatnonzero((ahead[:-1] < 0) & (ahead[1:] >= 0))
    if not len(passed):
        return None
    at = passed[0]
    share = -ahead[at] / (ahead[at + 1] - ahead[at])
    return "left" if aside[at] + share * (aside[at + 1] - aside[at]) < 0 else "right"


def num_switches(states: Float32[np.ndarray, "T 6"]) -> int:
    """How often the robot changed sides before it passed the obstacle, or before the episode ended.

    Only where it was 5 cm or more off the middle line counts. A policy that commits has 0.
    """
    aside, ahead = _relative(states)
    behind = np.flatnonzero(ahead >= 0)
    before = aside[: behind[0] + 1] if len(behind) else aside
    signs = np.sign(before[np.abs(before) >= MIDDLE_M])
    return int(np.count_nonzero(signs[1:] != signs[:-1]))


def _relative(states: Float32[np.ndarray, "T 6"]) -> tuple[Float64[np.ndarray, " T"], Float64[np.ndarray, " T"]]:
    """Where the robot was relative to the obstacle: to its right, and beyond it."""
    offset = states[:, :2].astype(np.float64) - states[:, 2:4]
    return offset[:, 0], offset[:, 1]
