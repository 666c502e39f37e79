"""Noise and failures injected into an expert's actions, so that demonstrations show recovery. Labels stay clean.

DART (Laskey et al. 2017, arXiv 1703.09327) injects noise and keeps the clean label; injected failures are ours.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float64

from praxia.core.embodiment import Embodiment, Field
from praxia.core.errors import MismatchError
from praxia.core.keys import generator
from praxia.core.types import Decision, Policy, Query

__all__ = ["InjectedFailures", "InjectedNoise", "step_reach"]

# How far one control step may sensibly move a target, by its unit: an arm's joint, a hand, PushT's agent. (Its range
# only bounds where it may be.) At most RANGE_FRACTION of the range, which alone decides for other units.
TARGET_STEP = {"rad": 0.04, "deg": math.degrees(0.04), "m": 0.02, "cm": 2.0, "mm": 20.0, "px": 20.0}
RANGE_FRACTION = 0.04

# A failure begins at a step in the first half-open range, and lasts for a number of steps in the second.
FAILURE_BEGIN, FAILURE_LENGTH = (3, 26), (3, 9)


class _Perturbed(ABC):
    """A policy whose decisions are changed one by one, within the declared range. A subclass says how."""

    def __init__(self, policy: Policy, embodiment: Embodiment):
        self._policy = policy
        self._limits = _Limits(embodiment)
        self.privileged = policy.privileged
        self.embodiment: Embodiment | None = policy.embodiment
        self.window = policy.window

    def start(self, num_rows: int):
        return self._policy.start(num_rows)

    def act(self, queries: Sequence[Query], carry) -> tuple[list[Decision], object]:
        decisions, carry = self._policy.act(queries, carry)
        return [self._perturb(query, decision) for query, decision in zip(queries, decisions, strict=True)], carry

    @abstractmethod
    def _perturb(self, query: Query, decision: Decision) -> Decision: ...


class InjectedNoise(_Perturbed):
    """A policy with Gaussian noise of standard deviation `sigma` on its actions, keyed by (episode, step).

    `sigma` is a fraction of `step_reach`. Grippers get no noise. The sum is clipped to the declared range.

    Raises:
        MismatchError: `sigma` is not 0, and the embodiment does not declare its reach per step.
    """

    def __init__(self, policy: Policy, embodiment: Embodiment, sigma: float):
        super().__init__(policy, embodiment)
        self._deviation = sigma * step_reach(embodiment) if sigma else np.zeros(embodiment.action_dim)

    def _perturb(self, query: Query, decision: Decision) -> Decision:
        noise = generator("noise", query.key, query.step).standard_normal(decision.chunk.shape)
        executed = self._limits.clipped(decision.chunk + self._deviation * noise)
        return replace(decision, chunk=executed, label=decision.chunk)


class InjectedFailures(_Perturbed):
    """A policy with one failure per episode: for a few steps its hand drifts off, and its gripper may be reversed.

    When, where to, for how long (3 to 8 steps), and whether the gripper is reversed is keyed by the episode.

    Raises:
        MismatchError: the embodiment does not declare its reach per step.
    """

    def __init__(self, policy: Policy, embodiment: Embodiment):
        super().__init__(policy, embodiment)
        self._reach = step_reach(embodiment)

    def _perturb(self, query: Query, decision: Decision) -> Decision:
        rng = generator("blunder", query.key)  # the key of the random stream, which data sets depend on
        begin, length = rng.integers(*FAILURE_BEGIN), rng.integers(*FAILURE_LENGTH)
        if not begin <= query.step < begin + length:
            return decision
        drifted = decision.chunk + 2 * self._reach * rng.uniform(-1, 1, self._reach.shape)
        if rng.random() < 0.5:
            drifted = self._limits.with_gripper_reversed(drifted)
        label = decision.chunk if decision.label is None else decision.label
        return replace(decision, chunk=self._limits.clipped(drifted), label=label)


class _Limits:
    """The declared range of each action dim, and which of them are grippers."""

    def __init__(self, embodiment: Embodiment):
        self._is_gripper = _by_dim(embodiment, lambda action: action.kind == "gripper")
        self._low, self._high = embodiment.action_range
        self._low_plus_high = _by_dim(
            embodiment, lambda action: 0.0 if action.low is None or action.high is None else action.low + action.high
        )

    def clipped(self, actions: np.ndarray) -> np.ndarray:
        return np.clip(actions, self._low, self._high).astype(np.float32)

    def with_gripper_reversed(self, actions: np.ndarray) -> np.ndarray:
        """The gripper mirrored about the middle of its range; without a range, about zero."""
        return np.where(self._is_gripper, -(actions - self._low_plus_high), actions)


def step_reach(embodiment: Embodiment) -> Float64[np.ndarray, " A"]:
    """How far one control step may sensibly move each action dim, in its unit.

    Grippers and discrete fields: 0. Deltas, velocities and torques: the largest declared value. Positions: 0.04 rad,
    2 cm or 20 px by their unit, but at most 4% of their declared range, which alone decides for other units. Deltas and
    velocities without a range go by their unit too; with neither they are taken to be within [-1, 1].

    Raises:
        MismatchError: a position has neither a range nor one of these units.
    """
    return _by_dim(embodiment, lambda action: _reach(action, embodiment))


def _reach(action: Field, embodiment: Embodiment) -> float:
    if action.kind in ("gripper", "discrete"):
        return 0.0
    if action.kind == "position":
        return _target_reach(action, embodiment)
    if bounds := [abs(bound) for bound in (action.low, action.high) if bound is not None]:
        return max(bounds)
    step = TARGET_STEP.get(action.unit.removesuffix("/s"))
    return 1.0 if step is None else step * (embodiment.control_hz if action.kind == "velocity" else 1)


def _target_reach(action: Field, embodiment: Embodiment) -> float:
    by_unit = TARGET_STEP.get(action.unit, math.inf)
    by_range = math.inf if action.low is None or action.high is None else RANGE_FRACTION * (action.high - action.low)
    if math.isinf(by_unit) and math.isinf(by_range):
        raise MismatchError(
            f"expected action {action.name!r} of {embodiment.name!r} to declare how far noise may disturb a step: a "
            f"position in {', '.join(TARGET_STEP)} or with a range, got one in {action.unit!r} without; declare its "
            "low and high"
        )
    return min(by_unit, by_range)


def _by_dim(embodiment: Embodiment, value: Callable[[Field], float]) -> np.ndarray:
    return np.concatenate([np.full(field.size, value(field)) for field in embodiment.action])
