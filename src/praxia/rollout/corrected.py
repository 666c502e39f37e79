"""Policies that correct their actions at every step (A2C2): a chunk under way in the carry, corrections in between."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int64

from praxia.core.embodiment import Embodiment
from praxia.core.errors import PraxiaError
from praxia.core.hold import HoldAction
from praxia.core.types import ChunkExecution, Decision, Policy, Query
from praxia.rollout.timeline import Hold, Stretch, Timeline, expected_delay, next_query
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
        PraxiaError: ensembling. MismatchError: under a delay, an embodiment whose hold action is not known.
    """
    policy, execution = agent.policy, agent.execution
    if not isinstance(policy, Corrects):
        return agent
    if execution.ensemble is not None:
        raise PraxiaError("expected no ensembling of a policy that corrects its actions, which are single ones")
    return Agent(Correcting(policy, policy, execution), ChunkExecution(execution_horizon=1))


@dataclass(frozen=True)
class Underway:
    """The chunks of one episode, the states in which they were decided by step, and the step of the next decision.

    `delays` are those of the decisions so far, `last` is the action of the step before.
    """

    timeline: Timeline = field(default_factory=Timeline)
    decided: tuple[tuple[int, Float32[np.ndarray, " S"]], ...] = ()
    next_step: int = 0
    delays: tuple[int, ...] = ()
    last: Float32[np.ndarray, " A"] | None = None

    def executed(self, first: int, end: int, hold: Hold | None) -> Stretch:
        """What the chunks say for the steps from `first` to before `end`."""
        return self.timeline.stretch(first, end, hold, self.last)


@dataclass(frozen=True)
class Carry:
    """What the policy carries, and the chunks under way by row."""

    policy: Any
    rows: tuple[Underway, ...]


class Correcting:
    """A policy of single actions, made of one that decides chunks and corrects them. Satisfies `core.types.Policy`.

    Chunks are decided and take effect as `execution` says, as in `rollout.episode`. The correction takes no time: it
    sees the observation of the step at which its action is executed, so the loop finds every action of age 0. At a
    step for which no chunk is ready the robot is held still; the loop does not count it as starved.
    """

    def __init__(self, policy: Policy, corrects: Corrects, execution: ChunkExecution):
        self.window = policy.window
        self.privileged = policy.privileged
        self._policy = policy
        self._corrects = corrects
        self._execution = execution
        self._hold = _hold_of(policy) if execution.is_delayed else None

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
        actions = self._corrected(queries, rows)
        for query, action in zip(queries, actions, strict=True):
            # After an action that no robot should execute, whoever goes on gets a new decision.
            row = rows[query.row] if np.isfinite(action).all() else Underway()
            rows[query.row] = replace(row, last=action)
        return [Decision(action[None], np.ones(1, dtype=bool)) for action in actions], Carry(inner, tuple(rows))

    def _asked(self, query: Query, row: Underway) -> Query:
        """The query of a chunk, with what is executed meanwhile."""
        now = query.step
        delay = expected_delay(row.delays) if row.delays else self._execution.delay_at(query.key, now)
        if not row.timeline.chunks:
            return replace(query, delay=delay)
        committed = row.executed(now, now + delay, self._hold).actions if delay else None
        planned = row.executed(now, max(now + delay, row.timeline.end), self._hold).actions
        return replace(query, delay=delay, committed=committed, planned=planned)

    def _with(self, row: Underway, query: Query, decision: Decision) -> Underway:
        now, horizon = query.step, self._execution.execution_horizon
        delays = (*row.delays, self._execution.delay_at(query.key, now))
        usable = now + delays[-1] if now else now
        timeline = row.timeline.add(decision, now, usable)
        following = next_query(now, usable, decision.num_executable, horizon, expected_delay(delays))
        known = {chunk.observed for chunk in timeline.chunks}
        decided = [*((at, state) for at, state in row.decided if at in known), (now, query.history[-1].state)]
        return Underway(timeline, tuple(decided), following, delays, row.last)

    def _corrected(self, queries: Sequence[Query], rows: Sequence[Underway]) -> list[Float32[np.ndarray, " A"]]:
        """The action of each query; where no chunk is ready, the one that holds the robot still."""
        said = [rows[query.row].executed(query.step, query.step + 1, self._hold) for query in queries]
        actions = [one.actions[0] for one in said]
        ready = [at for at, one in enumerate(said) if np.isfinite(one.ages[0])]
        if not ready:
            return actions
        indices = np.array([int(said[at].ages[0]) for at in ready])
        decided = [
            dict(rows[queries[at].row].decided)[queries[at].step - index]
            for at, index in zip(ready, indices.tolist(), strict=True)
        ]
        chosen = np.stack([actions[at] for at in ready])
        corrected = self._corrects.correct([queries[at] for at in ready], chosen, indices, np.stack(decided))
        for at, action in zip(ready, corrected, strict=True):
            actions[at] = action
        return actions


def _hold_of(policy: Policy) -> Hold:
    assert policy.embodiment is not None, "a policy that corrects its actions was trained on an embodiment"
    return HoldAction.of(policy.embodiment).after
