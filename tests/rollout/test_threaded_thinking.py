"""A thinker in a thread of its own: decisions never wait for it but for an episode's first one."""

import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_robots import ManualClock, Robot20
from toy_thinkers import Follower, number_of
from toy_world import build, job

from praxia.core.errors import MismatchError, PraxiaError
from praxia.core.intent import Intent
from praxia.core.types import ChunkExecution, Query
from praxia.rollout.loop import rollout
from praxia.rollout.paced import PacedSlots
from praxia.rollout.slots import LocalSlots
from praxia.rollout.threaded_thinking import LiveThoughts, ThinkerThread, ThreadedThinking

TIMEOUT_S = 30.0


class Held:
    """A thinker that writes what `Follower` does, once per release."""

    def __init__(self, releases: int = 0):
        self._follower, self._semaphore = Follower(), threading.Semaphore(releases)
        self.batches = self._follower.thoughts
        self.begun = threading.Semaphore(0)

    def think(self, queries: Sequence[Query]) -> list[Intent]:
        self.begun.release()
        assert self._semaphore.acquire(timeout=TIMEOUT_S)
        return self._follower.think(queries)

    def release(self, count: int = 1) -> None:
        self._semaphore.release(count)


def observed(number: int, step: int, row: int = 0) -> Query:
    """A query of the start `number` at `step`, as the loop asks it."""
    policy = Follower()
    list(rollout(policy, LocalSlots(1, build), [job(number, goal=1e6)], execution=ChunkExecution(1), horizon=step + 1))
    return Query(policy.queries[step].history, f"start/{number}", step, row)


def seen_by(query: Query) -> int:
    """The number of the start that the thinker saw."""
    assert query.intent is not None
    assert query.intent.latent is not None
    return int(query.intent.latent[0, 0])


def steps_of(policy):
    return [(query.step, query.intent.step) for query in policy.queries]


def arrived(carry, row=0):
    """Wait until the thought of `row` that is under way has arrived."""
    carry.rows[row].pending.result(TIMEOUT_S)


def test_decisions_have_the_newest_intent_and_wait_for_the_first_alone():
    policy, thinker = Follower(), Held(releases=1)
    real = ThreadedThinking(policy, thinker, TIMEOUT_S)
    try:
        carry = real.start(1)
        for step in (0, 1, 2):  # the second thought, of step 1, is not released
            _, carry = real.act([observed(0, step)], carry)
        thinker.release()
        arrived(carry)
        for step in (3, 4):
            _, carry = real.act([observed(0, step)], carry)
        thinker.release()
        arrived(carry)
        _, carry = real.act([observed(0, 5)], carry)
        thinker.release()
    finally:
        real.close()
    assert steps_of(policy) == [(0, 0), (1, 0), (2, 0), (3, 1), (4, 1), (5, 3)]


def test_intents_of_different_rows_are_not_mixed_and_are_thought_about_together():
    policy, thinker = Follower(), Held(releases=100)
    real = ThreadedThinking(policy, thinker, TIMEOUT_S)
    try:
        carry = real.start(3)
        for step in range(6):
            _, carry = real.act([observed(number, step, row=number) for number in (2, 0, 1)], carry)
            for row in range(3):
                if step:
                    arrived(carry, row)
    finally:
        real.close()
    assert len(policy.queries) == 18
    assert all(seen_by(query) == number_of(query) for query in policy.queries)
    assert [intent for step, intent in steps_of(policy) if step == 5] == [4, 4, 4]


def test_what_waits_when_a_thought_ends_is_one_batch_without_what_was_cancelled():
    thinker = Held()
    thread = ThinkerThread(thinker)
    try:
        first = thread.submit(observed(0, 0))
        assert thinker.begun.acquire(timeout=TIMEOUT_S)
        later = [thread.submit(observed(number, 1)) for number in (1, 2, 3)]
        later[1].cancel()
        thinker.release(2)
        assert [one.result(TIMEOUT_S).step for one in (first, later[0], later[2])] == [0, 1, 1]
    finally:
        thread.close()
    assert [[number_of(query) for query in batch] for batch in thinker.batches] == [[0], [1, 3]]


def test_a_new_episode_of_a_row_waits_for_an_intent_of_its_own():
    policy, thinker = Follower(), Held(releases=1)
    real = ThreadedThinking(policy, thinker, TIMEOUT_S)
    try:
        carry = real.start(1)
        for step in (0, 1):  # a thought about step 1 is under way when the episode ends
            _, carry = real.act([observed(0, step)], carry)
        thinker.release(2)
        _, carry = real.act([observed(1, 0)], carry)
        thinker.release()
    finally:
        real.close()
    assert seen_by(policy.queries[-1]) == 1


