import numpy as np

from praxia.core.types import ChunkExecution, EnvSpec
from praxia.envs import find_family
from praxia.experts import find_expert
from praxia.experts.injected_failures import Noisy
from praxia.rollout.loop import rollout
from praxia.rollout.slots import LocalSlots
from praxia.rollout.trace import Job

FAMILY = find_family("pusht")
EXPERT = find_expert("pusht")(FAMILY.instructions)
SPEC = EnvSpec("pusht", "push")


def traces(policy, num: int, num_slots: int = 3):
    starts = [FAMILY.draw_start("push", "expert", index) for index in range(num)]
    jobs = [Job(SPEC, start, f"0/{start.key}", index) for index, start in enumerate(starts)]
    slots = LocalSlots(num_slots, FAMILY.build)
    found = list(rollout(policy, slots, jobs, execution=ChunkExecution(1), horizon=FAMILY.horizon("push")))
    assert not any(trace.error for trace in found), [trace.error for trace in found]
    return sorted(found, key=lambda trace: trace.job.index)


def test_it_reaches_the_goal_from_every_start():
    found = traces(EXPERT, 20)
    assert sum(trace.success_step is not None for trace in found) >= 19
    assert np.mean([trace.progress for trace in found]) > 0.97


def test_an_episode_does_not_depend_on_who_runs_beside_it():
    for alone, beside in zip(traces(EXPERT, 4, num_slots=1), traces(EXPERT, 4), strict=True):
        np.testing.assert_array_equal(alone.actions, beside.actions)


def test_it_recovers_from_noise():
    found = traces(Noisy(EXPERT, FAMILY.embodiment(SPEC), 0.4), 5)
    assert np.mean([trace.progress for trace in found]) > 0.95
    assert all(np.any(trace.actions != trace.labels) for trace in found)


def test_actions_are_within_the_picture_and_not_far_from_the_agent():
    env = FAMILY.build(SPEC)
    (trace,) = traces(EXPERT, 1)
    env.reset(trace.job.start)
    for action in trace.actions:
        assert np.linalg.norm(action - env.privileged()["agent"]) < 46
        env.step(action)
    assert trace.actions.min() >= 0
    assert trace.actions.max() <= 512
