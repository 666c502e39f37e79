"""The expert where time matters: it succeeds at once, and not when its actions come late."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from praxia.core.embodiment import Embodiment
from praxia.core.hold import HoldAction
from praxia.core.simulator import expect_simulator
from praxia.core.types import EnvSpec, Query
from praxia.envs import build, find_family
from praxia.envs.tabletop.tasks import MOVING, STILL
from praxia.experts import find_expert
from praxia.experts.baselines import UniformPolicy, ZeroPolicy

ENV = "tabletop-gantry"
FAMILY = find_family(ENV)
HORIZON = 100


class Late:
    """A policy whose every action is executed `delay` steps later, and until then, the robot's hold action.

    The policy is told which of its actions are still to come.
    """

    def __init__(self, policy, delay: int, embodiment: Embodiment):
        self._policy = policy
        # Still to come, the oldest first.
        self._committed = [HoldAction.of(embodiment)(np.zeros(embodiment.state_dim, np.float32))] * delay

    def action(self, query: Query) -> np.ndarray:
        if self._committed:
            query = replace(query, delay=len(self._committed), committed=np.stack(self._committed))
        self._committed.append(self._policy.act([query], None)[0][0].chunk[0])
        return self._committed.pop(0)


def num_successes(task: str, indices: Sequence[int], make=None, *, delay: int = 0, env_name: str = ENV) -> int:
    family = find_family(env_name)
    env = expect_simulator(build(EnvSpec(env_name, task)), "an expert")
    make = make or (lambda: find_expert(env_name)(family.instructions))
    found = 0
    for index in indices:
        env.reset(family.draw_start(task, "experts", index))
        late = Late(make(), delay, env.embodiment)
        for step in range(HORIZON):
            query = Query((env.observe(()),), f"{task}/{index}", step, 0, env.privileged())
            if env.command(late.action(query)).success:
                found += 1
                break
    return found


@pytest.mark.parametrize("task", [*MOVING, *STILL])
def test_the_expert_succeeds(task):
    assert num_successes(task, range(3)) == 3


@pytest.mark.parametrize("env_name", ["tabletop-arm6", "tabletop-arm7-joints"])
def test_it_succeeds_with_arms(env_name):
    assert sum(num_successes(task, range(1), env_name=env_name) for task in MOVING) >= 3


def test_an_action_that_comes_late_misses_what_moves_and_not_what_rests():
    """Eight steps, 0.4 s, are two thirds of the time that the hand needs to get there."""
    assert num_successes("path-follow", range(3), delay=8) == 0
    assert num_successes("path-follow-still", range(3), delay=8) == 3


def test_who_does_not_look_does_not_succeed():
    embodiment = FAMILY.embodiment(EnvSpec(ENV, MOVING[0]))
    for make in (lambda: ZeroPolicy(embodiment), lambda: UniformPolicy(embodiment)):
        assert sum(num_successes(task, range(1), make) for task in ("jump-reach", "path-follow")) == 0


@pytest.mark.slow
@pytest.mark.parametrize("task", [*MOVING, *STILL])
def test_the_expert_succeeds_in_nineteen_of_twenty(task):
    assert num_successes(task, range(100, 200)) >= 95


@pytest.mark.slow
@pytest.mark.parametrize("task", MOVING)
def test_success_falls_with_the_delay(task):
    starts = range(300, 330)
    at_once, late, later = (num_successes(task, starts, delay=delay) for delay in (0, 4, 8))
    assert at_once >= late >= later
    assert later <= at_once - 5


@pytest.mark.slow
def test_controls_are_near_zero():
    embodiment = FAMILY.embodiment(EnvSpec(ENV, MOVING[0]))
    for make in (lambda: ZeroPolicy(embodiment), lambda: UniformPolicy(embodiment)):
        assert sum(num_successes(task, range(20), make) for task in MOVING) <= 1
