import os
import signal
from contextlib import closing
from typing import Any

import pytest

from praxia.core.errors import PraxiaError, RecordingError, UnknownName
from praxia.core.workers import Death, Workers, answer_requests


def serve(connection: Any, offset: int) -> None:
    def answer(request: Any) -> Any:
        if request == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if request == "read on":
            return connection.recv_bytes()
        if request == "full":
            raise RecordingError("no space")
        if request == "unknown":
            raise UnknownName("number", "one", ["1"], "count")
        return request + offset

    answer_requests(connection, answer)


def gathered(workers: Workers, count: int) -> list[tuple[int, Any]]:
    found: list[tuple[int, Any]] = []
    while len(found) < count:
        found += workers.answers()
    return found


def test_each_worker_answers_in_the_order_of_its_requests():
    with closing(Workers(2, serve, 10)) as workers:
        assert len(workers) == 2
        for number, request in ((0, 1), (1, 2), (0, 3)):
            assert workers.request(number, request)
        found = gathered(workers, 3)
        assert [answer for number, answer in found if number == 0] == [11, 13]
        assert (1, 12) in found
        workers.request(0, "read on", lambda connection: connection.send_bytes(b"more"))
        assert gathered(workers, 1) == [(0, b"more")]


def test_bad_input_in_a_worker_is_raised_here():
    with closing(Workers(1, serve, 0)) as workers:
        workers.request(0, "full")
        with pytest.raises(RecordingError, match="no space"):
            workers.answers()
        workers.request(0, "unknown")
        with pytest.raises(PraxiaError, match="unknown number 'one'"):
            workers.answers()


def test_a_worker_that_dies_is_reported_and_replaced():
    with closing(Workers(1, serve, 5)) as workers:
        workers.request(0, 1)
        workers.request(0, "die")
        assert gathered(workers, 2) == [(0, 6), (0, Death("worker process died (signal 9)"))]
        workers.request(0, 1)
        assert gathered(workers, 1) == [(0, 6)]
