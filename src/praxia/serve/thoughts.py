"""Two systems under a server: sessions are given the intents of a thinker that has a thread of its own."""

from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import replace

from praxia.core.errors import PraxiaError
from praxia.core.intent import Intent
from praxia.core.types import Query
from praxia.policies.foreign import exception_text
from praxia.rollout.threaded_thinking import LiveThoughts, ThinkerThread
from praxia.serve.worker import Answer

__all__ = ["SessionThoughts"]


class SessionThoughts:
    """The intents of one client's episode. A request has the newest one, and only an episode's first one waits for it.

    Other clients are not kept waiting meanwhile.
    """

    def __init__(self, thinker: ThinkerThread):
        self._thinker = thinker
        self._thoughts = LiveThoughts()
        # The episode and the step that were asked about last.
        self._last = ("", 0)

    def ask(self, query: Query, submit: Callable[[Query], Future[Answer]]) -> Future[Answer]:
        """`submit` the query with the newest intent of its episode.

        An episode that begins again, or goes back, begins without one. The future raises a PraxiaError for what the
        thinker raised.
        """
        key, step = self._last
        if query.step == 0 or query.key != key or query.step < step or self._thoughts.has_failed:
            self.cancel()
        self._last = query.key, query.step
        try:
            self._thoughts = self._thoughts.at(query, self._thinker)
        except Exception as error:
            self.cancel()
            raise PraxiaError(_raised(error)) from error
        intent, pending = self._thoughts.intent, self._thoughts.pending
        if intent is not None:
            return submit(replace(query, intent=intent))
        assert pending is not None, "it was asked about"
        return _then(pending, lambda first: submit(replace(query, intent=first)))

    def cancel(self) -> None:
        """Forget the episode's intents; a thought that waits costs nothing then."""
        self._thoughts.cancel()
        self._thoughts = LiveThoughts()


def _raised(error: BaseException) -> str:
    return f"the policy's thinker {exception_text(error)}"


def _then(thought: Future[Intent], submit: Callable[[Intent], Future[Answer]]) -> Future[Answer]:
    """The answer to what is submitted with the intent, as soon as that is there."""
    answer: Future[Answer] = Future()

    def fail(error: Exception) -> None:
        if answer.set_running_or_notify_cancel():
            answer.set_exception(error)

    def with_intent(done: Future[Intent]) -> None:
        if answer.cancelled():
            return
        try:
            intent = done.result()
        except CancelledError:
            fail(PraxiaError("the session began another episode, or has ended"))
            return
        except BaseException as error:
            fail(PraxiaError(_raised(error)))
            return
        try:
            asked = submit(intent)
        except PraxiaError as error:
            fail(error)
            return
        answer.add_done_callback(lambda one: one.cancelled() and asked.cancel())
        asked.add_done_callback(settle)

    def settle(asked: Future[Answer]) -> None:
        if not answer.set_running_or_notify_cancel():
            return
        error = CancelledError() if asked.cancelled() else asked.exception()
        if error is None:
            answer.set_result(asked.result())
        else:
            answer.set_exception(error)

    thought.add_done_callback(with_intent)
    return answer
