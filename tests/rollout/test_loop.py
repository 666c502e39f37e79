import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from toy_world import ToyEnv, Walker, build, job

from praxia.core.types import ChunkExecution, Decision, EnvSpec, Query
from praxia.rollout.loop import rollout
from praxia.rollout.slots import LocalSlots
from praxia.rollout.types import Recording, Trajectory

EXECUTION = ChunkExecution(4)


def run(policy: Any, jobs: Sequence[Any], num_slots: int = 3, **options: Any) -> list[Trajectory]:
    slots = LocalSlots(num_slots, build)
    options = {"execution": EXECUTION, "horizon": 40, **options}
    trajectories = list(rollout(policy, slots, jobs, **options))
    slots.close()
    return sorted(trajectories, key=lambda one: one.job.index)


def replay(trajectory: Trajectory) -> list[bool]:
    env = ToyEnv(trajectory.job.spec)
    env.reset(trajectory.job.start)
    return [env.command(action).success for action in trajectory.actions]


def test_every_job_runs_once_and_its_actions_replay_it():
    trajectories = run(Walker(), [job(number) for number in range(7)])
    assert [one.job.index for one in trajectories] == list(range(7))
    for trajectory in trajectories:
        assert trajectory.status("ever") == trajectory.status("end") == "success"
        successes = replay(trajectory)
        assert successes.index(True) + 1 == trajectory.success_step == trajectory.steps == len(trajectory.actions)


def test_actions_do_not_depend_on_slots_or_order():
    jobs = [job(number, goal=2.0 + number) for number in range(6)]
    alone = run(Walker(), jobs, num_slots=1)
    together = run(Walker(), jobs[::-1], num_slots=4)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.actions, other.actions)


def test_exact_actions_do_not_depend_on_slots_or_on_any_order():
    class Sociable(Walker):
        def act(self, queries: Sequence[Query], carry: Any) -> Any:
            decisions, carry = super().act(queries, carry)
            return [Decision(one.chunk + np.float32(0.001 * len(queries)), one.valid) for one in decisions], carry

    jobs = [job(number, goal=2.0 + number) for number in range(6)]
    alone = run(Sociable(), jobs, num_slots=1)
    for seed in range(5):
        shuffled = [jobs[at] for at in np.random.default_rng(seed).permutation(6)]
        for one, other in zip(alone, run(Sociable(), shuffled, num_slots=2 + seed, exact=True), strict=True):
            np.testing.assert_array_equal(one.actions, other.actions)
    together = run(Sociable(), jobs, num_slots=4)
    assert any(one.actions.tobytes() != other.actions.tobytes() for one, other in zip(alone, together, strict=True))


def test_a_finished_slot_takes_the_next_job_beside_a_long_episode():
    policy = Walker()
    jobs = [job(0, goal=1.0), job(1, goal=15.0), job(2, goal=1.0), job(3, goal=1.0)]
    run(policy, jobs, num_slots=2)
    queried = [[query.key for query in batch] for batch in policy.batches]
    # The short ones ran one after the other while the long one went on: it is in every batch.
    assert all(jobs[1].key in keys for keys in queried)
    assert sum(len(keys) == 2 for keys in queried) == sum(len(keys) for keys in queried) - len(queried) >= 3


def test_exact_queries_one_episode_at_a_time():
    policy = Walker()
    run(policy, [job(number) for number in range(4)], exact=True)
    assert {len(batch) for batch in policy.batches} == {1}


