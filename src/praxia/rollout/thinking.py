"""Two systems at two speeds (Helix, GR00T N1): a thinker writes intents now and then, a policy reads the newest one."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError
from praxia.core.intent import Intent, Thinking
from praxia.core.types import Decision, Policy, Query
from praxia.rollout.types import Agent

__all__ = [
    "IntentTimeline",
    "Thinker",
    "ThinkingCarry",
    "ThinkingPolicy",
    "Thoughts",
    "TimedIntent",
    "think",
    "thinking",
]


@runtime_checkable
class Thinker(Protocol):
    """The slow one of two systems. It keeps nothing between calls, which may run beside `Policy.act`."""

    def think(self, queries: Sequence[Query]) -> list[Intent]:
        """An intent for each query, in order, stamped with the query's step."""
        ...


def think(thinker: Thinker, queries: Sequence[Query]) -> list[Intent]:
    """The thinker's intents for `queries`.

    Raises:
        MismatchError: it gave something else, another number of intents than it was asked for, or of other steps.
    """
    intents = thinker.think(queries)
    if not isinstance(intents, list) or not all(isinstance(one, Intent) for one in intents):
        raise MismatchError(f"expected a list of intents of the thinker, got {type(intents).__name__}")
    steps, got = [query.step for query in queries], [intent.step for intent in intents]
    if got != steps:
        raise MismatchError(f"expected intents of the thinker stamped with the steps {steps}, got {got}")
    return intents


def thinking(agent: Agent) -> Agent:
    """The agent, whose policy is given intents as its chunk execution says, if it is a thinker, too.

    Another agent is returned as it is: a policy that does not think acts as without a thinker.
    """
    policy, rate = agent.policy, agent.execution.thinking
    if rate is None or not isinstance(policy, Thinker):
        return agent
    return Agent(ThinkingPolicy(policy, policy, rate), agent.execution)


@dataclass(frozen=True)
class TimedIntent:
    """An intent, and the control step from which the fast part has it."""

    intent: Intent
    usable: int


@dataclass(frozen=True)
class IntentTimeline:
    """The intents of one episode that can still be read, in the order of their observations. It knows no clock."""

    intents: tuple[TimedIntent, ...] = ()

    def add(self, intent: Intent, usable: int) -> "IntentTimeline":
        """With an intent that may be read from the step `usable` on, and without those that it has outlived.

        Of the intents that are usable at the step of the new observation only the newest is kept.
        """
        newest = self.newest(intent.step)
        kept = [one for one in self.intents if one.usable > intent.step or one.intent is newest]
        return IntentTimeline(tuple(sorted([*kept, TimedIntent(intent, usable)], key=lambda one: one.intent.step)))

    def newest(self, step: int) -> Intent | None:
        """Among those that have arrived by `step`, the intent with the newest observation."""
        usable = [one.intent for one in self.intents if one.usable <= step]
        return max(usable, key=lambda intent: intent.step) if usable else None


@dataclass(frozen=True)
class Thoughts:
    """The intents of one episode, and the step from which on the thinker observes again."""

    timeline: IntentTimeline = field(default_factory=IntentTimeline)
    next_step: int = 0

    def with_intent(self, intent: Intent, rate: Thinking) -> "Thoughts":
        """After the thinker has observed: an episode's first intent is waited for, others arrive late."""
        usable = intent.step + rate.late if self.timeline.intents else intent.step
        return Thoughts(self.timeline.add(intent, usable), intent.step + rate.every)


@dataclass(frozen=True)
class ThinkingCarry:
    """What the policy carries, and the thoughts by row."""

    policy: Any
    rows: tuple[Thoughts, ...]


class ThinkingPolicy:
    """A policy whose queries have the newest intent of a thinker (`Query.intent`). Satisfies `core.types.Policy`.

    The thinker is asked at the first decision at which it is due, about that decision's observation. What it writes is
    handed on from the step at which it arrives, so that the fast part acts on an older one meanwhile. Whatever the
    thinker takes on this machine, rows are those of `rate`.
    """

    def __init__(self, policy: Policy, thinker: Thinker, rate: Thinking):
        self.window = policy.window
        self.privileged = policy.privileged
        self._policy = policy
        self._thinker = thinker
        self._rate = rate

    @property
    def embodiment(self) -> Embodiment | None:
        """The embodiment it is for."""
        return self._policy.embodiment

    def start(self, num_rows: int) -> ThinkingCarry:
        return ThinkingCarry(self._policy.start(num_rows), (Thoughts(),) * num_rows)

    def act(self, queries: Sequence[Query], carry: ThinkingCarry) -> tuple[list[Decision], ThinkingCarry]:
        """The fast part's decisions, each with the newest intent of its own episode.

        Raises:
            MismatchError: the thinker gave another number of intents than it was asked for, or of another step.
        """
        rows = list(carry.rows)
        for query in queries:
            if query.step == 0:
                rows[query.row] = Thoughts()
        due = [query for query in queries if query.step >= rows[query.row].next_step]
        for query, intent in zip(due, think(self._thinker, due) if due else [], strict=True):
            rows[query.row] = rows[query.row].with_intent(intent, self._rate)
        asked = [replace(query, intent=rows[query.row].timeline.newest(query.step)) for query in queries]
        decisions, inner = self._policy.act(asked, carry.policy)
        return decisions, ThinkingCarry(inner, tuple(rows))
