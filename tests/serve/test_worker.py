"""Batches are what waits when an inference ends; nobody waits for company, and a fault stays with its request."""

import asyncio
import threading
import time
from concurrent.futures import CancelledError

import numpy as np
import pytest
from praxia_testing import make_query
from serving_testing import TIMEOUT_S, Gated, Remembering

from praxia.core.errors import PraxiaError
from praxia.core.types import Query
from praxia.serve.worker import BatchWorker, answered


@pytest.fixture
def serving():
    """Starts workers and ends them."""
    workers = []

    def start(policy, **options):
        workers.append(BatchWorker(policy, 8, **options))
        return workers[-1]

    yield start
    for worker in workers:
        worker.close(TIMEOUT_S)


def query(row, step=0):
    asked = make_query(f"episode {row}", step)
    return Query(asked.history, asked.key, step, row)


def result(future):
    return future.result(TIMEOUT_S)


def submit_stopped(worker, policy):
    """A request about row 0 whose inference has begun, and waits until the policy's gate is opened."""
    policy.gate.clear()
    running = worker.submit(query(0))
    policy.wait_started()
    return running


def test_what_waits_is_the_next_batch(serving):
    policy, reports = Gated(), []
    worker = serving(policy, report=reports.append)
    futures = [submit_stopped(worker, policy)]
    futures += [worker.submit(query(row)) for row in (1, 2, 3)]
    policy.gate.set()
    for row, future in enumerate(futures):
        np.testing.assert_array_equal(result(future).decision.chunk[0], [0, query(row).history[-1].state[0]])
    assert policy.sizes() == [1, 3]
    worker.close(TIMEOUT_S)
    assert [report.size for report in reports] == [1, 3]


def test_exact_batches_are_single_requests_in_the_order_of_arrival(serving):
    policy = Gated()
    worker = serving(policy, exact=True)
    policy.gate.clear()
    futures = [worker.submit(query(row)) for row in range(4)]
    policy.gate.set()
    for future in futures:
        result(future)
    assert policy.sizes() == [1] * 4
    assert [batch[0].row for batch in policy.batches] == [0, 1, 2, 3]


def test_a_cancelled_or_late_request_costs_no_inference(serving):
    policy = Gated()
    worker = serving(policy)
    running = submit_stopped(worker, policy)
    cancelled, late = worker.submit(query(1)), worker.submit(query(2), time.monotonic() - 1)
    kept = worker.submit(query(3), time.monotonic() + TIMEOUT_S)
    assert cancelled.cancel()
    policy.gate.set()
    result(running), result(kept)
    assert [[one.row for one in batch] for batch in policy.batches] == [[0], [3]]
    with pytest.raises(PraxiaError, match=r"the deadline passed .* ms before inference"):
        result(late)
    with pytest.raises(CancelledError):
        result(cancelled)


def test_the_carry_goes_from_batch_to_batch_by_row(serving):
    policy = Remembering()
    worker = serving(policy)
    assert worker.has_memory
    assert not serving(Gated()).has_memory
    totals = dict.fromkeys(range(3), 0.0)
    for step in range(4):
        for row in (0, 2) if step % 2 else (0, 1, 2):
            one = query(row, step)
            totals[row] = (totals[row] if step else 0) + one.history[-1].state[0]
            assert result(worker.submit(one)).decision.chunk[0, 1] == np.float32(totals[row])


def test_an_exception_is_the_error_of_its_request_alone(serving):
    class Raising(Gated):
        def act(self, queries, carry):
            if any(one.row == 1 for one in queries):
                raise KeyError("front")
            return super().act(queries, carry)

    policy = Raising()
    worker = serving(policy)
    futures = [submit_stopped(worker, policy)]
    futures += [worker.submit(query(row)) for row in (1, 2)]
    policy.gate.set()
    faults = [result(future).decision.fault for future in futures]
    assert [fault is None for fault in faults] == [True, False, True]
    assert "raised KeyError: 'front'" in faults[1]


def test_a_wrong_number_of_decisions_is_an_error_and_the_worker_goes_on(serving):
    class Short(Gated):
        def act(self, queries, carry):
            decisions, carry = super().act(queries, carry)
            return decisions[: 0 if queries[0].row == 5 else None], carry

    worker = serving(Short())
    with pytest.raises(PraxiaError, match="0 decisions for 1 requests"):
        result(worker.submit(query(5)))
    assert result(worker.submit(query(1))).decision.fault is None


