import numpy as np
import pytest
from toy_point import FAMILY, HORIZON, draw_start

from praxia.core.types import ChunkExecution, Decision, EnvSpec
from praxia.core.window import Window
from praxia.reinforce.transitions import Replay, TransitionBatch, TransitionMaker
from praxia.rollout.loop import run_episodes
from praxia.rollout.queues import GroupedQueue
from praxia.rollout.slots import LocalSlots
from praxia.rollout.types import Agent, Job

LAYOUT = {"position": 1, "goal": 1}


class Steady:
    """Moves by a constant, for three steps at a time."""

    privileged, embodiment, window = True, FAMILY.embodiment(EnvSpec("point", "reach")), Window({"state": (0,)}, 3)

    def start(self, num_rows):
        return None

    def act(self, queries, carry):
        chunk = np.full((3, 1), 5, np.float32)
        said = {"number": np.full(3, 7.0)}
        return [Decision(chunk, np.ones(3, bool), extras=said) for _ in queries], None


def transitions(task):
    """Those of one episode, and its outcomes."""
    found, spec = [], EnvSpec("point", task)
    jobs = [Job(spec, draw_start(task, "a", 3), "key", 4)]
    slots = LocalSlots(1, FAMILY.build)
    options = {"horizon": HORIZON - 1, "steps_after_success": None, "on_step": TransitionMaker(LAYOUT, found.append)}
    queue = GroupedQueue(jobs, lambda job: job.spec)
    (trajectory,) = run_episodes([Agent(Steady(), ChunkExecution(3))], slots, queue, **options)
    return found, jobs[0].start.payload, trajectory


def test_a_transition_is_what_a_decision_led_to():
    found, payload, trajectory = transitions("reach")
    rewards = [outcome.reward for outcome in trajectory.outcomes]
    assert [one.num_steps for one in found] == [3, 3, 3, 2]
    for number, one in enumerate(found):
        before = payload["position"] + 0.15 * number
        np.testing.assert_allclose(one.state, [before, payload["goal"]], rtol=1e-5)
        np.testing.assert_allclose(one.next_state[0], before + 0.05 * one.num_steps, rtol=1e-5)
        assert one.reward == pytest.approx(np.mean(rewards[3 * number : 3 * number + 3]))
        assert (one.episode, one.action.tolist(), one.extras["number"]) == (4, [5.0], 7.0)
    assert [one.truncated for one in found] == [False, False, False, True]
    assert not any(one.terminated for one in found)


def test_an_episode_that_terminates_within_a_chunk():
    found, payload, _ = transitions("ends")
    assert sum(one.num_steps for one in found) == payload["ends"]
    assert found[-1].terminated
    assert not found[-1].truncated


def row(number):
    values = np.full((1, 2), number, np.float32), np.full((1, 1), number, np.float32)
    return TransitionBatch(*values, np.array([number], np.float32), values[0] + 1, np.array([number % 2 == 0]))


def test_the_newest_transitions_are_kept():
    replay = Replay(1500, 2, 1)
    for number in range(2000):
        replay.add(row(number))
        assert len(replay) == min(number + 1, 1500)
    held = replay.arrays()
    assert sorted(held["reward"]) == list(range(500, 2000))
    np.testing.assert_array_equal(held["next_state"][:, 1], held["reward"] + 1)
    np.testing.assert_array_equal(held["goes_on"], held["reward"] % 2 == 0)


@pytest.mark.parametrize("before", [3, 1024, 1100])
def test_a_restored_buffer_goes_on_as_it_was(before):
    one, other = Replay(1030, 2, 1), Replay(1030, 2, 1)
    for number in range(before):
        one.add(row(number))
    other.restore(one.arrays(), one.added)
    for number in range(before, before + 20):
        one.add(row(number))
        other.add(row(number))
        drawn = [replay.sample(8, np.random.default_rng(number)) for replay in (one, other)]
        np.testing.assert_array_equal(drawn[0].reward, drawn[1].reward)
