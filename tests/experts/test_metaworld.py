import numpy as np
import pytest

from praxia.core.errors import UnknownName
from praxia.core.types import EnvSpec, Query, Start
from praxia.envs import find_family
from praxia.experts import find_expert
from praxia.experts.injected_failures import InjectedNoise

FAMILY = find_family("metaworld")
EXPERT = find_expert("metaworld")(FAMILY.instructions)
EMBODIMENT = FAMILY.embodiment(EnvSpec("metaworld", "door-open"))


def query(task: str = "door-open", key: str = "episode", step: int = 0) -> Query:
    env = FAMILY.build(EnvSpec("metaworld", task))
    env.reset(FAMILY.draw_start(task, "test", 0))
    return Query((env.observe(()),), key, step, 0, env.privileged())


def succeeds(policy, task: str, start: Start, steps: int = 250) -> bool:
    env = FAMILY.build(EnvSpec("metaworld", task))
    env.reset(start)
    carry = policy.start(1)
    for step in range(steps):
        decisions, carry = policy.act([Query((env.observe(()),), start.key, step, 0, env.privileged())], carry)
        if env.command(decisions[0].chunk[0]).success:
            return True
    return False


@pytest.mark.parametrize("task", ["door-open", "window-open", "button-press-topdown"])
def test_the_expert_solves_its_tasks(task):
    assert sum(succeeds(EXPERT, task, FAMILY.draw_start(task, "test", index)) for index in range(5)) >= 4


def test_every_task_has_an_expert_whose_actions_are_in_range():
    for task in FAMILY.instructions:
        (decision,), _ = EXPERT.act([query(task)], EXPERT.start(1))
        assert decision.chunk.shape == (1, 4)
        assert np.abs(decision.chunk).max() <= 1
        assert decision.valid.all()
        assert decision.label is None


def test_queries_of_several_tasks_are_answered_in_order():
    queries = [query("door-open"), query("reach"), query("hammer")]
    together, _ = EXPERT.act(queries, None)
    for one, decision in zip(queries, together, strict=True):
        np.testing.assert_array_equal(decision.chunk, EXPERT.act([one], None)[0][0].chunk)


def test_noise_changes_the_hand_but_neither_gripper_nor_label():
    clean = EXPERT.act([query()], None)[0][0].chunk
    decision = InjectedNoise(EXPERT, EMBODIMENT, 0.4).act([query()], None)[0][0]
    np.testing.assert_array_equal(decision.label, clean)
    assert np.any(decision.chunk[:, :3] != clean[:, :3])
    np.testing.assert_array_equal(decision.chunk[:, 3], clean[:, 3])
    assert np.abs(decision.chunk).max() <= 1


def test_noise_depends_on_episode_and_step_alone():
    noisy = InjectedNoise(EXPERT, EMBODIMENT, 0.1)
    queries = [query(key="a", step=3), query(key="b", step=3), query(key="a", step=4)]
    together = [decision.chunk.tobytes() for decision in noisy.act(queries, None)[0]]
    assert together == [noisy.act([one], None)[0][0].chunk.tobytes() for one in queries]
    assert len(set(together)) == 3


def test_noise_has_the_standard_deviation_sigma():
    one = query("reach")
    queries = [Query(one.history, "episode", step, 0, one.privileged) for step in range(2000)]
    decisions = InjectedNoise(EXPERT, EMBODIMENT, 0.05).act(queries, None)[0]
    clean = decisions[0].label
    assert clean is not None
    inside = np.abs(clean[0, :3]) < 0.7  # far enough from the range not to be clipped
    noise = np.array([decision.chunk[0, :3] - clean[0, :3] for decision in decisions])[:, inside]
    assert inside.any()
    assert abs(noise.mean()) < 0.005
    assert abs(noise.std() - 0.05) < 0.003


def test_without_an_expert_the_family_is_refused():
    with pytest.raises(UnknownName, match="nearest: metaworld"):
        find_expert("meta")
