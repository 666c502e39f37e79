"""Processes that answer requests: the one protocol of everything that runs in several processes.

A request and its answer are pickled messages in one pipe per worker. Bad input in a worker is raised here; a worker
that dies is replaced and reported.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from praxia.core.errors import PraxiaError, RecordingError
from praxia.core.process import Worker

__all__ = ["Death", "Workers", "answer_requests"]

# The errors that keep their class on the way out of a worker.
_KINDS: dict[str, type[PraxiaError]] = {RecordingError.__name__: RecordingError}


@dataclass(frozen=True)
class Death:
    """A worker died with all requests that it had not answered; another one is in its place. `reason` is for people."""

    reason: str


@dataclass(frozen=True)
class _Refusal:
    """A `PraxiaError` that a request raised."""

    kind: str
    message: str


class Workers:
    """`count` processes that run `serve(connection, *arguments)`, which ends in `answer_requests`.

    The arguments must be picklable: they are sent to every process, and again to the one that replaces it.
    """

    def __init__(self, count: int, serve: Callable[..., None], *arguments: Any):
        self._serve, self._arguments = serve, arguments
        self._workers = [Worker(serve, *arguments) for _ in range(count)]

    def __len__(self) -> int:
        return len(self._workers)

    def request(self, number: int, message: Any, more: Callable[[Connection], None] | None = None) -> bool:
        """Send a request to worker `number`; `more` sends what belongs to it and cannot be pickled.

        False: the worker is dead, and `answers` will say so.
        """
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._workers[number].connection.send(message)
            if more is not None:
                more(self._workers[number].connection)
            return True
        return False

    def answers(self) -> list[tuple[int, Any]]:
        """Block until something has arrived: (worker, answer) by rising worker, or (worker, `Death`).

        Raises:
            PraxiaError: bad input in a worker.
        """
        readable = wait([worker.connection for worker in self._workers])
        arrived: list[tuple[int, Any]] = []
        for number, worker in enumerate(self._workers):
            if worker.connection in readable:
                arrived += [(number, answer) for answer in self._receive(number)]
        return arrived

    def close(self) -> None:
        """Kill the processes."""
        for worker in self._workers:
            worker.close()
        self._workers = []

    def _receive(self, number: int) -> list[Any]:
        """All answers of worker `number` that have arrived, and its death."""
        arrived, worker = [], self._workers[number]
        try:
            while worker.connection.poll():
                answer = worker.connection.recv()
                if isinstance(answer, _Refusal):
                    raise _KINDS.get(answer.kind, PraxiaError)(answer.message)
                arrived.append(answer)
        except (EOFError, ConnectionResetError):
            arrived.append(Death(worker.exit_description))
            worker.close()
            self._workers[number] = Worker(self._serve, *self._arguments)
        return arrived


def answer_requests(connection: Connection, answer: Callable[[Any], Any]) -> None:
    """The worker's side: answer one request at a time, in the order they came, until the parent ends."""
    while True:
        request = connection.recv()
        try:
            connection.send(answer(request))
        except PraxiaError as error:
            connection.send(_Refusal(type(error).__name__, str(error)))
