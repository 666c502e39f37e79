"""A thinker in a thread of its own, on robots and in servers: its intents arrive when they are ready."""

import concurrent.futures
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

from praxia.core.embodiment import Embodiment
from praxia.core.errors import PraxiaError
from praxia.core.intent import Intent
from praxia.core.types import Decision, Policy, Query
from praxia.rollout.thinking import Thinker, think

__all__ = ["LiveThoughts", "ThinkerThread", "ThreadedThinking"]


class ThinkerThread:
    """Thinks in one thread. Whatever waits when a thought ends is the next batch. The caller closes it.

    After an exception the queries of a batch are thought about one by one: it is that of its own query alone. A program
    ends without waiting for a thought that is under way.
    """

    def __init__(self, thinker: Thinker):
        self._thinker = thinker
        self._changed = threading.Condition()
        self._waiting: list[tuple[Query, Future[Intent]]] = []
        self._closed = False
        threading.Thread(target=self._run, name="thinker", daemon=True).start()

    def submit(self, query: Query) -> Future[Intent]:
        """The intent of the query's observation, or what the thinker raised. A future may be cancelled in time.

        Raises:
            PraxiaError: the thread was ended.
        """
        future: Future[Intent] = Future()
        with self._changed:
            if self._closed:
                raise PraxiaError("the thinker has ended")
            self._waiting.append((query, future))
            self._changed.notify()
        return future

    def close(self) -> None:
        """End the thread, without waiting for a thought that is under way; what still waits is cancelled."""
        with self._changed:
            self._closed = True
            waiting, self._waiting = self._waiting, []
            self._changed.notify()
        for _, future in waiting:
            future.cancel()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                waiting, self._waiting = self._waiting, []
            batch = [(query, future) for query, future in waiting if future.set_running_or_notify_cancel()]
            if batch:
                self._think(batch)

    def _think(self, batch: Sequence[tuple[Query, Future[Intent]]]) -> None:
        try:
            intents = think(self._thinker, [query for query, _ in batch])
        except BaseException as error:  # whoever waits has to hear of it
            if len(batch) == 1:
                batch[0][1].set_exception(error)
                return
            for one in batch:
                self._think([one])
            return
        for (_, future), intent in zip(batch, intents, strict=True):
            future.set_result(intent)


@dataclass(frozen=True)
class LiveThoughts:
    """The newest intent of one episode, and the thought that is under way about a newer observation."""

    intent: Intent | None = None
    pending: Future[Intent] | None = None

    def at(self, query: Query, thread: ThinkerThread) -> "LiveThoughts":
        """With the intent that has arrived, if one has; if no thought is under way, with one about the query.

        Raises what the thinker raised.
        """
        if self.pending is None:
            return LiveThoughts(self.intent, thread.submit(query))
        if not self.pending.done():
            return self
        return LiveThoughts(self.pending.result(), thread.submit(query))

    @property
    def has_failed(self) -> bool:
        """Whether the episode's first thought came to nothing."""
        if self.intent is not None or self.pending is None or not self.pending.done():
            return False
        return self.pending.cancelled() or self.pending.exception() is not None

    def cancel(self) -> None:
        """Nobody waits any more for the thought that is under way."""
        if self.pending is not None:
            self.pending.cancel()


@dataclass(frozen=True)
class LiveCarry:
    """What the policy carries, and the thoughts by row."""

    policy: Any
    rows: tuple[LiveThoughts, ...]


class ThreadedThinking:
    """`rollout.thinking.ThinkingPolicy` in real time: the thinker thinks beside the policy, as often as it can.

    Each time a thought has ended, the next is about the newest observation; each decision has the newest intent. Only
    an episode's first intent is waited for, up to `timeout_s`, 60 s unless given. An episode whose thinker has raised
    an exception does not go on. Satisfies `core.types.Policy`. The caller closes it.
    """

    def __init__(self, policy: Policy, thinker: Thinker, timeout_s: float = 60.0):
        self.window = policy.window
        self.privileged = policy.privileged
        self._policy = policy
        self._thread = ThinkerThread(thinker)
        self._timeout_s = timeout_s

    @property
    def embodiment(self) -> Embodiment | None:
        """The embodiment it is for."""
        return self._policy.embodiment

    def start(self, num_rows: int) -> LiveCarry:
        return LiveCarry(self._policy.start(num_rows), (LiveThoughts(),) * num_rows)

    def act(self, queries: Sequence[Query], carry: LiveCarry) -> tuple[list[Decision], LiveCarry]:
        """The fast part's decisions, each with the newest intent of its own episode. Raises what the thinker raised.

        Raises:
            PraxiaError: an episode's first intent took longer than the timeout.
        """
        rows = list(carry.rows)
        for query in queries:
            if query.step == 0:
                rows[query.row].cancel()
                rows[query.row] = LiveThoughts()
            rows[query.row] = rows[query.row].at(query, self._thread)
        for query in queries:
            if rows[query.row].intent is None:
                rows[query.row] = self._awaited(rows[query.row])
        asked = [replace(query, intent=rows[query.row].intent) for query in queries]
        decisions, inner = self._policy.act(asked, carry.policy)
        return decisions, LiveCarry(inner, tuple(rows))

    def close(self) -> None:
        """End the thinker's thread, without waiting for a thought that is under way."""
        self._thread.close()

    def _awaited(self, row: LiveThoughts) -> LiveThoughts:
        assert row.pending is not None, "it was asked about"
        try:
            return LiveThoughts(row.pending.result(self._timeout_s))
        except concurrent.futures.TimeoutError as error:
            if row.pending.done():
                raise
            raise PraxiaError(f"expected a first intent within {self._timeout_s:g} s, got none") from error
