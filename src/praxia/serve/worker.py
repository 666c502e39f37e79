"""The thread that infers: it takes all waiting requests into its next batch, and never waits for more of them."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from praxia.core.errors import PraxiaError, crash_text
from praxia.core.types import Decision, Policy, Query
from praxia.policies.foreign import GuardedPolicy

__all__ = ["Answer", "BatchReport", "BatchWorker", "answered"]

_ENDING = "the server is ending; connect to another, or later"


@dataclass(frozen=True)
class Answer:
    """A decision on the observation at control step `step`, and the seconds that the inference of its batch took."""

    decision: Decision
    step: int
    inference_s: float


@dataclass(frozen=True)
class BatchReport:
    """One batch: how many requests, how long they waited at most, how long inference took."""

    size: int
    waited_s: float
    inference_s: float


@dataclass(frozen=True)
class _Waiting:
    """`deadline_s` is a time of `time.monotonic`, None: there is none. The future is set in `loop`, None: here."""

    query: Query
    deadline_s: float | None
    loop: asyncio.AbstractEventLoop | None
    since_s: float = field(default_factory=time.monotonic)
    future: Future[Answer] = field(default_factory=Future)


class BatchWorker:
    """One policy in a thread of its own.

    Whatever is waiting when an inference ends is the next batch, one request per row at most; a request that arrives at
    an idle worker is a batch of one at once. So batches grow with the load, and nobody waits for company. With `exact`
    every batch is one request, in the order of arrival: actions are then those of the policy in this process, bit for
    bit.

    The worker holds the carry of `num_rows` rows and passes it from batch to batch. An exception that the policy raises
    is the error of its request alone (`policies.foreign.GuardedPolicy`). `report` is called after each batch, in
    the thread, before anybody gets an answer.
    """

    def __init__(
        self,
        policy: Policy,
        num_rows: int,
        *,
        exact: bool = False,
        report: Callable[[BatchReport], None] = lambda batch: None,
    ):
        self._policy = GuardedPolicy(policy)
        self._carry = self._policy.start(num_rows)
        self._exact = exact
        self._report = report
        self._waiting: list[_Waiting] = []
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the thread infers."""
        return self._thread.is_alive()

    @property
    def has_memory(self) -> bool:
        """Whether the policy carries anything from step to step."""
        return self._carry is not None

    @property
    def num_waiting(self) -> int:
        """How many requests the next batch would have now."""
        with self._changed:
            return sum(not one.future.cancelled() for one in self._waiting)

    def submit(
        self, query: Query, deadline_s: float | None = None, loop: asyncio.AbstractEventLoop | None = None
    ) -> Future[Answer]:
        """Ask about `query`, whose row has no other request waiting. A future that is cancelled in time costs nothing.

        After `deadline_s`, a time of `time.monotonic`, no inference begins for it. The future raises a PraxiaError if
        the deadline passed or the worker was closed. It is set in the thread of the event loop `loop`, where
        `answered` awaits it: all answers of a batch wake the loop once. None: in the worker's thread.

        Raises:
            PraxiaError: the worker was closed, or its thread ended otherwise.
        """
        waiting = _Waiting(query, deadline_s, loop)
        with self._changed:
            if self._closed:
                raise PraxiaError(_ENDING)
            self._waiting.append(waiting)
            self._changed.notify()
        return waiting.future

    def close(self, timeout_s: float = 10.0) -> None:
        """End the thread after its present batch; what is still waiting gets an error. Waits up to `timeout_s`."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            while batch := self._take():
                started = [one for one in batch if self._starts(one)]
                if started:
                    self._infer(started)
        finally:  # whatever ended the thread, nobody waits for it
            with self._changed:
                self._closed = True
            left = [one for one in self._waiting if one.future.set_running_or_notify_cancel()]
            _settle(left, [PraxiaError(_ENDING)] * len(left))

    def _take(self) -> list[_Waiting]:
        """The next batch; empty: the worker was closed."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait(timeout=1.0)
            count = 0 if self._closed else 1 if self._exact else len(self._waiting)
            batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    def _starts(self, waiting: _Waiting) -> bool:
        """Whether its inference begins: nobody cancelled it, and its deadline has not passed."""
        if not waiting.future.set_running_or_notify_cancel():
            return False
        late_s = 0.0 if waiting.deadline_s is None else time.monotonic() - waiting.deadline_s
        if late_s <= 0:
            return True
        _settle([waiting], [PraxiaError(f"the deadline passed {late_s * 1000:.0f} ms before inference")])
        return False

    def _infer(self, batch: list[_Waiting]) -> None:
        began_s = time.monotonic()
        try:
            decisions, self._carry = self._policy.act([one.query for one in batch], self._carry)
            if len(decisions) != len(batch):
                raise PraxiaError(f"the policy gave {len(decisions)} decisions for {len(batch)} requests")
            inference_s = time.monotonic() - began_s
            self._report(BatchReport(len(batch), began_s - min(one.since_s for one in batch), inference_s))
        except BaseException as error:  # the thread has to outlive it, even a policy that calls sys.exit
            _settle(batch, [error if isinstance(error, Exception) else RuntimeError(crash_text(error))] * len(batch))
            return
        answers = [
            Answer(decision, one.query.step, inference_s) for one, decision in zip(batch, decisions, strict=True)
        ]
        _settle(batch, answers)


async def answered(future: Future[Answer]) -> Answer:
    """The answer of a future. Whoever is cancelled here cancels the request.

    As `asyncio.wrap_future`, but the loop is not woken again for a future that is set in it.

    Raises:
        PraxiaError: as the future.
    """
    loop, thread, is_done = asyncio.get_running_loop(), threading.get_ident(), asyncio.Event()

    def wake(_: Future[Answer]) -> None:
        if threading.get_ident() == thread:
            is_done.set()
        elif not loop.is_closed():
            loop.call_soon_threadsafe(is_done.set)

    future.add_done_callback(wake)
    try:
        await is_done.wait()
    finally:
        future.cancel()
    if future.cancelled():  # the session was closed meanwhile
        raise asyncio.CancelledError
    return future.result()


def _settle(batch: Sequence[_Waiting], outcomes: Sequence[Answer | Exception]) -> None:
    """Answer each of `batch`, those of an event loop together and in it."""

    def settle(rows: list[int]) -> None:
        for row in rows:
            outcome = outcomes[row]
            if isinstance(outcome, Answer):
                batch[row].future.set_result(outcome)
            else:
                batch[row].future.set_exception(outcome)

    loops = {id(one.loop): one.loop for one in batch}
    for loop in loops.values():
        rows = [row for row, one in enumerate(batch) if one.loop is loop]
        if loop is None:
            settle(rows)
        else:
            with contextlib.suppress(RuntimeError):  # it is closed: nobody waits there
                loop.call_soon_threadsafe(settle, rows)