@pytest.mark.parametrize("after", [0, 2])
def test_what_the_thinker_raises_is_raised_to_who_asks(after):
    class Breaking(Follower):
        def think(self, queries):
            if queries[0].step >= after:
                raise RuntimeError("toy thinker broke")
            return super().think(queries)

    policy = Breaking()
    real = ThreadedThinking(policy, policy, TIMEOUT_S)

    def ask_until_it_breaks():
        carry = real.start(1)
        for step in range(4):
            _, carry = real.act([observed(0, step)], carry)
            if carry.rows[0].pending:
                carry.rows[0].pending.exception(TIMEOUT_S)

    try:
        with pytest.raises(RuntimeError, match="toy thinker broke"):
            ask_until_it_breaks()
    finally:
        real.close()


def test_a_first_intent_that_does_not_come_is_one_error():
    thinker = Held()
    real = ThreadedThinking(Follower(), thinker, timeout_s=0.05)
    try:
        with pytest.raises(PraxiaError, match=r"expected a first intent within 0.05 s, got none"):
            real.act([observed(0, 0)], real.start(1))
        thinker.release()
    finally:
        real.close()


def test_intents_of_other_steps_are_refused():
    class Ahead(Follower):
        def think(self, queries):
            return [Intent(query.step + 1, text="go") for query in queries]

    policy = Ahead()
    real = ThreadedThinking(policy, policy, TIMEOUT_S)
    try:
        with pytest.raises(MismatchError, match=r"stamped with the steps \[0\], got \[1\]"):
            real.act([observed(0, 0)], real.start(1))
    finally:
        real.close()


def test_what_is_no_list_of_intents_is_refused():
    class Arrays(Follower):
        def think(self, queries) -> Any:
            return np.zeros((len(queries), 2))

    policy = Arrays()
    real = ThreadedThinking(policy, policy, TIMEOUT_S)
    try:
        with pytest.raises(MismatchError, match="expected a list of intents of the thinker, got ndarray"):
            real.act([observed(0, 0)], real.start(1))
    finally:
        real.close()


def test_the_loop_drives_a_robot_with_two_systems_in_real_time():
    clock, policy = ManualClock(), Follower()
    real = ThreadedThinking(policy, policy, TIMEOUT_S)
    slots = PacedSlots(lambda spec: Robot20(job(0).spec, clock), clock)
    try:
        (found,) = rollout(real, slots, [job(0, goal=1e6)], execution=ChunkExecution(1), horizon=20)
    finally:
        real.close()
    assert found.num_decisions == 20
    assert slots.pacing.overruns == 0
    assert [step for step, _ in steps_of(policy)] == list(range(20))
    assert all(intent <= step for step, intent in steps_of(policy))


def test_a_thought_that_breaks_breaks_no_other_of_its_batch():
    class Picky(Held):
        def think(self, queries):
            intents = super().think(queries)
            if any(number_of(query) == 2 for query in queries):
                raise RuntimeError("toy thinker broke")
            return intents

    thinker = Picky()
    thread = ThinkerThread(thinker)
    try:
        first = thread.submit(observed(0, 0))
        assert thinker.begun.acquire(timeout=TIMEOUT_S)
        later = [thread.submit(observed(number, 1)) for number in (1, 2, 3)]
        thinker.release(5)
        assert first.result(TIMEOUT_S).step == 0
        with pytest.raises(RuntimeError, match="toy thinker broke"):
            later[1].result(TIMEOUT_S)
        assert [one.result(TIMEOUT_S).step for one in (later[0], later[2])] == [1, 1]
    finally:
        thread.close()


ENDS = """
import sys, threading
sys.path[:0] = sys.argv[1:]
from test_threaded_thinking import Held, observed
from praxia.rollout.threaded_thinking import ThinkerThread
thinker = Held()
thread = ThinkerThread(thinker)
thread.submit(observed(0, 0))
thinker.begun.acquire()
thread.close()
print("closed")
"""


def test_a_program_ends_while_a_thought_is_under_way():
    folder = str(Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", ENDS, folder], capture_output=True, text=True, check=True)
    assert done.stdout == "closed\n"


def test_a_closed_thread_cancels_what_waits():
    thinker = Held()
    thread = ThinkerThread(thinker)
    thread.submit(observed(0, 0))
    assert thinker.begun.acquire(timeout=TIMEOUT_S)
    waiting = LiveThoughts().at(observed(1, 0), thread)
    thread.close()
    thinker.release()
    assert waiting.pending is not None
    assert waiting.pending.cancelled()
