"""A policy and a thinker of its own, such as one that writes the next instruction (Hi Robot, arXiv 2502.19417)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from praxia.core.embodiment import Embodiment
from praxia.core.intent import Intent
from praxia.core.types import Decision, Policy, Query
from praxia.rollout.thinking import Thinker, think

__all__ = ["Instructed"]


class Instructed:
    """Two systems of two parts. Satisfies `core.types.Policy` and `rollout.thinking.Thinker`.

    A learned policy takes the text of an intent as its instruction. A query without an intent is thought about before
    it is decided.
    """

    def __init__(self, policy: Policy, thinker: Thinker):
        self.window = policy.window
        self.privileged = policy.privileged
        self.device = getattr(policy, "device", "cpu")
        self._policy = policy
        self._thinker = thinker

    @property
    def embodiment(self) -> Embodiment | None:
        """The embodiment it is for."""
        return self._policy.embodiment

    def start(self, num_rows: int) -> Any:
        return self._policy.start(num_rows)

    def think(self, queries: Sequence[Query]) -> list[Intent]:
        """The thinker's intents."""
        return self._thinker.think(queries)

    def act(self, queries: Sequence[Query], carry: Any) -> tuple[list[Decision], Any]:
        untold = [query for query in queries if query.intent is None]
        thoughts = iter(think(self._thinker, untold) if untold else [])
        told = [replace(query, intent=next(thoughts)) if query.intent is None else query for query in queries]
        return self._policy.act(told, carry)
