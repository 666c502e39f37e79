import numpy as np
import pytest

from praxia.core.types import ChunkExecution, EnvSpec, Query
from praxia.envs import find_family
from praxia.envs.tabletop.tasks import TRAINED, UNTRAINED
from praxia.experts import find_expert
from praxia.experts.injected_failures import InjectedFailures, InjectedNoise
from praxia.rollout.loop import rollout
from praxia.rollout.slots import LocalSlots
from praxia.rollout.types import Job

EMBODIMENTS = ("tabletop-gantry", "tabletop-arm6", "tabletop-arm7", "tabletop-arm6-joints", "tabletop-arm7-joints")
STARTS = 3


def successes(env: str, tasks, split: str, disturb=lambda expert, embodiment: expert) -> int:
    family = find_family(env)
    embodiment = family.embodiment(EnvSpec(env, tasks[0]))
    expert = disturb(find_expert(env)(family.instructions), embodiment)
    jobs = [
        Job(EnvSpec(env, task), family.draw_start(task, split, index), f"{task}/{index}", index)
        for task in tasks
        for index in range(STARTS)
    ]
    slots = LocalSlots(2, family.build)
    trajectories = list(
        rollout(expert, slots, jobs, execution=ChunkExecution(1), horizon=max(map(family.horizon, tasks)))
    )
    assert all(trajectory.error is None for trajectory in trajectories), [
        trajectory.error for trajectory in trajectories
    ]
    return sum(trajectory.success_step is not None for trajectory in trajectories)


@pytest.mark.parametrize("env", EMBODIMENTS)
def test_one_expert_does_every_task_with_every_embodiment(env):
    tasks = (*TRAINED, *UNTRAINED)
    assert successes(env, tasks, "expert") >= STARTS * len(tasks) - 1


@pytest.mark.parametrize("env", ["tabletop-gantry", "tabletop-arm7", "tabletop-arm6-joints"])
def test_it_recovers_from_noise_and_injected_failures(env):
    def disturb(expert, embodiment):
        return InjectedFailures(InjectedNoise(expert, embodiment, 0.15), embodiment)

    assert successes(env, TRAINED, "recovery", disturb) >= STARTS * len(TRAINED) - 2


def test_it_decides_by_the_present_timestep_alone():
    """After other actions it decides as if the episode had just begun there."""
    family = find_family("tabletop-gantry")
    env = family.build(EnvSpec("tabletop-gantry", "pick"))
    env.reset(family.draw_start("pick", "present", 0))
    expert = find_expert("tabletop-gantry")(family.instructions)
    rng = np.random.default_rng(0)
    for step in range(20):
        query = Query((env.observe(()),), "episode", step, 0, env.privileged())
        used, fresh = (one.act([query], None)[0][0].chunk for one in (expert, find_expert("tabletop-gantry")({})))
        np.testing.assert_array_equal(used, fresh)
        env.command(rng.uniform(-2, 2, 4).astype(np.float32))


def test_joint_targets_stay_near_those_commanded_and_within_range():
    family = find_family("tabletop-arm7-joints")
    env = family.build(EnvSpec("tabletop-arm7-joints", "place"))
    env.reset(family.draw_start("place", "joints", 0))
    expert = find_expert("tabletop-arm7-joints")(family.instructions)
    for step in range(30):
        privileged = env.privileged()
        action = expert.act([Query((env.observe(()),), "episode", step, 0, privileged)], None)[0][0].chunk[0]
        assert action.shape == (8,)
        assert np.abs(action[:7] - privileged["joint_targets"]).max() < 0.3
        env.command(action)
