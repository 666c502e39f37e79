"""Decisions that take effect later than they were asked for: what is executed, and what the policy is told."""

import numpy as np
import pytest
from toy_world import Seeker, build, job

from praxia.core.errors import MismatchError, PraxiaError
from praxia.core.types import ChunkExecution, Decision
from praxia.evaluation.benchmarks import find_benchmark
from praxia.rollout.loop import rollout
from praxia.rollout.session import Session
from praxia.rollout.slots import LocalSlots
from praxia.rollout.types import Recording

HORIZON = 12


class Dated(Seeker):
    """Its action for step s, decided at step t, is t + s / 100; labels are 1000 more. Keeps all queries."""

    def __init__(self, chunk=8, num_valid=None):
        super().__init__(chunk=chunk)
        self.num_valid = chunk if num_valid is None else num_valid

    def _decide(self, query):
        steps = query.step + np.arange(self.window.horizon)
        chunk = (query.step + steps / 100)[:, None].astype(np.float32)
        about = {"label": chunk + 1000, "extras": {"date": chunk[:, 0]}}
        about["actor"] = "expert" if query.step == 3 else "policy"
        return Decision(chunk, np.arange(len(chunk)) < self.num_valid, **about)


def run(policy, execution, recording=None):
    slots = LocalSlots(1, build)
    jobs = [job(0, goal=1e6)]
    (found,) = rollout(policy, slots, jobs, execution=execution, horizon=HORIZON, recording=recording)
    return found


@pytest.mark.parametrize(("horizon", "delay"), [(3, 0), (3, 2), (1, 3), (2, 2), (4, 4), (12, 2)])
def test_a_decision_takes_effect_after_the_delay_and_the_policy_sees_what_is_executed_meanwhile(horizon, delay):
    policy = Dated()
    found = run(policy, ChunkExecution(horizon, delay=delay))
    every = min(horizon, 8 - delay)
    assert [query.step for query in policy.queries] == list(range(0, HORIZON, every))
    # The newest decision whose delay is over; only the first is waited for.
    steps = range(HORIZON)
    made_at = [max(at for at in range(0, step + 1, every) if at == 0 or at + delay <= step) for step in steps]
    expected = np.array([[at + step / 100] for at, step in zip(made_at, steps, strict=True)], np.float32)
    np.testing.assert_array_equal(found.actions, expected)
    np.testing.assert_array_equal(found.labels, expected + 1000)
    for query in policy.queries:
        assert query.delay == delay
        if query.step == 0:
            assert query.planned is None
        else:  # until the end of the last chunk, by the newest decision whose delay is over by then
            left = np.arange(query.step, query.step - every + 8)
            dates = [max(at for at in range(0, query.step, every) if at == 0 or at + delay <= step) for step in left]
            np.testing.assert_array_equal(query.planned, (dates + left / 100)[:, None].astype(np.float32))
        if delay == 0 or query.step == 0:
            assert query.committed is None
            continue
        assert query.committed is not None
        assert len(query.committed) == delay
        executed = found.actions[query.step : query.step + delay]
        np.testing.assert_array_equal(query.committed[: len(executed)], executed)


def test_what_is_said_about_an_action_and_who_acted_stay_with_it():
    policy = Dated()
    found = run(policy, ChunkExecution(3, delay=2), recording=Recording((), snapshots=False))
    np.testing.assert_array_equal(found.extras["date"], found.actions[:, 0])
    made_at = np.floor(found.actions[:, 0] + 1e-4)
    assert found.actors == tuple("expert" if at == 3 else "policy" for at in made_at)
    assert "expert" in found.actors


def test_chunks_that_end_within_the_delay_are_refused():
    with pytest.raises(MismatchError, match="chunks longer than the delay of 8 steps, got a policy with chunks of 8"):
        run(Dated(), ChunkExecution(2, delay=8))
    found = run(Dated(num_valid=3), ChunkExecution(2, delay=3))
    assert found.error == "the policy gave 3 valid actions at step 0, expected more than the delay of 3"
    assert found.is_fault
    assert run(Dated(num_valid=0), ChunkExecution(2, delay=3)).error == found.error.replace("3 valid", "0 valid")


def test_delays_that_mean_nothing_are_refused():
    with pytest.raises(PraxiaError, match="0 control steps or more, got -1"):
        ChunkExecution(1, delay=-1)
    with pytest.raises(PraxiaError, match="no delay with ensembling"):
        ChunkExecution(1, 0.1, delay=1)
    policy = Seeker()
    with pytest.raises(MismatchError, match="a session waits for each decision"):
        Session(policy, ChunkExecution(1, delay=1))


def test_definitions_without_a_delay_are_as_before():
    assert ChunkExecution(4).to_json() == {"execution_horizon": 4, "ensemble": None}
    assert ChunkExecution(4, delay=2).to_json() == {"execution_horizon": 4, "ensemble": None, "delay": 2}
    assert find_benchmark("bimodal").to_json()["execution"] == {"execution_horizon": 8, "ensemble": None}
