"""Policies that correct their actions at every step (A2C2): a chunk under way in the carry, corrections in between."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int64

from praxia.core.embodiment import Embodiment
from praxia.core.errors import PraxiaError
from praxia.core.types import ChunkExecution, Decision, Policy, Query
from praxia.rollout.timeline import Timeline, next_query
from praxia.rollout.types import Agent

__all__ = ["Correcting", "Corrects", "correcting"]


@runtime_checkable
class Corrects(Protocol):
    """A policy that corrects single actions of its chunks by the newest observation."""

    def correct(
        self,
        queries: Sequence[Query],
        actions: Float32[np.ndarray, "B A"],
        indices: Int64[np.ndarray, " B"],
        decided: Float32[np.ndarray, "B S"],
    ) -> Float32[np.ndarray, "B A"]:
        """The `actions` numbered `indices` of chunks that were decided in the states `decided`, corrected."""
        ...


def correcting(agent: Agent) -> Agent:
    """The agent, whose policy is asked at every step if it corrects its actions; another agent is returned as it is.

    Raises:
        PraxiaError: ensembling, or chunks that end before the next one takes effect.
    """
    policy, execution = agent.policy, agent.execution
    if not isinstance(policy, Corrects):
        return agent
    if execution.ensemble is not None:
        raise PraxiaError("expected no ensembling of a policy that corrects its actions, which are single ones")
    if (needed := execution.execution_horizon + execution.delay) > policy.window.horizon:
        raise PraxiaError(
            f"expected chunks of at least {needed} actions, which are executed until the next one takes effect, got"
            f" {policy.window.horizon}"
        )
    return Agent(Correcting(policy, policy, execution), ChunkExecution(execution_horizon=1))


@dataclass(frozen=True)
class Underway:
    """The chunks of one episode, the states in which they were decided by step, and the step of the next decision."""

    timeline: Timeline = field(default_factory=Timeline)
    decided: tuple[tuple[int, Float32[np.ndarray, " S"]], ...] = ()
    next_step: int = 0


@dataclass(frozen=True)
class Carry:
    """What the policy carries, and the chunks under way by row."""

    policy: Any
    rows: tuple[Underway, ...]


class Correcting:
    """A policy of single actions, made of one that decides chunks and corrects them. Satisfies `core.types.Policy`.

    The chunks are decided and take effect as `execution` says. The correction takes no time: it sees the observation of
    the step at which its action is executed.
    """

    def __init__(self, policy: Policy, corrects: Corrects, execution: ChunkExecution):
        self.window = policy.window
        self.privileged = policy.privileged
        self._policy = policy
        self._corrects = corrects
        self._execution = execution

    @property
    def embodiment(self) -> Embodiment | None:
        """The embodiment it is for."""
        return self._policy.embodiment

    def start(self, num_rows: int) -> Carry:
        return Carry(self._policy.start(num_rows), (Underway(),) * num_rows)

    def act(self, queries: Sequence[Query], carry: Carry) -> tuple[list[Decision], Carry]:
        rows = list(carry.rows)
        for query in queries:
            if query.step == 0:
                rows[query.row] = Underway()
        due = [query for query in queries if query.step >= rows[query.row].next_step]
        inner = carry.policy
        if due:
            asked = [self._asked(query, rows[query.row]) for query in due]
            decisions, inner = self._policy.act(asked, inner)
            for query, decision in zip(due, decisions, strict=True):
                rows[query.row] = self._with(rows[query.row], query, decision)
        return self._corrected(queries, rows), Carry(inner, tuple(rows))

    def _asked(self, query: Query, row: Underway) -> Query:
        """The query of a chunk, with what is executed meanwhile."""
        if query.step == 0:
            return replace(query, delay=self._execution.delay)
        now, delay = query.step, self._execution.delay
        committed = row.timeline.stretch(now, now + delay).actions if delay else None
        planned = row.timeline.stretch(now, max(now + delay, row.timeline.end)).actions
        return replace(query, delay=delay, committed=committed, planned=planned)

    def _with(self, row: Underway, query: Query, decision: Decision) -> Underway:
        execution, now = self._execution, query.step
        usable = now + execution.delay if now else now
        timeline = row.timeline.add(decision, now, usable)
        following = next_query(now, usable, decision.num_executable, execution.execution_horizon, execution.delay)
        known = {chunk.observed for chunk in timeline.chunks}
        decided = [*((at, state) for at, state in row.decided if at in known), (now, query.history[-1].state)]
        return Underway(timeline, tuple(decided), following)

    def _corrected(self, queries: Sequence[Query], rows: Sequence[Underway]) -> list[Decision]:
        """A single action for each query; a chunk that ended leaves none."""
        said = [rows[query.row].timeline.stretch(query.step, query.step + 1) for query in queries]
        ready = [at for at, one in enumerate(said) if len(one.actions)]
        decisions = [Decision(one.actions, np.ones(len(one.actions), dtype=bool)) for one in said]
        if ready:
            indices = np.array([int(said[at].ages[0]) for at in ready])
            states = [
                dict(rows[queries[at].row].decided)[queries[at].step - index]
                for at, index in zip(ready, indices.tolist(), strict=True)
            ]
            actions = np.concatenate([said[at].actions for at in ready])
            corrected = self._corrects.correct([queries[at] for at in ready], actions, indices, np.stack(states))
            for at, action in zip(ready, corrected, strict=True):
                decisions[at] = replace(decisions[at], chunk=action[None])
        return decisions
