from collections import Counter

import numpy as np
import pytest

from praxia.core.types import ChunkExecution, EnvSpec, Query
from praxia.envs import find_family
from praxia.envs.bimodal.sides import num_switches, side
from praxia.experts import find_expert
from praxia.experts.injected_failures import InjectedNoise
from praxia.rollout.loop import rollout
from praxia.rollout.slots import LocalSlots
from praxia.rollout.types import Job, Recording

FAMILY = find_family("bimodal")
EXPERT = find_expert("bimodal")(FAMILY.instructions)
SPEC = EnvSpec("bimodal", "pass")


def episodes(policy, num: int, seed: int = 0):
    """Success and recorded states of each episode, in order."""
    starts = [FAMILY.draw_start("pass", "expert", index) for index in range(num)]
    jobs = [Job(SPEC, start, f"{seed}/{start.key}", index) for index, start in enumerate(starts)]
    recording = Recording(cameras=(), snapshots=False)
    slots = LocalSlots(3, FAMILY.build)
    trajectories = list(
        rollout(policy, slots, jobs, execution=ChunkExecution(1), horizon=FAMILY.horizon("pass"), recording=recording)
    )
    trajectories.sort(key=lambda one: one.job.index)
    return [
        (trajectory.success_step is not None, np.stack([one.state for one in trajectory.observations]))
        for trajectory in trajectories
    ]


@pytest.fixture(scope="module")
def undisturbed():
    return episodes(EXPERT, 200)


def test_it_succeeds_and_never_changes_sides(undisturbed):
    assert all(success for success, _ in undisturbed)
    assert not any(num_switches(states) for _, states in undisturbed)


def test_sides_are_equally_frequent_and_independent_of_the_start(undisturbed):
    sides = [side(states) for _, states in undisturbed]
    assert Counter(sides)["left"] + Counter(sides)["right"] == 200
    assert abs(Counter(sides)["left"] - 100) < 2.6 * np.sqrt(50)
    begins_left = np.array([states[0, 0] < states[0, 2] for _, states in undisturbed])
    goes_left = np.array([one == "left" for one in sides])
    assert abs(np.corrcoef(begins_left, goes_left)[0, 1]) < 2.6 / np.sqrt(200)


def test_the_side_is_keyed_by_the_episode(undisturbed):
    again = [side(states) for _, states in episodes(EXPERT, 40)]
    other = [side(states) for _, states in episodes(EXPERT, 40, seed=1)]
    assert again == [side(states) for _, states in undisturbed[:40]]
    assert 8 < sum(one != two for one, two in zip(again, other, strict=True)) < 32


def test_it_recovers_from_noise():
    noisy = episodes(InjectedNoise(EXPERT, FAMILY.embodiment(SPEC), 0.15), 40)
    assert sum(success for success, _ in noisy) >= 39


@pytest.mark.parametrize(("aside", "sign"), [(-0.2, -1), (0.2, 1)])
def test_off_the_middle_line_the_robots_own_side_counts(aside, sign):
    privileged = {"robot": np.array([aside, 0.1]), "obstacle": np.array([0.0, 0.5]), "goal": np.array([0.0, 1.5])}
    decisions, _ = EXPERT.act([Query((), str(key), 0, 0, privileged) for key in range(20)], None)
    assert all(np.sign(decision.chunk[0, 0]) == sign for decision in decisions)