@pytest.mark.parametrize("execution_horizon", [1, 3])
def test_images_are_rendered_only_for_decisions(execution_horizon: int):
    made: list[ToyEnv] = []

    def remember(spec: EnvSpec) -> ToyEnv:
        made.append(ToyEnv(spec))
        return made[-1]

    slots = LocalSlots(1, remember)
    (trajectory,) = rollout(
        Walker(), slots, [job(0, goal=5.3)], execution=ChunkExecution(execution_horizon), horizon=40
    )
    decisions = -(-trajectory.steps // execution_horizon)
    assert made[0].observed == [(execution_horizon * index, ("front",)) for index in range(decisions)]


def test_without_cameras_nothing_is_rendered_unless_recorded():
    blind = Walker(cameras=())
    run(blind, [job(0)])
    assert all(not query.history[-1].images for batch in blind.batches for query in batch)
    (trajectory,) = run(blind, [job(3)], execution=ChunkExecution(1), recording=Recording(("front",)))
    seen = [tuple(one.images["front"][0, 0]) for one in trajectory.observations]
    assert seen == [(3, step, 0) for step in range(trajectory.steps)]


def test_a_recording_holds_snapshots_before_each_step():
    (trajectory,) = run(Walker(), [job(0)], recording=Recording(()))
    positions = [np.frombuffer(snapshot)[0] for snapshot in trajectory.snapshots]
    expected = np.concatenate([[0.0], np.cumsum(trajectory.actions.astype(np.float64))[:-1]])
    np.testing.assert_array_equal(positions, expected)


def test_success_can_be_followed_by_more_steps():
    (trajectory,) = run(Walker(), [job(0)], execution=ChunkExecution(1), steps_after_success=3)
    assert trajectory.success_step is not None
    assert trajectory.steps == trajectory.success_step + 3


def test_the_metric_end_needs_success_at_the_last_step():
    class Runner(Walker):
        def _decide(self, query: Query) -> Decision:
            return Decision(np.ones((4, 1), np.float32), np.ones(4, bool))

    (trajectory,) = run(Runner(), [job(0, goal=3.0)], steps_after_success=None)
    assert (trajectory.steps, trajectory.success_step, trajectory.success_end) == (40, 3, False)
    assert (trajectory.status("ever"), trajectory.status("end")) == ("success", "failure")


def test_the_environment_can_end_an_episode():
    (trajectory,) = run(Walker(), [job(0, ends_at=2)])
    assert (trajectory.steps, trajectory.status("ever")) == (2, "failure")


def test_the_horizon_ends_an_episode_within_a_chunk():
    (trajectory,) = run(Walker(), [job(0, goal=1000.0)], horizon=6)
    assert (trajectory.steps, trajectory.status("ever"), len(trajectory.actions)) == (6, "failure", 6)


def test_a_crash_is_an_error_and_the_slot_goes_on():
    jobs = [job(0, crash_at=0), job(1, crash_at=5), job(2), job(3)]
    trajectories = run(Walker(), jobs, num_slots=1)
    assert [one.status("ever") for one in trajectories] == ["error", "error", "success", "success"]
    assert [one.error for one in trajectories[:2]] == [
        "RuntimeError: at reset",
        "RuntimeError: at a step",
    ]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_action_that_is_not_finite_is_an_error_naming_the_step(bad: float):
    class Faulty(Walker):
        def _decide(self, query: Query) -> Decision:
            chunk = super()._decide(query).chunk.copy()
            chunk[2] = bad if query.step == 4 else 0
            return Decision(chunk, np.ones(4, bool))

    first, second = run(Faulty(), [job(0), job(1)], num_slots=1)
    assert first.error == second.error == "the policy gave an action that is not finite at step 6"
    assert first.steps == 4


def test_only_valid_actions_are_executed():
    class Brief(Walker):
        def _decide(self, query: Query) -> Decision:
            return Decision(super()._decide(query).chunk, np.arange(4) < 2)

    policy = Brief()
    run(policy, [job(0, goal=4.0)])
    assert [batch[0].step for batch in itertools.islice(policy.batches, 3)] == [0, 2, 4]


def test_labels_may_differ_from_executed_actions():
    class NoisyWalker(Walker):
        def _decide(self, query: Query) -> Decision:
            clean = super()._decide(query)
            return Decision(clean.chunk + np.float32(0.1), clean.valid, clean.chunk)

    (trajectory,) = run(NoisyWalker(), [job(0)])
    np.testing.assert_allclose(trajectory.actions - trajectory.labels, 0.1, atol=1e-6)


@pytest.mark.parametrize("execution_horizon", [1, 2, 3, 4])
@pytest.mark.parametrize("past", [1, 2, 5])
def test_history_is_every_step_of_the_window_at_any_execution_horizon(past, execution_horizon):
    policy = Walker(past=past)
    (trajectory,) = run(policy, [job(0, goal=9.0)], execution=ChunkExecution(execution_horizon))
    queries = [batch[0] for batch in policy.batches]
    assert [query.step for query in queries[:3]] == [0, execution_horizon, 2 * execution_horizon]
    for query in queries:
        times_s = [one.time_s for one in query.history]
        steps = range(max(query.step - past, 0), query.step + 1)
        assert times_s == pytest.approx([step * 0.1 for step in steps])
        assert [one.images["front"][0, 0, 1] for one in query.history] == list(steps)
    assert trajectory.success_step is not None


def test_only_what_the_window_sees_is_observed():
    """Of eight executed steps, the policy with two past steps needs the last three images."""
    envs = []

    def make(spec: EnvSpec) -> ToyEnv:
        envs.append(ToyEnv(spec))
        return envs[-1]

    slots = LocalSlots(1, make)
    walker = Walker(chunk=8, past=2)
    list(rollout(walker, slots, [job(0, goal=90.0)], execution=ChunkExecution(8), horizon=20))
    assert [step for step, _ in envs[0].observed] == [0, 6, 7, 8, 14, 15, 16]


class Counter(Walker):
    """At step t it predicts 0.1 t + 0.01 k for k steps ahead, in arrays that it reuses."""

    def __init__(self, invalid: int | None = None, bad_at: int | None = None, past: int = 0):
        super().__init__(chunk=3, past=past)
        self.invalid, self.bad_at = invalid, bad_at
        self.chunk = np.zeros((3, 1), np.float32)

    def _decide(self, query: Query) -> Decision:
        ahead = np.arange(3)
        self.chunk[:, 0] = 0.1 * query.step + 0.01 * ahead
        if query.step == self.bad_at:
            self.chunk[1] = np.nan
        return Decision(self.chunk, ahead != self.invalid, self.chunk + 1)


def weighted(step: int, ages: list[int], rate: float) -> float:
    """The mean of what `Counter` predicted for `step` `ages` steps ago, oldest first."""
    weights = np.exp(-rate * np.arange(len(ages)))
    return float(np.dot(weights, [0.1 * (step - age) + 0.01 * age for age in ages]) / weights.sum())


@pytest.mark.parametrize(("past", "num_slots"), [(0, 1), (2, 2)])
def test_ensembling_executes_the_mean_of_the_predictions_for_the_step(past: int, num_slots: int):
    trajectories = run(
        Counter(past=past),
        [job(0, goal=1000.0), job(1, goal=1000.0)],
        num_slots,
        execution=ChunkExecution(1, 0.3),
        horizon=5,
    )
    ages = [[0], [1, 0], [2, 1, 0], [2, 1, 0], [2, 1, 0]]
    expected = [weighted(step, ages[step], 0.3) for step in range(5)]
    for trajectory in trajectories:
        np.testing.assert_allclose(trajectory.actions[:, 0], expected, rtol=1e-5)
        np.testing.assert_array_equal(trajectory.labels, trajectory.actions)


def test_ensembling_counts_only_valid_predictions():
    (trajectory,) = run(Counter(invalid=1), [job(0, goal=1000.0)], execution=ChunkExecution(1, 0.3), horizon=4)
    expected = [weighted(step, ages, 0.3) for step, ages in enumerate([[0], [0], [2, 0], [2, 0]])]
    np.testing.assert_allclose(trajectory.actions[:, 0], expected, rtol=1e-5)
    (trajectory,) = run(Counter(invalid=0), [job(0, goal=1000.0)], execution=ChunkExecution(1, 0.3), horizon=4)
    assert trajectory.error == "the policy gave no valid action at step 0"


def test_ensembling_names_the_step_of_a_prediction_that_is_not_finite():
    (trajectory,) = run(Counter(bad_at=2), [job(0, goal=1000.0)], execution=ChunkExecution(1, 0.3))
    assert trajectory.error == "the policy gave an action that is not finite at step 3"
    assert trajectory.steps == 3


def test_without_jobs_it_ends_at_once():
    assert run(Walker(), []) == []


@pytest.mark.parametrize("recording", [None, Recording(("front",), snapshots=False)])
def test_at_the_horizon_images_are_rendered_only_for_a_recording(recording: Recording | None):
    made: list[ToyEnv] = []

    def build_and_keep(spec: EnvSpec) -> ToyEnv:
        made.append(ToyEnv(spec))
        return made[-1]

    slots = LocalSlots(1, build_and_keep)
    (trajectory,) = rollout(
        Walker(), slots, [job(0, goal=1000.0)], execution=EXECUTION, horizon=10, recording=recording
    )
    assert trajectory.steps == 10
    assert [step for step, _ in made[0].observed] == [0, 4, 8] + ([10] if recording else [])
