"""The dense reward of Tabletop: in its range, 1 at success and nowhere else, and larger on the way there."""

import numpy as np
import pytest

from praxia.core.errors import UnknownName
from praxia.core.types import ChunkExecution, EnvSpec
from praxia.envs import find_family
from praxia.envs.tabletop.tasks import TRAINED
from praxia.experts import find_expert
from praxia.rollout.loop import rollout
from praxia.rollout.slots import LocalSlots
from praxia.rollout.types import Job, Trajectory

ENV = "tabletop-gantry"
FAMILY = find_family(ENV)
OTHERS = ("open", "close", "flip", "stack", "push-to", "place-beside", "chain-2", "jump-reach", "path-follow")


def spec(task: str, **options: str) -> EnvSpec:
    return EnvSpec(ENV, task, options=options)


def of_expert(task: str, index: int, **options: str) -> Trajectory:
    expert, slots = find_expert(ENV)(FAMILY.instructions), LocalSlots(1, FAMILY.build)
    start = FAMILY.draw_start(task, "train-0", index)
    job = Job(spec(task, **options), start, start.key, 0)
    (trajectory,) = rollout(expert, slots, [job], execution=ChunkExecution(1), horizon=FAMILY.horizon(task))
    return trajectory


@pytest.mark.parametrize("task", [*TRAINED, *OTHERS])
def test_the_dense_reward_rises_to_1_at_success(task: str):
    trajectory = next(one for one in (of_expert(task, index, reward="dense") for index in range(4)) if one.success_ever)
    rewards = np.array([outcome.reward for outcome in trajectory.outcomes])
    succeeded = np.array([outcome.success for outcome in trajectory.outcomes])
    np.testing.assert_allclose(rewards[succeeded], 1)
    assert rewards.min() >= 0
    assert rewards[~succeeded].max() < 1
    assert rewards[-2] > rewards[0] + 0.1


def test_the_dense_reward_of_touch_is_nearness():
    env, start = FAMILY.build(spec("touch", reward="dense")), FAMILY.draw_start("touch", "test", 0)
    env.reset(start)
    for action in np.random.default_rng(0).uniform(-1, 1, (20, 4)).astype(np.float32):
        outcome, known = env.command(action), env.privileged()
        assert not outcome.success
        distance = np.sqrt(((known["grip"] - known["subject"]) ** 2).sum())
        assert outcome.reward == pytest.approx(0.9 * (1 - np.tanh(5 * distance)), abs=2e-3)


def test_chains_are_rewarded_for_the_goals_behind_them():
    trajectory = next(one for one in (of_expert("chain-2", i, reward="dense") for i in range(6)) if one.success_ever)
    for outcome in trajectory.outcomes:
        assert outcome.progress is not None
        assert outcome.progress <= outcome.reward <= outcome.progress + 0.45


def test_without_the_option_the_reward_is_the_progress():
    trajectory = of_expert("press", 0)
    rewards = [outcome.reward for outcome in trajectory.outcomes]
    assert sum(rewards) == trajectory.progress == 1
    assert set(rewards) == {0.0, 1.0}


def test_another_reward_is_refused():
    with pytest.raises(UnknownName, match="unknown reward of Tabletop 'densest'; nearest: dense"):
        FAMILY.build(spec("touch", reward="densest"))
    with pytest.raises(UnknownName, match="nearest: dense"):
        FAMILY.reward(spec("touch", reward="densest"))
    assert FAMILY.reward(spec("touch", reward="dense")).horizon == FAMILY.horizon("touch")
