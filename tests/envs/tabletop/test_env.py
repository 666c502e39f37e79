import json

import numpy as np
import pytest

from praxia.core.errors import MismatchError, UnknownName
from praxia.core.types import EnvSpec, Query, Start
from praxia.envs import build, find_family
from praxia.envs.tabletop.tasks import TRAINED, UNTRAINED
from praxia.experts import find_expert

BODIES = ("tabletop-gantry", "tabletop-arm7", "tabletop-arm6-joints")


def begun(env_name: str, task: str, index: int = 0, *wrappers: str):
    env = build(EnvSpec(env_name, task, wrappers=wrappers))
    start = find_family(env_name).draw_start(task, "env", index)
    env.reset(start)
    return env, start


def act(env_name: str, env, step: int = 0):
    query = Query((env.observe(()),), "key", step, 0, env.privileged())
    return find_expert(env_name)(find_family(env_name).instructions).act([query], None)[0][0].chunk[0]


def solved(env_name: str, task: str, index: int, horizon: int = 100) -> bool:
    env, _ = begun(env_name, task, index)
    outcomes = []
    for step in range(horizon):
        outcomes.append(env.command(act(env_name, env, step)))
        if outcomes[-1].success:
            break
    assert sum(outcome.reward for outcome in outcomes) == pytest.approx(1.0) or not outcomes[-1].success
    return outcomes[-1].success


@pytest.mark.parametrize("task", [*TRAINED, *UNTRAINED, "touch-heights", "place-combinations", "push-distractors"])
def test_a_goal_is_reached_by_the_expert_and_not_before(task):
    """The goal can be reached, because the expert reaches it, and does not hold in the initial scene."""
    for index in range(10):
        env, _ = begun("tabletop-gantry", task, index)
        embodiment = env.embodiment
        still = np.zeros(embodiment.action_dim, np.float32)
        still[-1] = -1.0
        assert not any(env.command(still).success for _ in range(10))
    assert sum(solved("tabletop-gantry", task, index) for index in range(10)) >= 9


@pytest.mark.parametrize("task", ["chain-2", "chain-3"])
def test_a_chain_counts_its_parts_in_order(task):
    env, start = begun("tabletop-gantry", task)
    rewards = []
    for step in range(300):
        outcome = env.command(act("tabletop-gantry", env, step))
        rewards.append(outcome.reward)
        if outcome.success:
            break
    assert outcome.success
    parts = [reward for reward in rewards if reward]
    assert parts == pytest.approx([1 / len(start.payload["goals"])] * len(start.payload["goals"]))


def test_a_later_part_alone_is_no_progress():
    """The expert of a chain's last part, in the chain's own scene, makes no progress while the first is not done."""
    start = next(
        start
        for start in (find_family("tabletop-gantry").draw_start("chain-2", "order", at) for at in range(50))
        if [goal["verb"] for goal in start.payload["goals"]] == ["touch", "press"]
    )
    backwards = Start(start.env, start.task, {**start.payload, "goals": start.payload["goals"][::-1]})
    env, teacher = (build(EnvSpec("tabletop-gantry", "chain-2")) for _ in range(2))
    env.reset(start)
    teacher.reset(backwards)
    for _ in range(14):
        action = act("tabletop-gantry", teacher)
        teacher.command(action)
        assert env.command(action).reward == 0


@pytest.mark.parametrize("env_name", BODIES)
def test_an_episode_is_the_same_after_json_and_in_a_used_environment(env_name):
    embodiment = find_family(env_name).embodiment(EnvSpec(env_name, "place"))
    actions = np.random.default_rng(0).uniform(-2, 2, (20, embodiment.action_dim)).astype(np.float32)

    def run(env, start):
        env.reset(start)
        for action in actions:
            env.command(action)
        return env.snapshot()

    family = find_family(env_name)
    start = family.draw_start("place", "env", 0)
    fresh = run(build(EnvSpec(env_name, "place")), start)
    used = build(EnvSpec(env_name, "place"))
    run(used, family.draw_start("touch", "env", 1))
    value = json.loads(json.dumps(start.to_json()))
    assert run(used, Start(**value)) == fresh


