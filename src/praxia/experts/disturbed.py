"""Experts that are disturbed, so that demonstrations show how to recover. The label stays what the expert meant to do.

(DART, Laskey et al. 2017, arXiv 1703.09327, injects noise and keeps the clean label; mistakes are ours.)
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float64

from praxia.core.keys import generator
from praxia.core.types import Decision, Embodiment, Field, Policy, Query

__all__ = ["Blundering", "Noisy"]

# What one control step may sensibly change of a target position, which is declared by its range alone, by its unit:
# a joint of an arm, the agent of PushT.
TARGET_STEP = {"rad": 0.04, "px": 20.0}

# A mistake begins at one of these steps and lasts for one of these numbers of them.
BLUNDER_BEGINS, BLUNDER_LASTS = (3, 26), (3, 9)


class Noisy:
    """A policy whose hand is disturbed by Gaussian noise, keyed by (episode, step), of deviation `sigma`.

    `sigma` is a fraction of what one step may change: a delta's range, or 0.04 rad or 20 px of a target position.
    Grippers are left alone. The sum is clipped to the declared range.
    """

    def __init__(self, policy: Policy, body: Embodiment, sigma: float):
        self._policy = policy
        self._sigma = sigma
        self._limits = _Limits(body)
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
        executed = self._limits.clipped(decision.chunk + self._sigma * self._limits.reach * noise)
        return replace(decision, chunk=executed, label=decision.chunk)


class Blundering:
    """A policy that makes one mistake an episode: for a few steps its hand is driven off, its gripper the wrong way.

    When, where to, for how long (3 to 8 steps), and whether the gripper errs too is keyed by the episode.
    """

    def __init__(self, policy: Policy, body: Embodiment):
        self._policy = policy
        self._limits = _Limits(body)
        self.privileged = policy.privileged
        self.embodiment: Embodiment | None = policy.embodiment
        self.window = policy.window

    def start(self, num_rows: int):
        return self._policy.start(num_rows)

    def act(self, queries: Sequence[Query], carry) -> tuple[list[Decision], object]:
        decisions, carry = self._policy.act(queries, carry)
        return [self._blunder(query, decision) for query, decision in zip(queries, decisions, strict=True)], carry

    def _blunder(self, query: Query, decision: Decision) -> Decision:
        rng = generator("blunder", query.key)
        begins, lasts = rng.integers(*BLUNDER_BEGINS), rng.integers(*BLUNDER_LASTS)
        if not begins <= query.step < begins + lasts:
            return decision
        driven = decision.chunk + 2 * self._limits.reach * rng.uniform(-1, 1, self._limits.reach.shape)
        if rng.random() < 0.5:
            driven = np.where(self._limits.is_gripper, -driven, driven)
        label = decision.chunk if decision.label is None else decision.label
        return replace(decision, chunk=self._limits.clipped(driven), label=label)


class _Limits:
    """By action dim: what one step may change (nothing of a gripper), and the declared range."""

    def __init__(self, body: Embodiment):
        self.reach: Float64[np.ndarray, " A"] = np.concatenate(
            [np.full(part.size, _reach(part)) for part in body.action]
        )
        self.is_gripper = np.concatenate([np.full(part.size, part.kind == "gripper") for part in body.action])
        self._low, self._high = body.action_range

    def clipped(self, actions: np.ndarray) -> np.ndarray:
        return np.clip(actions, self._low, self._high).astype(np.float32)


def _reach(part: Field) -> float:
    if part.kind in ("gripper", "discrete"):
        return 0.0
    if part.kind == "position":
        return TARGET_STEP[part.unit]
    return 1.0 if part.high is None else part.high