@pytest.mark.parametrize("error", [RuntimeError("metrics"), SystemExit(1)])
def test_what_fails_after_inference_is_an_error_of_its_batch(serving, error):
    errors = [error]

    def report(batch):
        if errors:
            raise errors.pop()

    worker = serving(Gated(), report=report)
    with pytest.raises(RuntimeError):
        result(worker.submit(query(0)))
    assert worker.is_alive
    assert result(worker.submit(query(0))).decision.fault is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_that_ended_leaves_nobody_waiting(serving):
    policy = Gated()
    worker = serving(policy)
    running = submit_stopped(worker, policy)
    waiting = worker.submit(query(1))
    worker._starts = None  # a fault of ours
    worker._take = lambda: [waiting]
    policy.gate.set()
    result(running)
    with pytest.raises(PraxiaError, match="the server is ending"):
        result(waiting)
    worker._thread.join(TIMEOUT_S)
    assert not worker.is_alive
    with pytest.raises(PraxiaError, match="the server is ending"):
        worker.submit(query(2))


def test_a_closed_worker_answers_what_runs_and_refuses_the_rest(serving):
    policy = Gated()
    worker = serving(policy)
    running = submit_stopped(worker, policy)
    waiting = worker.submit(query(1))
    worker.close(timeout_s=0.0)
    policy.gate.set()
    result(running)
    with pytest.raises(PraxiaError, match="the server is ending"):
        result(waiting)
    with pytest.raises(PraxiaError, match="the server is ending"):
        worker.submit(query(2))


def test_the_answers_of_a_batch_wake_an_event_loop_once(serving):
    policy, woken, threads = Gated(), [], set()
    worker = serving(policy)

    async def ask_all():
        loop = asyncio.get_running_loop()
        wake = loop.call_soon_threadsafe
        loop.call_soon_threadsafe = lambda *arguments: woken.append(1) or wake(*arguments)
        submit_stopped(worker, policy)
        futures = [worker.submit(query(row), loop=loop) for row in (1, 2, 3)]
        late = worker.submit(query(4), time.monotonic() - 1, loop)
        for future in futures:
            future.add_done_callback(lambda _: threads.add(threading.current_thread()))
        policy.gate.set()
        with pytest.raises(PraxiaError, match="the deadline passed"):
            await answered(late)
        return [(await answered(future)).decision.chunk[0].tolist() for future in futures]

    found = asyncio.run(asyncio.wait_for(ask_all(), TIMEOUT_S))
    assert found == [[0, query(row).history[-1].state[0]] for row in (1, 2, 3)]
    assert threads == {threading.current_thread()}
    assert len(woken) == 2, "for the late one, and for the batch"


def test_who_is_cancelled_cancels_the_request(serving):
    policy = Gated()
    worker = serving(policy)
    running = submit_stopped(worker, policy)

    async def ask():
        future = worker.submit(query(1), loop=asyncio.get_running_loop())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await answered(future)
        assert future.cancelled()
        closed = worker.submit(query(2), loop=asyncio.get_running_loop())
        closed.cancel()
        with pytest.raises(asyncio.CancelledError):
            await answered(closed)

    asyncio.run(ask())
    policy.gate.set()
    result(running)
    assert policy.sizes() == [1]


def test_a_worker_outlives_the_event_loop_of_a_request(serving):
    policy = Gated()
    worker = serving(policy)
    loop = asyncio.new_event_loop()
    policy.gate.clear()
    worker.submit(query(0), loop=loop)
    policy.wait_started()
    loop.close()
    policy.gate.set()
    np.testing.assert_array_equal(result(worker.submit(query(1))).decision.chunk[0, 0], 0)


def test_an_answer_from_another_thread_wakes_the_loop(serving):
    worker = serving(Gated())

    async def ask():
        return await answered(worker.submit(query(3)))

    assert asyncio.run(asyncio.wait_for(ask(), TIMEOUT_S)).decision.chunk[0, 1] == query(3).history[-1].state[0]
