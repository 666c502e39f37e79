"""A session is what `rollout.session.Session` is in process: the same observations lead to the same actions."""

import numpy as np
import pytest
from praxia_testing import EMBODIMENT, TEXTS, make_policy
from serving_testing import TIMEOUT_S, Gated, Remembering, observed

from praxia.core.errors import MismatchError, PraxiaError
from praxia.core.types import ChunkExecution, Decision, Observation, Query
from praxia.rollout.session import Session
from praxia.serve.sessions import ServedPolicy, executable_actions
from praxia.wires.messages import InferenceRequest


@pytest.fixture
def serving():
    policies = []

    def start(policy, **options):
        policies.append(ServedPolicy("toy", policy, "abc", **options))
        return policies[-1]

    yield start
    for policy in policies:
        policy.close(TIMEOUT_S)


def ask(session, observation, **options):
    answer = session.ask(InferenceRequest(observation, **options)).result(TIMEOUT_S)
    return executable_actions(answer, EMBODIMENT)


def drawn(rng):
    image = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    return {"images": {"front": image}, "state": rng.uniform(-1, 1, 3).astype(np.float32), "instruction": TEXTS[0]}


def test_actions_are_those_of_the_policy_in_process():
    """Bit for bit, for the n-th connection as for the n-th episode of a session in process."""
    policy, rng = make_policy(), np.random.default_rng(0)
    served = ServedPolicy("toy", policy, "abc", exact=True)
    local = Session(policy, ChunkExecution(4), key="connection")
    try:
        assert served.warm_up(TIMEOUT_S) > 0
        for _ in range(2):
            session = served.open()
            for _ in range(3):
                observation = drawn(rng)
                np.testing.assert_array_equal(ask(session, observation), local.chunk(observation))
            session.close()
            local.reset()
    finally:
        served.close(TIMEOUT_S)


def test_a_policy_that_corrects_its_actions_is_refused_in_one_line():
    class Correcting(Gated):
        def correct(self, queries, actions, indices, decided):
            return actions

    with pytest.raises(MismatchError, match="corrects each action by the newest observation: it is not served yet"):
        ServedPolicy("toy", Correcting(), "abc")


def test_a_query_of_the_loop_arrives_unchanged(serving):
    policy, rng = Gated(), np.random.default_rng(0)
    policy.window = make_policy().window
    session = serving(policy).open()
    before, now = drawn(rng), drawn(rng)
    committed = np.ones((2, 2), np.float32)
    options = {"episode": "0/ab", "step": 8, "earlier": (before,), "delay": 2, "committed": committed}
    options["planned"] = np.ones((3, 2), np.float32)
    ask(session, now, **options)
    ((query,),) = policy.batches
    assert (query.key, query.step, query.delay) == ("0/ab", 8, 2)
    np.testing.assert_array_equal(query.committed, committed)
    np.testing.assert_array_equal(query.planned, np.ones((3, 2)))
    assert [one.time_s for one in query.history] == [0.7, 0.8]
    for one, other in zip(query.history, (before, now), strict=True):
        np.testing.assert_array_equal(one.state, other["state"])


def test_an_episode_begins_by_its_name_or_at_step_0(serving):
    policy = Remembering()
    session = serving(policy).open()
    assert [ask(session, observed(value))[0].tolist() for value in (1, 2)] == [[0, 1], [1, 3]]
    assert ask(session, observed(5), episode="next")[0].tolist() == [0, 5]
    assert ask(session, observed(1), episode="next")[0].tolist() == [1, 6]
    assert ask(session, observed(7), episode="next", step=0)[0].tolist() == [0, 7]
    assert ask(session, observed(1), step=1)[0].tolist() == [1, 8]
    with pytest.raises(PraxiaError, match="policy with memory to begin at step 0, got 4"):
        session.ask(InferenceRequest(observed(), episode="other", step=4))
    assert [len(query.history) for (query,) in policy.batches] == [1] * 6


def test_a_policy_without_memory_may_begin_anywhere(serving):
    session = serving(Gated()).open()
    assert ask(session, observed(2), episode="other", step=4)[0].tolist() == [4, 2]


def test_a_client_that_goes_away_frees_its_place_and_what_it_waits_for(serving):
    policy = Gated()
    served = serving(policy, max_sessions=2)
    first, second = served.open(), served.open()
    with pytest.raises(PraxiaError, match="the server is full: all 2 sessions of 'toy'"):
        served.open()
    policy.gate.clear()
    running = first.ask(InferenceRequest(observed(1)))
    policy.wait_started()
    waiting = second.ask(InferenceRequest(observed(2)))
    second.close()
    second.close()
    assert waiting.cancelled()
    assert served.num_sessions == 1
    third = served.open()
    asked = third.ask(InferenceRequest(observed(3)))
    policy.gate.set()
    running.result(TIMEOUT_S), asked.result(TIMEOUT_S)
    assert [[one.history[-1].state[0] for one in batch] for batch in policy.batches] == [[1], [3]]


