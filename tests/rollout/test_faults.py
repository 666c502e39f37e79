"""A policy at fault costs the episode that it was asked about, and the row says what it did."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from toy_world import EMBODIMENT, Walker, build, job

from praxia.core.types import ChunkExecution, Decision, Query
from praxia.rollout.faults import FAR_WIDTHS
from praxia.rollout.loop import rollout
from praxia.rollout.slots import LocalSlots
from praxia.rollout.types import Trajectory

JOBS = [job(number, goal=3.0) for number in range(3)]
BROKEN = JOBS[1].key


def act_badly(spoil: Callable[[Decision], Decision], embodiment: Any = EMBODIMENT, **options: Any) -> list[Trajectory]:
    """Traces of a policy whose decision at step 4 of the second episode is spoiled."""

    class Faulty(Walker):
        def _decide(self, query: Query) -> Decision:
            sound = super()._decide(query)
            return spoil(sound) if (query.key, query.step) == (BROKEN, 4) else sound

    slots = LocalSlots(2, build)
    trajectories = rollout(
        Faulty(), slots, JOBS, **{"execution": ChunkExecution(4), "horizon": 40, "body": embodiment, **options}
    )
    return sorted(trajectories, key=lambda trajectory: trajectory.job.index)


def broken(decision: Decision, **parts: np.ndarray) -> Decision:
    """`decision` as no `Decision` can be made where its types are checked."""
    for name, value in parts.items():
        object.__setattr__(decision, name, value)
    return decision


def chunk(*values: float) -> np.ndarray:
    return np.array(values, np.float32)[:, None]


FAR = 1 + 2 * FAR_WIDTHS  # the declared range is [-1, 1]

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


@pytest.mark.parametrize(("spoil", "said"), FAULTS.values(), ids=FAULTS)
def test_a_fault_ends_its_episode_and_no_other(spoil: Callable[[Decision], Decision], said: str):
    before, faulty, after = act_badly(spoil)
    assert (before.status("ever"), faulty.status("ever"), after.status("ever")) == ("success", "failure", "success")
    assert re.search(rf"^the policy gave .*{said}.* at step 4$", faulty.error or ""), faulty.error
    assert faulty.steps == 4


def test_an_action_beyond_its_range_is_the_drivers_to_clip_unless_it_is_far_beyond():
    for value in (1.5, -FAR + 0.1, FAR - 0.1):
        assert act_badly(lambda old, value=value: broken(old, chunk=chunk(value, 0, 0, 0)))[1].error is None
    late = act_badly(lambda old: broken(old, chunk=chunk(0, 0, FAR + 0.1, 0)))[1]
    assert (late.error or "").endswith("at step 6")


def test_what_is_not_executed_may_be_anything():
    spoiled = act_badly(lambda old: broken(old, chunk=chunk(0, np.nan, FAR + 1, 0)), execution=ChunkExecution(1))
    assert [trajectory.error for trajectory in spoiled] == [None] * 3


def test_a_field_without_both_limits_has_no_range():
    for limits in ({"low": None, "high": None}, {"low": None}, {"high": None}):
        embodiment = replace(EMBODIMENT, action=(replace(EMBODIMENT.action[0], **limits),))
        assert act_badly(lambda old: broken(old, chunk=chunk(1e6, 0, 0, 0)), embodiment)[1].error is None


def test_the_mean_of_an_ensemble_is_what_must_not_be_far_beyond():
    (_, faulty, _) = act_badly(lambda old: broken(old, chunk=chunk(0, 9.0e6, 0, 0)), execution=ChunkExecution(1, 0.01))
    assert re.search(r"gave .*for action 0.* at step 5$", faulty.error or "")


@pytest.mark.parametrize(
    ("exact", "said"),
    [
        (True, [None, "the policy gave 0 decisions for 1 episodes, at step 0", None]),
        (False, ["the policy gave 1 decisions for 2 episodes, at step 0"] * 2 + [None]),
    ],
)
def test_a_wrong_number_of_decisions_ends_the_episodes_that_were_asked_about(exact: bool, said: list[str | None]):
    class Forgetful(Walker):
        def act(self, queries: Any, carry: Any) -> Any:
            decisions, carry = super().act(queries, carry)
            return decisions[1:] if BROKEN in [query.key for query in queries] else decisions, carry

    trajectories = rollout(
        Forgetful(), LocalSlots(2, build), JOBS, execution=ChunkExecution(4), horizon=40, exact=exact
    )
    assert [
        trajectory.error for trajectory in sorted(trajectories, key=lambda trajectory: trajectory.job.index)
    ] == said
