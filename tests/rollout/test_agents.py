"""Two agents in one set of slots: each runs its own episodes, as if it were alone."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from toy_world import ToyEnv, Walker, build, job

from praxia.core.types import ChunkExecution, Decision, EnvSpec, Query
from praxia.rollout.loop import rollout, run_episodes
from praxia.rollout.queues import OrderedQueue
from praxia.rollout.slots import LocalSlots
from praxia.rollout.types import Agent, Job, Trajectory

JOBS = [job(number, goal=2.0 + number) for number in range(6)]


class Sleepy(Walker):
    """Walks half as far, sees nothing, and counts its decisions of each row in its carry."""

    privileged = True

    def __init__(self) -> None:
        super().__init__(cameras=())
        self.counted: list[int] = []

    def start(self, num_rows: int) -> list[int]:
        return [0] * num_rows

    def act(self, queries: Sequence[Query], carry: list[int]) -> tuple[list[Decision], list[int]]:
        decisions, _ = super().act(queries, carry)
        for query in queries:
            carry = [*carry]
            carry[query.row] = 1 if query.step == 0 else carry[query.row] + 1
            self.counted.append(carry[query.row] - 1 - query.step // 2)
        return [replace(one, chunk=one.chunk / 2) for one in decisions], carry


def both(jobs: Sequence[Job]) -> list[Job]:
    return [replace(one, agent=agent) for one in jobs for agent in (0, 1)]


def run_both(agents: Sequence[Agent], num_slots: int, make: Any = build, **options: Any) -> dict[int, list[Trajectory]]:
    slots = LocalSlots(num_slots, make)
    queue = OrderedQueue(both(JOBS), lambda one: one.start.key, lookahead=4)
    trajectories = sorted(run_episodes(agents, slots, queue, horizon=40, **options), key=lambda one: one.job.index)
    return {number: [trajectory for trajectory in trajectories if trajectory.job.agent == number] for number in (0, 1)}


@pytest.mark.parametrize("num_slots", [1, 3])
@pytest.mark.parametrize("exact", [True, False])
def test_each_acts_as_if_it_were_alone(num_slots: int, exact: bool):
    agents = [Agent(Walker(), ChunkExecution(4)), Agent(Sleepy(), ChunkExecution(2))]
    found = run_both(agents, num_slots, exact=exact)
    for number, agent in enumerate(agents):
        alone = rollout(agent.policy, LocalSlots(2, build), JOBS, execution=agent.execution, horizon=40)
        expected = sorted(alone, key=lambda one: one.job.index)
        for one, other in zip(expected, found[number], strict=True):
            np.testing.assert_array_equal(one.actions, other.actions)
            assert one.outcomes == other.outcomes


def test_each_policy_is_queried_for_its_own_episodes_with_its_own_carry():
    walker, sleepy = Walker(), Sleepy()
    found = run_both([Agent(walker, ChunkExecution(4)), Agent(sleepy, ChunkExecution(2))], 4)
    assert set(sleepy.counted) == {0}, "a carry of another policy or episode"
    for number, policy in enumerate((walker, sleepy)):
        num_queries = sum(len(batch) for batch in policy.batches)
        steps = [one.steps for one in found[number]]
        assert num_queries == sum(-(-count // (4, 2)[number]) for count in steps)
    assert max(len(batch) for batch in walker.batches) > 1


def test_only_cameras_that_an_agent_observes_are_rendered_for_it():
    observed: list[tuple[str, ...]] = []

    class Watched(ToyEnv):
        def observe(self, cameras: Sequence[str]) -> Any:
            observed.append(tuple(cameras))
            return super().observe(cameras)

    def make(spec: EnvSpec) -> ToyEnv:
        return Watched(spec)

    walker, sleepy = Walker(), Sleepy()
    run_both([Agent(walker, ChunkExecution(4)), Agent(sleepy, ChunkExecution(2))], 2, make)
    assert observed.count(("front",)) == sum(map(len, walker.batches))
    assert observed.count(()) == sum(map(len, sleepy.batches))


def test_each_sees_its_own_history_at_its_own_execution_horizon():
    past = Walker(past=2)
    found = run_both([Agent(Walker(), ChunkExecution(4)), Agent(past, ChunkExecution(3))], 1)
    assert [one.error for one in (*found[0], *found[1])] == [None] * 12
    assert {len(query.history) for batch in past.batches for query in batch if query.step} == {3}
