"""The expert where time matters: it succeeds at once, and not when its actions come late."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from praxia.core.types import ChunkExecution, Decision, EnvSpec, Query
from praxia.core.window import Window
from praxia.envs import find_family
from praxia.envs.tabletop.tasks import MOVING, STILL
from praxia.experts import find_expert
from praxia.experts.baselines import UniformPolicy, ZeroPolicy
from praxia.rollout.loop import rollout
from praxia.rollout.slots import LocalSlots
from praxia.rollout.types import Job, Trajectory

ENV = "tabletop-gantry"


class Blind:
    """What the expert did from other starts, step by step: motion of the right kind, and nothing is seen."""

    privileged, embodiment, window = False, None, Window({"state": (0,)}, horizon=1)

    def __init__(self, actions: Mapping[str, np.ndarray]):
        """`actions` are those of each episode, by its key."""
        self._actions = actions

    def start(self, num_rows: int) -> None:
        return None

    def act(self, queries: Sequence[Query], carry: None) -> tuple[list[Decision], None]:
        return [self._decide(query) for query in queries], None

    def _decide(self, query: Query) -> Decision:
        chunk = self._actions[query.key][query.step :][:1]
        return Decision(chunk if len(chunk) else np.zeros((1, 4), np.float32), np.ones(1, bool))


def episodes(task: str, indices: Sequence[int], make=None, *, delay: int = 0, env_name: str = ENV) -> list[Trajectory]:
    """Of the expert, or of what `make(embodiment)` gives, from those starts, of at most 100 steps."""
    family = find_family(env_name)
    spec = EnvSpec(env_name, task)
    embodiment = family.embodiment(spec)
    policy = make(embodiment) if make else find_expert(env_name)(family.instructions)
    jobs = [Job(spec, family.draw_start(task, "experts", at), f"{task}/{at}", at) for at in indices]
    execution = ChunkExecution(execution_horizon=4, delay=delay)
    slots = LocalSlots(1, family.build)
    found = list(rollout(policy, slots, jobs, execution=execution, horizon=100, embodiment=embodiment))
    assert all(trajectory.error is None for trajectory in found)
    return found


def num_successes(task: str, indices: Sequence[int], make=None, **options) -> int:
    return sum(one.success_step is not None for one in episodes(task, indices, make, **options))


@pytest.mark.parametrize("task", [*MOVING, *STILL])
def test_the_expert_succeeds(task):
    assert num_successes(task, range(3)) == 3


@pytest.mark.parametrize("env_name", ["tabletop-arm6", "tabletop-arm7-joints"])
def test_it_succeeds_with_arms(env_name):
    assert sum(num_successes(task, range(1), env_name=env_name) for task in MOVING) >= 3


def test_an_action_that_comes_late_misses_what_moves_and_not_what_rests():
    """By eight steps, 0.4 s."""
    assert num_successes("path-follow", range(3), delay=8) == 0
    assert num_successes("path-follow-still", range(3), delay=8) == 3


def test_who_does_not_look_does_not_succeed():
    for make in (ZeroPolicy, UniformPolicy):
        assert sum(num_successes(task, range(1), make) for task in ("jump-reach", "path-follow")) == 0


@pytest.mark.slow
@pytest.mark.parametrize("task", [*MOVING, *STILL])
def test_the_expert_succeeds_in_nineteen_of_twenty(task):
    assert num_successes(task, range(1000, 1100)) >= 95


@pytest.mark.slow
@pytest.mark.parametrize("task", MOVING)
def test_success_falls_with_the_delay_where_something_moves(task):
    starts = range(300, 330)
    at_once, late, later = (num_successes(task, starts, delay=delay) for delay in (0, 4, 8))
    assert at_once >= late >= later
    assert later <= at_once - 10
    assert num_successes(f"{task}-still", starts, delay=8) >= 28


@pytest.mark.slow
@pytest.mark.parametrize("env_name", ["tabletop-arm6", "tabletop-arm7-joints"])
def test_a_delay_costs_arms_nothing_where_nothing_moves(env_name):
    assert sum(num_successes(task, range(3), delay=4, env_name=env_name) for task in STILL) >= 11


@pytest.mark.slow
def test_controls_are_near_zero():
    for make in (ZeroPolicy, UniformPolicy):
        assert sum(num_successes(task, range(20), make) for task in MOVING) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("task", MOVING)
def test_actions_of_other_starts_do_not_succeed(task):
    others = {f"{task}/{at}": one.actions for at, one in enumerate(episodes(task, range(100, 120)))}
    assert num_successes(task, range(20), lambda embodiment: Blind(others)) <= 1