@pytest.mark.parametrize("env_name", BODIES)
def test_a_snapshot_restores_bit_for_bit(env_name):
    env, _ = begun(env_name, "chain-2")
    for step in range(25):
        env.command(act(env_name, env, step))
    snapshot = env.snapshot()

    def go_on():
        outcomes = [env.command(act(env_name, env, step)) for step in range(25, 60)]
        return outcomes, env.snapshot()

    first = go_on()
    env.restore(snapshot)
    assert env.snapshot() == snapshot
    assert go_on() == first


def test_a_snapshot_of_another_episode_is_refused():
    env, _ = begun("tabletop-gantry", "touch", 0)
    other, _ = begun("tabletop-gantry", "touch", 1)
    with pytest.raises(MismatchError, match="own start"):
        env.restore(other.snapshot())
    with pytest.raises(MismatchError, match="tabletop-gantry"):
        env.reset(Start("metaworld", "touch", {}))


def test_actions_beyond_the_range_are_clipped():
    first, _ = begun("tabletop-gantry", "touch")
    second, _ = begun("tabletop-gantry", "touch")
    first.command(np.array([50, -50, 0, 9], np.float32))
    second.command(np.array([2, -2, 0, 1], np.float32))
    assert first.snapshot() == second.snapshot()


def test_the_hand_follows_its_commands():
    env, _ = begun("tabletop-gantry", "touch")
    before = env.observe(()).state[:3].copy()
    for _ in range(5):
        env.command(np.array([1.0, -1.0, 0.5, -1.0], np.float32))
    for _ in range(3):
        env.command(np.array([0, 0, 0, -1.0], np.float32))
    np.testing.assert_allclose(env.observe(()).state[:3] - before, [0.05, -0.05, 0.025], atol=2e-3)


@pytest.mark.gl
def test_images_are_of_the_scene_and_of_the_requested_camera():
    env, start = begun("tabletop-gantry", "touch")
    seen = env.observe(("front", "wrist"))
    assert seen.images["front"].shape == seen.images["wrist"].shape == (64, 64, 3)
    assert np.any(seen.images["front"] != seen.images["wrist"])
    assert seen.instruction == start.payload["instruction"]
    again = build(EnvSpec("tabletop-gantry", "touch"))
    again.reset(find_family("tabletop-gantry").draw_start("touch", "env", 1))
    again.observe(("front",))
    again.reset(start)  # another scene was drawn in between: nothing of it stays
    np.testing.assert_array_equal(again.observe(("front",)).images["front"], seen.images["front"])
    with pytest.raises(UnknownName, match="front"):
        env.observe(("side",))


@pytest.mark.gl
def test_every_table_is_rendered_with_its_own_texture():
    """Scenes share one upload of textures: the image must show the texture that the scene names."""
    tops: dict[str, list[np.ndarray]] = {}
    for index in range(40):
        env, start = begun("tabletop-gantry", "touch", index)
        tops.setdefault(start.payload["scene"]["table"], []).append(env.observe(("front",)).images["front"][-12:, 4:-4])
    means = {name: np.mean([top.reshape(-1, 3).mean(0) for top in found], axis=0) for name, found in tops.items()}
    assert set(means) == {"oak", "felt", "stone"}
    assert means["oak"][0] > means["oak"][2] + 30  # brown
    assert means["felt"][2] > means["felt"][0]  # bluish
    assert means["stone"].min() > means["felt"].max()  # pale


def test_the_other_instruction_does_not_change_success():
    env, start = begun("tabletop-gantry", "press", 0, "other-instruction")
    assert env.observe(()).instruction == start.payload["other"]["instruction"]
    # The expert reads the goal, not the instruction.
    assert any(env.command(act("tabletop-gantry", env, step)).success for step in range(40))


def test_restoring_a_stable_snapshot_ends_an_instability():
    env, _ = begun("tabletop-gantry", "touch")
    snapshot = env.snapshot()
    env.data.qvel[:] = np.nan
    with pytest.raises(RuntimeError, match="unstable"):
        env.command(np.zeros(4, np.float32))
    env.restore(snapshot)
    env.command(np.zeros(4, np.float32))
