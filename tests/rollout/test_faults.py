"""A policy's fault ends the episode of its query, and the trajectory names the fault."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from toy_world import EMBODIMENT, Walker, build, job

from praxia.core.types import ChunkExecution, Decision, Query
from praxia.rollout.faults import MAX_WIDTHS_BEYOND_RANGE
from praxia.rollout.loop import rollout
from praxia.rollout.slots import LocalSlots
from praxia.rollout.types import Trajectory

JOBS = [job(number, goal=3.0) for number in range(3)]
BROKEN = JOBS[1].key


def act_badly(spoil: Callable[[Decision], Decision], embodiment: Any = EMBODIMENT, **options: Any) -> list[Trajectory]:
    """Trajectories of a policy whose decision at step 4 of the second episode is spoiled."""

    class Faulty(Walker):
        def _decide(self, query: Query) -> Decision:
            sound = super()._decide(query)
            return spoil(sound) if (query.key, query.step) == (BROKEN, 4) else sound

    slots = LocalSlots(2, build)
    trajectories = rollout(
        Faulty(), slots, JOBS, **{"execution": ChunkExecution(4), "horizon": 40, "embodiment": embodiment, **options}
    )
    return sorted(trajectories, key=lambda one: one.job.index)


def test_the_fault_that_a_decision_states_ends_its_episode_alone():
    trajectories = act_badly(lambda decision: replace(decision, fault="raised KeyError: 'front'"))
    assert [one.error for one in trajectories] == [None, "the policy raised KeyError: 'front', at step 4", None]
    assert [one.status("ever") for one in trajectories] == ["success", "failure", "success"]


def broken(decision: Decision, **values: np.ndarray) -> Decision:
    """`decision` with values that its constructor would refuse where types are checked."""
    for name, value in values.items():
        object.__setattr__(decision, name, value)
    return decision


def chunk(*values: float) -> np.ndarray:
    return np.array(values, np.float32)[:, None]


FAR = 1 + 2 * MAX_WIDTHS_BEYOND_RANGE  # the declared range is [-1, 1]

FAULTS = {
    "wide": (
        lambda old: broken(old, chunk=np.zeros((4, 2), np.float32)),
        r"chunk of float32 \[4, 2\], expected float32",
    ),
    "flat": (lambda old: broken(old, chunk=np.zeros(4, np.float32)), r"float32 \[4\], expected float32 \[steps, 1\]"),
    "double": (lambda old: broken(old, chunk=np.zeros((4, 1))), r"chunk of float64 \[4, 1\]"),
    "short valid": (lambda old: broken(old, valid=np.ones(3, bool)), r"valid of bool \[3\], expected bool \[4\]"),
    "numbers": (lambda old: broken(old, valid=np.ones(4)), r"valid of float64 \[4\]"),
    "label": (lambda old: broken(old, label=np.zeros((2, 1), np.float32)), r"label of float32 \[2, 1\]"),
    "none valid": (lambda old: broken(old, valid=np.zeros(4, bool)), r"no valid action"),
    "not a number": (lambda old: broken(old, chunk=chunk(np.nan, 0, 0, 0)), r"not finite"),
    "far": (lambda old: broken(old, chunk=chunk(-FAR - 0.1, 0, 0, 0)), r"-9.1 for action 0.*within \[-1, 1\]"),
}


@pytest.mark.parametrize(("spoil", "fault"), FAULTS.values(), ids=FAULTS)
def test_a_fault_ends_its_episode_and_no_other(spoil: Callable[[Decision], Decision], fault: str):
    before, faulty, after = act_badly(spoil)
    assert (before.status("ever"), faulty.status("ever"), after.status("ever")) == ("success", "failure", "success")
    assert re.search(rf"^the policy gave .*{fault}.* at step 4$", faulty.error or ""), faulty.error
    assert faulty.steps == 4


def test_only_actions_far_beyond_their_range_are_faults():
    for value in (1.5, -FAR + 0.1, FAR - 0.1):
        assert act_badly(lambda old, value=value: broken(old, chunk=chunk(value, 0, 0, 0)))[1].error is None
    late = act_badly(lambda old: broken(old, chunk=chunk(0, 0, FAR + 0.1, 0)))[1]
    assert (late.error or "").endswith("at step 6")


def test_actions_that_are_not_executed_are_not_checked():
    spoiled = act_badly(lambda old: broken(old, chunk=chunk(0, np.nan, FAR + 1, 0)), execution=ChunkExecution(1))
    assert [one.error for one in spoiled] == [None] * 3


def test_a_field_without_both_limits_has_no_range():
    for limits in ({"low": None, "high": None}, {"low": None}, {"high": None}):
        embodiment = replace(EMBODIMENT, action=(replace(EMBODIMENT.action[0], **limits),))
        assert act_badly(lambda old: broken(old, chunk=chunk(1e6, 0, 0, 0)), embodiment)[1].error is None


def test_under_ensembling_the_mean_is_checked():
    (_, faulty, _) = act_badly(lambda old: broken(old, chunk=chunk(0, 9.0e6, 0, 0)), execution=ChunkExecution(1, 0.01))
    assert re.search(r"gave .*for action 0.* at step 5$", faulty.error or "")


@pytest.mark.parametrize(
    ("exact", "faults"),
    [
        (True, [None, "the policy gave 0 decisions for 1 episodes, at step 0", None]),
        (False, ["the policy gave 1 decisions for 2 episodes, at step 0"] * 2 + [None]),
    ],
)
def test_a_wrong_number_of_decisions_ends_all_episodes_of_the_query(exact: bool, faults: list[str | None]):
    class Forgetful(Walker):
        def act(self, queries: Any, carry: Any) -> Any:
            decisions, carry = super().act(queries, carry)
            return decisions[1:] if BROKEN in [query.key for query in queries] else decisions, carry

    trajectories = rollout(
        Forgetful(), LocalSlots(2, build), JOBS, execution=ChunkExecution(4), horizon=40, exact=exact
    )
    assert [one.error for one in sorted(trajectories, key=lambda one: one.job.index)] == faults