def test_a_client_that_has_gone_asks_no_more(serving):
    """Its row is another's by now, and so would be what its request does to the carry."""
    served = serving(Remembering(), max_sessions=1)
    gone = served.open()
    query = gone.observe(InferenceRequest(observed(100)))
    gone.close()
    session = served.open()
    assert ask(session, observed(10))[0].tolist() == [0, 10]
    with pytest.raises(PraxiaError, match="got one whose client has gone"):
        gone.submit(query)
    assert ask(session, observed(20))[0].tolist() == [1, 30]


def test_a_step_back_is_refused_where_the_policy_looks_back(serving):
    policy = Gated()
    policy.window = make_policy().window
    session = serving(policy).open()
    for step in (0, 1, 8):
        ask(session, observed(step), episode="a", step=step)
    with pytest.raises(PraxiaError, match="expected step 9 or a later one of episode 'a', got 2"):
        ask(session, observed(2), episode="a", step=2)
    ask(session, observed(9), episode="a", step=9)
    ask(session, observed(2), episode="a", step=2, earlier=(observed(1),))
    assert [[one.state[0] for one in batch[0].history] for batch in policy.batches[-2:]] == [[8, 9], [1, 2]]


def test_a_chunk_ends_before_its_first_bad_action(serving):
    """As in the loop, which checks what it executes."""

    class Tail(Gated):
        def act(self, queries, carry):
            chunk = np.zeros((4, 2), np.float32)
            chunk[3] = np.nan if queries[0].step == 0 else np.inf
            return [Decision(chunk, np.ones(4, bool))], carry

    session = serving(Tail()).open()
    for _ in range(2):
        np.testing.assert_array_equal(ask(session, observed()), np.zeros((3, 2)))


def test_another_clients_memory_is_never_seen(serving):
    policy = Remembering()
    served = serving(policy, max_sessions=1)
    session = served.open()
    ask(session, observed(100))
    session.close()
    assert ask(served.open(), observed(1))[0].tolist() == [0, 1]


def test_one_request_at_a_time(serving):
    policy = Gated()
    session = serving(policy).open()
    policy.gate.clear()
    first = session.ask(InferenceRequest(observed()))
    with pytest.raises(PraxiaError, match="one request at a time"):
        session.ask(InferenceRequest(observed()))
    policy.gate.set()
    first.result(TIMEOUT_S)
    ask(session, observed())


def test_what_does_not_fit_has_one_line_and_costs_nothing(serving):
    policy = Gated()
    session = serving(policy).open()
    with pytest.raises(MismatchError, match="expected a state of 3 numbers, got"):
        session.ask(InferenceRequest({**observed(), "state": np.zeros(2)}))
    with pytest.raises(PraxiaError, match="expected 2 committed actions, the delay, got 1"):
        session.ask(InferenceRequest(observed(), delay=2, committed=np.zeros((1, 2), np.float32)))
    assert policy.batches == []
    assert ask(session, observed(1))[0].tolist() == [0, 1]


def test_a_delay_beyond_that_of_the_training_costs_no_inference(serving):
    """Inside a batch it would be an error of the policy, after which every other request of the batch is made again."""
    policy = Gated()
    policy.longest_delay = 1
    session = serving(policy).open()
    assert session.description.longest_delay == 1
    with pytest.raises(MismatchError, match=r"expected a delay of at most 1 control steps.*, got 2"):
        session.ask(InferenceRequest(observed(), delay=2, committed=np.zeros((2, 2), np.float32)))
    assert policy.batches == []
    ask(session, observed(1), delay=1)


def test_actions_that_no_robot_should_execute_are_errors(serving):
    class Broken(Gated):
        def act(self, queries, carry):
            decisions, carry = super().act(queries, carry)
            decisions[0].chunk[:] = np.nan
            return decisions, carry

    session = serving(Broken()).open()
    with pytest.raises(PraxiaError, match="not finite at step 0"):
        ask(session, observed())


def test_a_policy_that_fails_at_its_warm_up_is_not_served(serving):
    class Failing(Gated):
        def act(self, queries, carry):
            raise RuntimeError("no memory left")

    with pytest.raises(PraxiaError, match=r"raised RuntimeError: no memory left .*, at its warm-up"):
        serving(Failing()).warm_up(TIMEOUT_S)


def test_a_first_inference_that_takes_too_long_says_so(serving):
    policy = Gated()
    policy.gate.clear()
    with pytest.raises(PraxiaError, match=r"expected a first inference of 'toy' within 0\.05 s, got none"):
        serving(policy).warm_up(0.05)
    policy.gate.set()


def test_the_description_says_what_a_client_must_know(serving):
    served = serving(Gated(), exact=True)
    description = served.open().description
    assert (description.name, description.embodiment, description.episode) == ("toy", EMBODIMENT, "connection/0")
    assert description.exact
    assert not description.has_memory
    assert description.longest_delay is None, "any"
    assert served.open().description.episode == "connection/1"


def test_history_is_what_was_sent(serving):
    policy = Gated()
    policy.window = make_policy().window
    session = serving(policy).open()
    for value in range(3):
        ask(session, observed(value))
    assert [[one.state[0] for one in query.history] for (query,) in policy.batches] == [[0], [0, 1], [1, 2]]
    assert isinstance(policy.batches[0][0], Query)
    assert isinstance(policy.batches[0][0].history[0], Observation)
