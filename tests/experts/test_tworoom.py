import numpy as np
import pytest

from praxia.core.types import ChunkExecution, EnvSpec
from praxia.envs import find_family
from praxia.experts import find_expert
from praxia.experts.injected_failures import InjectedNoise
from praxia.rollout.loop import rollout
from praxia.rollout.slots import LocalSlots
from praxia.rollout.types import Job

FAMILY = find_family("tworoom")
EXPERT = find_expert("tworoom")(FAMILY.instructions)


def success_steps(policy, task, num):
    spec = EnvSpec("tworoom", task)
    jobs = [
        Job(spec, start, start.key, index)
        for index, start in enumerate(FAMILY.draw_start(task, "expert", index) for index in range(num))
    ]
    slots = LocalSlots(3, FAMILY.build)
    found = rollout(policy, slots, jobs, execution=ChunkExecution(1), horizon=FAMILY.horizon(task))
    return [trajectory.success_step for trajectory in found]


@pytest.mark.parametrize("task", ["any", "same-room", "through-door"])
def test_it_reaches_every_goal(task):
    steps = success_steps(EXPERT, task, 15)
    assert None not in steps
    if task != "any":
        # 25 steps at 1 m/s, 31 at its own speed; the last 0.2 m need not be driven.
        assert 27 <= np.min(steps) <= np.max(steps) <= 32


def test_it_recovers_from_noise():
    noisy = InjectedNoise(EXPERT, FAMILY.embodiment(EnvSpec("tworoom", "any")), 0.4)
    assert None not in success_steps(noisy, "any", 15)
