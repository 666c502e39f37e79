import numpy as np

from praxia.core.types import ChunkExecution, EnvSpec
from praxia.envs import find_family
from praxia.experts import find_expert
from praxia.experts.injected_failures import InjectedNoise
from praxia.rollout.loop import rollout
from praxia.rollout.slots import LocalSlots
from praxia.rollout.types import Job

FAMILY = find_family("pusht")
EXPERT = find_expert("pusht")(FAMILY.instructions)
SPEC = EnvSpec("pusht", "push")


def trajectories(policy, num: int, num_slots: int = 3):
    starts = [FAMILY.draw_start("push", "expert", index) for index in range(num)]
    jobs = [Job(SPEC, start, f"0/{start.key}", index) for index, start in enumerate(starts)]
    slots = LocalSlots(num_slots, FAMILY.build)
    found = list(rollout(policy, slots, jobs, execution=ChunkExecution(1), horizon=FAMILY.horizon("push")))
    assert not any(trajectory.error for trajectory in found), [one.error for one in found]
    return sorted(found, key=lambda one: one.job.index)


def test_it_reaches_the_goal_from_every_start():
    found = trajectories(EXPERT, 20)
    assert sum(trajectory.success_step is not None for trajectory in found) >= 19
    assert np.mean([one.progress for one in found]) > 0.97


def test_an_episode_does_not_depend_on_those_beside_it():
    for alone, beside in zip(trajectories(EXPERT, 4, num_slots=1), trajectories(EXPERT, 4), strict=True):
        np.testing.assert_array_equal(alone.actions, beside.actions)


def test_it_recovers_from_noise():
    found = trajectories(InjectedNoise(EXPERT, FAMILY.embodiment(SPEC), 0.4), 5)
    assert np.mean([one.progress for one in found]) > 0.95
    assert all(np.any(trajectory.actions != trajectory.labels) for trajectory in found)


def test_actions_are_within_the_image_and_near_the_agent():
    env = FAMILY.build(SPEC)
    (trajectory,) = trajectories(EXPERT, 1)
    env.reset(trajectory.job.start)
    for action in trajectory.actions:
        assert np.linalg.norm(action - env.privileged()["agent"]) < 46
        env.command(action)
    assert trajectory.actions.min() >= 0
    assert trajectory.actions.max() <= 512
