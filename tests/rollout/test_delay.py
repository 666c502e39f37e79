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


@pytest.mark.parametrize(("horizon", "delay"), [(3, 0), (3, 2), (1, 3), (2, 2), (4, 4), (12, 2), (4, 7), (4, 8)])
def test_a_decision_takes_effect_after_the_delay_and_the_policy_sees_what_is_executed_meanwhile(horizon, delay):
    policy = Dated()
    found = run(policy, ChunkExecution(horizon, delay=delay))
    # One decision at a time; the first takes effect at once.
    asked = [0, max(1, min(horizon, 8 - delay))]
    while asked[-1] < HORIZON:
        asked.append(asked[-1] + max(1, min(horizon, 8 - delay), delay))
    asked = [step for step in asked if step < HORIZON]
    assert [query.step for query in policy.queries] == asked
    made_at = np.array([max(at for at in asked if at == 0 or at + delay <= step) for step in range(HORIZON)])
    ages = np.arange(HORIZON) - made_at
    ready = ages < 8
    expected = (made_at + np.arange(HORIZON) / 100)[:, None].astype(np.float32)
    expected[~ready] = 0  # the embodiment's actions are changes
    np.testing.assert_array_equal(found.ages, np.where(ready, ages, np.nan))
    assert found.num_decisions == len(asked)
    np.testing.assert_array_equal(found.actions, expected)
    np.testing.assert_array_equal(found.labels, expected + np.where(ready, 1000, 0)[:, None].astype(np.float32))
    for before, query in zip([None, *asked], policy.queries, strict=False):
        assert query.delay == delay
        if before is None:
            assert query.planned is None
            assert query.committed is None
            continue
        # Until the end of the last chunk, and at least as long as nothing new is ready.
        left = np.arange(query.step, max(before + 8, query.step + delay))
        planned = ((before + left / 100) * (left < before + 8))[:, None].astype(np.float32)
        np.testing.assert_array_equal(query.planned, planned)
        if delay == 0:
            assert query.committed is None
            continue
        np.testing.assert_array_equal(query.committed, planned[:delay])
        executed = found.actions[query.step : query.step + delay]
        np.testing.assert_array_equal(planned[: len(executed)], executed)


def test_what_is_said_about_an_action_and_who_acted_stay_with_it():
    policy = Dated()
    found = run(policy, ChunkExecution(3, delay=2), recording=Recording((), snapshots=False))
    np.testing.assert_array_equal(found.extras["date"], found.actions[:, 0])
    made_at = np.floor(found.actions[:, 0] + 1e-4)
    assert found.actors == tuple("expert" if at == 3 else "policy" for at in made_at)
    assert "expert" in found.actors


class Anyone(Dated):
    """Of no embodiment, so that nothing says how to hold still."""

    embodiment = None


def test_where_nothing_is_left_of_a_chunk_the_robot_is_held_still():
    found = run(Dated(num_valid=3), ChunkExecution(2, delay=3))
    assert found.error is None
    # Of each later decision nothing is left when it can be used.
    np.testing.assert_array_equal(np.isfinite(found.ages), np.arange(HORIZON) < 3)
    assert not found.actions[3:].any()
    with pytest.raises(MismatchError, match="an embodiment, which says how to hold still"):
        run(Anyone(), ChunkExecution(2, delay=3))
    assert run(Anyone(), ChunkExecution(2)).error is None


def test_a_decision_without_an_action_is_a_fault_with_and_without_a_delay():
    for delay in (0, 3):
        found = run(Dated(num_valid=0), ChunkExecution(2, delay=delay))
        assert (found.error, found.is_fault) == ("the policy gave no valid action at step 0", True)


def test_ensembling_goes_with_a_delay():
    policy = Dated()
    found = run(policy, ChunkExecution(1, 0.0, delay=3))
    assert [query.step for query in policy.queries] == [0, 1, 4, 7, 10]
    # At step 10 the decisions of 4 and 7 are usable and reach so far.
    np.testing.assert_allclose(found.actions[10], (4 + 7) / 2 + 0.10)
    assert found.ages[10] == 4.5
    np.testing.assert_allclose(policy.queries[3].committed, found.actions[7:10])


def test_delays_that_mean_nothing_are_refused():
    with pytest.raises(PraxiaError, match="0 control steps or more, got -1"):
        ChunkExecution(1, delay=-1)
    policy = Seeker()
    with pytest.raises(MismatchError, match="a session waits for each decision"):
        Session(policy, ChunkExecution(1, delay=1))


def test_definitions_without_a_delay_are_as_before():
    assert ChunkExecution(4).to_json() == {"execution_horizon": 4, "ensemble": None}
    assert ChunkExecution(4, delay=2).to_json() == {"execution_horizon": 4, "ensemble": None, "delay": 2}
    assert find_benchmark("bimodal").to_json()["execution"] == {"execution_horizon": 8, "ensemble": None}
