"""Two systems under a server: which intent each request has, and that nobody waits for another's first one."""

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from serving_testing import TIMEOUT_S, Gated, observed

from praxia.core.errors import PraxiaError
from praxia.core.intent import Intent
from praxia.core.types import Query
from praxia.serve.sessions import ServedPolicy
from praxia.wires.messages import InferenceRequest


class TwoSystems(Gated):
    """A thinker that writes the state it saw and is held while a test holds it; breaks where the state is negative."""

    def __init__(self):
        super().__init__()
        self.may_think = threading.Semaphore(0)
        self.thinking = threading.Semaphore(0)

    def think(self, queries: Sequence[Query]) -> list[Intent]:
        self.thinking.release()
        assert self.may_think.acquire(timeout=TIMEOUT_S)
        seen = [query.history[-1].state[0] for query in queries]
        if min(seen) < 0:
            raise RuntimeError("toy thinker broke")
        return [Intent(query.step, np.array([[one]], np.float32)) for query, one in zip(queries, seen, strict=True)]

    def wait_thinking(self):
        assert self.thinking.acquire(timeout=TIMEOUT_S)

    @property
    def intents(self) -> list[tuple[int, int, float]]:
        """(step, step of the intent, what its thinker saw) of all queries."""
        return [_intent_of(query) for batch in self.batches for query in batch]


def _intent_of(query: Query) -> tuple[int, int, float]:
    assert query.intent is not None
    assert query.intent.latent is not None
    return query.step, query.intent.step, float(query.intent.latent[0, 0])


@pytest.fixture
def two_systems():
    policy = TwoSystems()
    served = ServedPolicy("toy", policy, "abc")
    yield policy, served
    policy.may_think.release(1000)
    served.close(TIMEOUT_S)


def ask(session, value, **options: Any):
    return session.ask(InferenceRequest(observed(value), **options))


def test_a_session_has_its_newest_intent_and_waits_for_the_first_alone(two_systems):
    policy, served = two_systems
    session = served.open()
    first = ask(session, 1.0)
    policy.wait_thinking()
    assert not first.done()
    policy.may_think.release()
    first.result(TIMEOUT_S)
    ask(session, 2.0).result(TIMEOUT_S)
    ask(session, 3.0).result(TIMEOUT_S)
    policy.wait_thinking()
    policy.may_think.release()
    assert policy.thinking.acquire(timeout=0) is False
    session._thoughts._thoughts.pending.result(TIMEOUT_S)
    ask(session, 4.0).result(TIMEOUT_S)
    assert policy.intents == [(0, 0, 1.0), (1, 0, 1.0), (2, 0, 1.0), (3, 1, 2.0)]


def test_who_waits_for_a_first_intent_does_not_hold_up_another(two_systems):
    policy, served = two_systems
    one, other = served.open(), served.open()
    policy.may_think.release()
    ask(one, 1.0).result(TIMEOUT_S)
    policy.wait_thinking()
    waiting = ask(other, 7.0)
    policy.wait_thinking()  # the thinker is busy, and is held
    for value in (2.0, 3.0):
        ask(one, value).result(TIMEOUT_S)
    assert not waiting.done()
    policy.may_think.release()
    waiting.result(TIMEOUT_S)
    assert policy.intents[-1] == (0, 0, 7.0)


@pytest.mark.parametrize("options", [{"step": 0}, {"episode": "another"}, {"step": 0, "episode": "another"}])
def test_an_episode_that_begins_has_no_intent_of_the_one_before(two_systems, options):
    policy, served = two_systems
    session = served.open()
    policy.may_think.release()
    ask(session, 1.0).result(TIMEOUT_S)
    ask(session, 2.0).result(TIMEOUT_S)  # a thought is under way when the episode ends
    policy.may_think.release(2)
    ask(session, 5.0, **options).result(TIMEOUT_S)
    assert policy.intents[-1] == (0, 0, 5.0)


def test_what_a_thinker_raises_is_the_error_of_its_client_who_may_ask_again(two_systems):
    policy, served = two_systems
    session = served.open()
    policy.may_think.release(2)
    with pytest.raises(PraxiaError, match="the policy's thinker raised RuntimeError: toy thinker broke"):
        ask(session, -1.0).result(TIMEOUT_S)
    ask(session, 1.0).result(TIMEOUT_S)
    policy.may_think.release()
    ask(session, -1.0).result(TIMEOUT_S)  # its own intent is not there yet
    assert policy.intents == [(1, 1, 1.0), (2, 1, 1.0)]
    session._thoughts._thoughts.pending.exception(TIMEOUT_S)
    with pytest.raises(PraxiaError, match="the policy's thinker raised RuntimeError: toy thinker broke"):
        ask(session, 1.0)


def test_a_client_that_goes_while_it_waits_costs_no_inference(two_systems):
    policy, served = two_systems
    session = served.open()
    waiting = ask(session, 1.0)
    policy.wait_thinking()
    session.close()
    assert waiting.cancelled()
    policy.may_think.release()
    other = served.open()
    policy.may_think.release()
    ask(other, 2.0).result(TIMEOUT_S)
    assert policy.intents == [(0, 0, 2.0)]


def test_warm_up_thinks_too(two_systems):
    policy, served = two_systems
    policy.may_think.release()
    assert served.warm_up(TIMEOUT_S) > 0
    assert policy.intents == [(0, 0, 0.0)]


def test_a_thinker_that_breaks_at_warm_up_is_one_line():
    class Broken(Gated):
        def think(self, queries):
            raise RuntimeError("toy thinker broke")

    served = ServedPolicy("toy", Broken(), "abc")
    try:
        with pytest.raises(PraxiaError, match=r"the policy's thinker raised RuntimeError: toy thinker broke.*warm-up"):
            served.warm_up(TIMEOUT_S)
    finally:
        served.close(TIMEOUT_S)


def test_what_is_served_says_that_it_thinks_beside(two_systems):
    _, served = two_systems
    assert served.description("episode").thinks_beside
    exact = ServedPolicy("toy", TwoSystems(), "abc", exact=True)
    assert not exact.description("episode").thinks_beside
    exact.close(TIMEOUT_S)


def test_exact_sessions_leave_thinking_to_the_policy():
    policy = TwoSystems()
    served = ServedPolicy("toy", policy, "abc", exact=True)
    try:
        ask(served.open(), 1.0).result(TIMEOUT_S)
    finally:
        served.close(TIMEOUT_S)
    assert [query.intent for batch in policy.batches for query in batch] == [None]
