"""The stream of steps, with a recurrent policy whose chunks are executed for eight steps."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from toy_world import EMBODIMENT, Walker, build, job

from praxia.core.types import FINAL_OBSERVATION, ChunkExecution, Decision, Query
from praxia.core.window import Window
from praxia.rollout.loop import run_episodes
from praxia.rollout.pool import WorkerPool
from praxia.rollout.queues import OrderedQueue
from praxia.rollout.slots import LocalSlots
from praxia.rollout.types import Agent, Job, Recording, Step, Trajectory

HORIZON = 20


class Recurrent:
    """Sums up what it has seen of each episode, in a carry by row: h <- 0.5 h + position at each decision.

    Row i of a chunk moves by (h + i) / 100, and its label by that and 1.
    """

    privileged = False
    embodiment = EMBODIMENT
    window = Window({"state": (0,)}, horizon=8)

    def start(self, num_rows: int) -> np.ndarray:
        return np.zeros(num_rows)

    def act(self, queries: Sequence[Query], carry: np.ndarray) -> tuple[list[Decision], np.ndarray]:
        carry = carry.copy()
        decisions = []
        for query in queries:
            before = 0.0 if query.step == 0 else carry[query.row]
            carry[query.row] = remembered = 0.5 * before + float(query.history[-1].state[0])
            chunk = ((remembered + np.arange(8)) / 100).astype(np.float32)[:, None]
            extras = {"memory": np.full(8, remembered), "noise": np.arange(16.0).reshape(8, 2) + query.step}
            decisions.append(Decision(chunk, np.ones(8, bool), chunk + 1, extras=extras, actor="policy"))
        return decisions, carry


def run(
    policy: Any, slots: Any, jobs: Iterable[Job], execution_horizon: int = 8, horizon: int = HORIZON, **options: Any
) -> tuple[dict[int, list[Step]], dict[int, Trajectory]]:
    """The steps and the trajectory of each job, by its index."""
    steps: dict[int, list[Step]] = {}

    def keep(step: Step) -> None:
        steps.setdefault(step.job.index, []).append(step)

    with closing(slots):
        trajectories = run_episodes(
            [Agent(policy, ChunkExecution(execution_horizon))],
            slots,
            OrderedQueue(jobs, lambda job: job.spec, lookahead=1),
            horizon=horizon,
            on_step=keep,
            **{"embodiment": EMBODIMENT, "steps_after_success": None, **options},
        )
        return steps, {one.job.index: one for one in trajectories}


@pytest.mark.parametrize("num_slots", [1, 3])
def test_a_recurrent_policy_has_its_own_carry_and_the_labels_inside_its_chunks(num_slots: int):
    jobs = [job(number, goal=2.0 + number) for number in range(5)]
    steps, trajectories = run(Recurrent(), LocalSlots(num_slots, build), jobs, recording=Recording((), every_step=True))
    for number, trajectory in trajectories.items():
        memory, position = 0.0, 0.0
        for step, one in enumerate(steps[number]):
            assert one.observation is not None
            assert one.observation.state[0] == np.float32(position)
            if step % 8 == 0:
                memory = 0.5 * memory + float(np.float32(position))
            expected = np.float32((memory + step % 8) / 100)
            assert (one.index, one.action[0], one.label[0]) == (step, expected, expected + np.float32(1))
            assert one.extras["memory"] == memory
            np.testing.assert_array_equal(one.extras["noise"], step // 8 * 8 + np.array([0, 1]) + step % 8 * 2)
            position += np.float64(expected)
            assert one.next_observation is not None
            assert one.next_observation.state[0] == np.float32(position)
            assert one.actor == "policy"
        assert [one.truncated for one in steps[number]] == [False] * (HORIZON - 1) + [True]
        np.testing.assert_array_equal(trajectory.labels, [one.label for one in steps[number]])
        np.testing.assert_array_equal(trajectory.extras["memory"], [one.extras["memory"] for one in steps[number]])
        assert trajectory.extras["noise"].shape == (HORIZON, 2)
        assert trajectory.actors == ("policy",) * HORIZON
        seen = [one.observation for one in steps[number]] + [steps[number][-1].next_observation]
        assert list(trajectory.observations) == seen


def test_a_pool_hands_on_the_same_steps_and_the_episodes_are_those_without():
    jobs = [job(number, goal=2.0 + number) for number in range(4)]
    steps, trajectories = run(Walker(chunk=8), LocalSlots(2, build), jobs)
    pooled, _ = run(Walker(chunk=8), WorkerPool(2, 1, build), jobs)
    for number, mine in steps.items():
        assert len(mine) == len(pooled[number])
        for ours, theirs in zip(mine, pooled[number], strict=True):
            assert ours.observation is not None
            assert theirs.observation is not None
            np.testing.assert_array_equal(ours.observation.images["front"], theirs.observation.images["front"])
            assert ours.observation.images["front"][0, 0, 1] == ours.index
            assert ours.action == theirs.action
            # Privileged state is read where the policy decides.
            assert (ours.privileged is not None) == (ours.index % 8 == 0)
            assert (ours.extras, ours.actor) == ({}, None)
    with closing(LocalSlots(2, build)) as slots:
        agents, queue = [Agent(Walker(chunk=8), ChunkExecution(8))], OrderedQueue(jobs, lambda job: job.spec, 1)
        plain = run_episodes(agents, slots, queue, horizon=HORIZON, embodiment=EMBODIMENT, steps_after_success=None)
        for one in plain:
            np.testing.assert_array_equal(one.actions, trajectories[one.job.index].actions)


@pytest.mark.parametrize(
    ("flags", "options", "last"),
    [
        ({"ends_at": 11}, {}, (True, False)),
        ({}, {"steps_after_success": 0}, (False, True)),
        ({}, {"horizon": 12}, (False, True)),
    ],
    ids=["terminated", "success", "horizon"],
)
def test_the_end_of_the_task_is_told_from_a_cut(flags: dict[str, int], options: dict[str, Any], last: tuple[Any, ...]):
    steps, trajectories = run(Walker(chunk=8), LocalSlots(1, build), [job(0, goal=3.0, **flags)], **options)
    end = steps[0][-1]
    assert (end.terminated, end.truncated) == last
    assert end.next_observation is not None
    assert end.next_observation.images["front"][0, 0, 1] == len(steps[0])
    assert end.next_privileged is not None
    assert not any(one.terminated or one.truncated for one in steps[0][:-1])
    expected = {"ends_at": flags.get("ends_at"), **options}
    assert (
        len(steps[0])
        == trajectories[0].steps
        == (expected["ends_at"] or expected.get("horizon") or trajectories[0].success_step)
    )


@pytest.mark.parametrize("pooled", [False, True])
def test_the_end_of_an_episode_is_observed_only_for_who_asks(pooled: bool):
    actions, start = np.zeros((4, 1), np.float32), job(0, ends_at=2)
    with closing(WorkerPool(1, 1, build) if pooled else LocalSlots(1, build)) as slots:
        for observe, seen in (((1, 2, 4), None), ((FINAL_OBSERVATION,), 2), ((FINAL_OBSERVATION, 1, 4), 2)):
            slots.begin(0, start.spec, start.start, ("front",), privileged=True)
            slots.ready()
            slots.advance(0, actions, stop_on_success=False, observe=observe)
            (result,) = slots.ready()
            assert len(result.outcomes) == 2
            assert [one.images["front"][0, 0, 1] for one in result.earlier] == ([1] if 1 in observe else [])
            assert (result.observation is None, result.privileged is None) == (seen is None, seen is None)
            if result.observation is not None:
                assert result.observation.images["front"][0, 0, 1] == seen
        # An episode that goes on has no final observation.
        slots.begin(0, start.spec, job(0).start, ("front",))
        slots.ready()
        slots.advance(0, actions, stop_on_success=False, observe=(FINAL_OBSERVATION,))
        assert slots.ready()[0].observation is None


class Changing(Recurrent):
    """Changes its decisions from its second one on."""

    def __init__(self, change: Any):
        self._change = change

    def act(self, queries: Sequence[Query], carry: np.ndarray) -> tuple[list[Decision], np.ndarray]:
        decisions, carry = super().act(queries, carry)
        changed = zip(queries, decisions, strict=True)
        return [self._changed(one) if query.step else one for query, one in changed], carry

    def _changed(self, decision: Decision) -> Decision:
        decision = replace(decision)
        for name, value in self._change(decision.extras).items():
            object.__setattr__(decision, name, value)  # also what the types of the tests would refuse before
        return decision


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda extras: {"extras": {}}, r"gave the extras none, expected \{'memory': .*\} as at first, at step 8"),
        (
            lambda extras: {"extras": {**extras, "memory": np.zeros(3)}},
            r"'memory' of .*expected numbers \[8, ...\] as its chunk",
        ),
        (lambda extras: {"extras": {**extras, "memory": [0.0]}}, r"'memory' of a list, expected numbers \[8, ...\]"),
        (lambda extras: {"actor": "human"}, r"gave the actor 'human', expected one of policy, expert, person"),
    ],
)
def test_what_decisions_say_about_actions_is_checked(change: Any, message: str):
    steps, trajectories = run(Changing(change), LocalSlots(1, build), [job(0)])
    assert trajectories[0].is_fault
    assert trajectories[0].error is not None
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(trajectories[0].error)
    assert len(steps[0]) == 8
    assert not steps[0][-1].truncated


def test_an_episode_that_crashes_at_its_first_step_ends_no_other():
    jobs = [job(0, crash_at=0), job(1)]
    _, trajectories = run(Recurrent(), LocalSlots(2, build), jobs, recording=Recording((), every_step=True))
    assert trajectories[0].error is not None
    assert trajectories[1].error is None
    assert trajectories[1].extras["memory"].shape == (trajectories[1].steps,)


def test_an_episode_whose_worker_dies_begins_again(tmp_path: Any):
    steps, trajectories = run(Walker(chunk=2), WorkerPool(1, 1, build), [job(0, die_at=3)], execution_horizon=2)
    assert [(one.attempt, one.index) for one in steps[0]] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert trajectories[0].error is not None
