"""Experts that are disturbed, so that demonstrations show how to recover. The label stays what the expert meant to do.

(DART, Laskey et al. 2017, arXiv 1703.09327, injects noise and keeps the clean label; mistakes are ours.)
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float64

from praxia.core.embodiment import Embodiment, Field
from praxia.core.errors import MismatchError
from praxia.core.keys import generator
from praxia.core.types import Decision, Policy, Query

__all__ = ["InjectedFailures", "InjectedNoise", "step_reach"]

# What one control step may sensibly change of a target, whose range says only where it may be, by its unit: a joint of
# an arm, a hand, the agent of PushT. No more than this share of the range, which is all that other units go by.
TARGET_STEP = {"rad": 0.04, "deg": math.degrees(0.04), "m": 0.02, "cm": 2.0, "mm": 20.0, "px": 20.0}
RANGE_SHARE = 0.04

# A mistake begins at one of these steps and lasts for one of these numbers of them.
FAILURE_BEGINS, FAILURE_LASTS = (3, 26), (3, 9)


class InjectedNoise:
    """A policy whose hand is disturbed by Gaussian noise, keyed by (episode, step), of deviation `sigma`.

    `sigma` is a fraction of what one step may change: see `step_reach`. Grippers are left alone. The sum is clipped to
    the declared range.

    Raises:
        MismatchError: there is noise, and what one step may change is not known.
    """

    def __init__(self, policy: Policy, embodiment: Embodiment, sigma: float):
        self._policy = policy
        self._deviation = sigma * step_reach(embodiment) if sigma else np.zeros(embodiment.action_dim)
        self._limits = _Limits(embodiment)
        self.privileged = policy.privileged
        self.embodiment: Embodiment | None = policy.embodiment
        self.window = policy.window

    def start(self, num_rows: int):
        return self._policy.start(num_rows)

    def act(self, queries: Sequence[Query], carry) -> tuple[list[Decision], object]:
        decisions, carry = self._policy.act(queries, carry)
        return [self._disturb(query, decision) for query, decision in zip(queries, decisions, strict=True)], carry

    def _disturb(self, query: Query, decision: Decision) -> Decision:
        noise = generator("noise", query.key, query.step).standard_normal(decision.chunk.shape)
        executed = self._limits.clipped(decision.chunk + self._deviation * noise)
        return replace(decision, chunk=executed, label=decision.chunk)


class InjectedFailures:
    """A policy that makes one mistake an episode: for a few steps its hand is driven off, its gripper the wrong way.

    When, where to, for how long (3 to 8 steps), and whether the gripper errs too is keyed by the episode.

    Raises:
        MismatchError: what one step may change is not known.
    """

    def __init__(self, policy: Policy, embodiment: Embodiment):
        self._policy = policy
        self._reach = step_reach(embodiment)
        self._limits = _Limits(embodiment)
        self.privileged = policy.privileged
        self.embodiment: Embodiment | None = policy.embodiment
        self.window = policy.window

    def start(self, num_rows: int):
        return self._policy.start(num_rows)

    def act(self, queries: Sequence[Query], carry) -> tuple[list[Decision], object]:
        decisions, carry = self._policy.act(queries, carry)
        return [self._inject(query, decision) for query, decision in zip(queries, decisions, strict=True)], carry

    def _inject(self, query: Query, decision: Decision) -> Decision:
        rng = generator("blunder", query.key)
        begins, lasts = rng.integers(*FAILURE_BEGINS), rng.integers(*FAILURE_LASTS)
        if not begins <= query.step < begins + lasts:
            return decision
        driven = decision.chunk + 2 * self._reach * rng.uniform(-1, 1, self._reach.shape)
        if rng.random() < 0.5:
            driven = self._limits.with_gripper_reversed(driven)
        label = decision.chunk if decision.label is None else decision.label
        return replace(decision, chunk=self._limits.clipped(driven), label=label)


class _Limits:
    """The declared range of each action dim, and which of them are grippers."""

    def __init__(self, embodiment: Embodiment):
        self._is_gripper = _by_dim(embodiment, lambda part: part.kind == "gripper")
        self._low, self._high = embodiment.action_range
        self._ends = _by_dim(
            embodiment, lambda part: 0.0 if part.low is None or part.high is None else part.low + part.high
        )

    def clipped(self, actions: np.ndarray) -> np.ndarray:
        return np.clip(actions, self._low, self._high).astype(np.float32)

    def with_gripper_reversed(self, actions: np.ndarray) -> np.ndarray:
        """The gripper mirrored in the middle of its range; without a range, in zero."""
        return np.where(self._is_gripper, -(actions - self._ends), actions)


def step_reach(embodiment: Embodiment) -> Float64[np.ndarray, " A"]:
    """By action dim, what one control step may sensibly change, in its unit.

    Nothing of grippers and discrete fields. Of deltas, velocities and torques the largest declared value. Of positions
    0.04 rad, 2 cm or 20 px by their unit, but no more than 4% of their declared range, which alone says it in other
    units. Deltas and velocities without a range go by their unit too; what has neither is taken to be within [-1, 1].

    Raises:
        MismatchError: a position has neither a range nor one of these units.
    """
    return _by_dim(embodiment, lambda part: _reach(part, embodiment))


def _reach(part: Field, embodiment: Embodiment) -> float:
    if part.kind in ("gripper", "discrete"):
        return 0.0
    if part.kind == "position":
        return _target_reach(part, embodiment)
    if bounds := [abs(bound) for bound in (part.low, part.high) if bound is not None]:
        return max(bounds)
    step = TARGET_STEP.get(part.unit.removesuffix("/s"))
    return 1.0 if step is None else step * (embodiment.control_hz if part.kind == "velocity" else 1)


def _target_reach(part: Field, embodiment: Embodiment) -> float:
    by_unit = TARGET_STEP.get(part.unit, math.inf)
    by_range = math.inf if part.low is None or part.high is None else RANGE_SHARE * (part.high - part.low)
    if math.isinf(by_unit) and math.isinf(by_range):
        raise MismatchError(
            f"expected action {part.name!r} of {embodiment.name!r} to say how far a step may disturb it: a position in "
            f"{', '.join(TARGET_STEP)} or with a range, got one in {part.unit!r} without; declare its low and high"
        )
    return min(by_unit, by_range)


def _by_dim(embodiment: Embodiment, value: Callable[[Field], float]) -> np.ndarray:
    return np.concatenate([np.full(part.size, value(part)) for part in embodiment.action])
