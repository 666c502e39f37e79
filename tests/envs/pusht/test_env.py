import hashlib
import json
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from gym_pusht.envs.pusht import PushTEnv

from praxia.core.errors import MismatchError, PraxiaError, UnknownName
from praxia.core.types import EnvSpec, Start
from praxia.envs import build, find_family
from praxia.envs.snapshots import decode_snapshot
from praxia.evaluation.benchmarks import find_benchmark
from praxia.evaluation.plan import Evaluation, plan

FAMILY = find_family("pusht")


def with_heading(seen):
    """The package's observation with the cosine and sine of its angle."""
    return [*seen[:4], np.cos(seen[4]), np.sin(seen[4])]


def begun(index: int = 0):
    env = build(EnvSpec("pusht", "push", size=96))
    env.reset(FAMILY.draw_start("push", "env", index))
    return env


def chase(env, num: int):
    """Push the block around: move at its present position, with some noise."""
    rng = np.random.default_rng(0)
    outcomes = []
    for _ in range(num):
        block = env.privileged()["block"][:2]
        outcomes.append(env.command((block + rng.normal(0, 60, 2)).astype(np.float32)))
    return outcomes


def episode_hash() -> str:
    env = begun()
    chase(env, 40)
    return hashlib.sha256(env.snapshot() + env.privileged()["block"].tobytes()).hexdigest()


def test_it_is_the_packages_environment():
    """The same unturned start in the package's own reset gives the same poses, rewards and images."""
    stock, legacy = PushTEnv(), np.array([150, 160, 210, 300, 2.5])
    stock.reset(options={"reset_to_state": legacy})
    cos, sin = np.cos(2.5), np.sin(2.5)
    gravity = np.array([0, 45])
    block = legacy[2:4] + gravity - np.array([[cos, -sin], [sin, cos]]) @ gravity
    env = begun()
    env.reset(Start("pusht", "push", {"agent": [150, 160], "block": [*block, 2.5]}))
    rng, rewards = np.random.default_rng(1), []
    for _ in range(60):
        np.testing.assert_allclose(env.observe(()).state, with_heading(stock.get_obs()), atol=1e-3)
        action = (stock.get_obs()[2:4] + rng.normal(0, 60, 2)).clip(0, 512).astype(np.float32)
        outcome, theirs = env.command(action), stock.step(action.astype(np.float64))
        rewards.append(outcome.reward)
        assert outcome.reward == pytest.approx(theirs[1], abs=1e-6)
        assert (outcome.terminated, outcome.success) == (theirs[2], theirs[4]["is_success"])
        assert outcome.progress == max(rewards)
    assert max(rewards) > min(rewards)
    difference = env.observe(("top",)).images["top"].astype(int) - stock._render()
    assert np.abs(difference).max() <= 40  # an edge may fall on the next pixel
    assert np.mean(difference != 0) < 0.01


def test_a_block_at_its_goal_is_success_and_ends_the_episode():
    env = begun()
    env.reset(Start("pusht", "push", {"agent": [50, 50], "block": [256, 256, np.pi / 4]}))
    outcome = env.command(np.array([50, 50], np.float32))
    assert outcome.success
    assert outcome.terminated
    assert outcome.reward == outcome.progress == 1.0


@pytest.mark.parametrize("index", range(3))
def test_the_block_is_at_the_start_and_the_goal_is_not_reached(index):
    env, start = begun(index), FAMILY.draw_start("push", "env", index)
    privileged = env.privileged()
    np.testing.assert_allclose(privileged["agent"], start.payload["agent"])
    np.testing.assert_allclose(privileged["block"], start.payload["block"], atol=1e-6)
    state = env.observe(()).state
    assert state.dtype == np.float32
    angle = start.payload["block"][2]
    np.testing.assert_allclose(state[4:], [np.cos(angle), np.sin(angle)], atol=1e-5)


def test_an_episode_is_the_same_after_json_and_in_a_used_environment():
    used = begun(1)
    chase(used, 30)
    used.reset(Start(**json.loads(json.dumps(FAMILY.draw_start("push", "env", 0).to_json()))))
    fresh = begun(0)
    assert chase(used, 40) == chase(fresh, 40)
    assert used.snapshot() == fresh.snapshot()


def test_an_episode_is_the_same_in_another_process():
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import test_env as here\n"
    code += "print(here.episode_hash())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == episode_hash() + "\n", "and nothing greets on stdout"


def test_a_snapshot_restored_elsewhere_continues_bit_for_bit():
    first, second = begun(), begun()
    chase(first, 25)
    snapshot, seen = first.snapshot(), first.observe(())
    second.restore(snapshot)
    assert second.snapshot() == snapshot
    assert second.observe(()).time_s == seen.time_s == 2.5
    assert chase(first, 30) == chase(second, 30)
    np.testing.assert_array_equal(first.privileged()["block"], second.privileged()["block"])
    assert decode_snapshot(snapshot)[1]["actions"].shape == (25, 2)


def test_positions_velocities_and_angles_are_not_the_complete_state():
    """Why a snapshot contains actions: a space that gets all that can be read continues a little differently."""
    first, second = begun(), begun()
    chase(first, 25)
    theirs, ours = first._stock, second._stock
    for name in ("agent", "block"):
        read, written = getattr(theirs, name), getattr(ours, name)
        written.angle, written.angular_velocity = read.angle, read.angular_velocity
        written.position, written.velocity = read.position, read.velocity
    np.testing.assert_allclose(second.privileged()["block"], first.privileged()["block"], atol=1e-12)
    actions = [first.privileged()["block"][:2].astype(np.float32)] * 10
    for action in actions:
        first.command(action)
        second.command(action)
    apart = np.abs(second.privileged()["block"] - first.privileged()["block"])
    assert 1e-9 < apart.max() < 2.0


def shown(index: int = 0, split: str = "test"):
    env = build(EnvSpec("pusht", "as-shown", size=32))
    start = FAMILY.draw_start("as-shown", split, index)
    env.reset(start)
    return env, start


def test_a_shown_goal_is_what_the_camera_would_see_there():
    env, start = shown()
    seen = env.observe(("top", "goal")).images
    there = build(EnvSpec("pusht", "push", size=32))
    there.reset(Start("pusht", "push", start.payload["goal"]))
    np.testing.assert_array_equal(seen["goal"], there.observe(("top",)).images["top"])
    assert not np.array_equal(seen["goal"], seen["top"])
    assert [camera.name for camera in env.embodiment.cameras] == ["top", "goal"]
    np.testing.assert_allclose(env.privileged()["goal"], start.payload["goal"]["block"], atol=1e-6)
    env.command(np.array([100, 100], np.float32))
    np.testing.assert_array_equal(env.observe(("goal",)).images["goal"], seen["goal"])


@pytest.mark.parametrize(
    ("agent", "x", "angle", "success"),
    [(0, 0, 0, True), (15, 0, 0, True), (25, 0, 0, False), (13, 17, 0, False), (0, 0, 0.3, True), (0, 0, 0.4, False)],
)
def test_a_shown_goal_is_reached_as_dino_wm_says(agent, x, angle, success):
    """Within 20 px of agent and T together, and 20 degrees; a whole turn more is the same angle."""
    env, _ = shown()
    pose = {"agent": [100.0, 100.0], "block": [300.0, 300.0, 1.0]}
    goal = {"agent": [100.0 + agent, 100.0], "block": [300.0 + x, 300.0, 1.0 + angle + 2 * np.pi]}
    env.reset(Start("pusht", "as-shown", {**pose, "goal": goal}))
    outcome = env.command(np.array([100, 100], np.float32))
    assert outcome.success == success
    assert not outcome.terminated
    assert outcome.reward == pytest.approx(0, abs=1e-3)
    moved = env.command(np.array([100 + 2 * max(agent, 20), 100], np.float32))
    assert (moved.reward > 0) == (agent > 0)


def test_splits_with_a_shown_goal_have_no_start_in_common():
    counts = {"test": 100, "train-0": 50, "train-1": 50, "fresh": 50, "fresh-1": 50}
    drawn = {
        split: [FAMILY.draw_start("as-shown", split, index).key for index in range(count)]
        for split, count in counts.items()
    }
    assert {split: len(set(keys)) for split, keys in drawn.items()} == counts
    for one, other in combinations(("test", "train-0", "fresh"), 2):
        assert not set(drawn[one]) & set(drawn[other])
    for seed in ("train", "fresh"):
        first, second = (keys for split, keys in drawn.items() if split.startswith(seed))
        assert set(first) == set(second)
        assert first != second


def test_starts_with_a_shown_goal_begin_again_after_the_last_one():
    """A learner draws any number; an evaluation needs different ones."""
    for split, count in (("test", 100), ("train-0", 50)):
        first = FAMILY.draw_start("as-shown", split, 7)
        assert first == FAMILY.draw_start("as-shown", split, 7 + count * 10**6)
    benchmark = find_benchmark("pusht/as-shown")
    assert len(plan(Evaluation(benchmark, "", episodes=100), FAMILY)) == 100
    with pytest.raises(PraxiaError, match="as 'pusht/as-shown' has different starts of each task, got 101"):
        plan(Evaluation(benchmark, "", episodes=101), FAMILY)


def test_a_snapshot_of_an_episode_with_a_shown_goal_continues_bit_for_bit():
    (first, _), (second, _) = shown(), shown()
    chase(first, 10)
    second.restore(first.snapshot())
    assert chase(first, 10) == chase(second, 10)


def test_foreign_starts_snapshots_and_names_are_refused():
    env = begun(0)
    with pytest.raises(MismatchError, match="own start"):
        env.restore(begun(1).snapshot())
    with pytest.raises(MismatchError, match="pusht/push"):
        env.reset(Start("metaworld", "push", {}))
    with pytest.raises(UnknownName, match="top"):
        env.observe(("front",))
    with pytest.raises(UnknownName, match="nearest: push"):
        build(EnvSpec("pusht", "psuh"))


def test_actions_beyond_the_image_are_clipped():
    first, second = begun(), begun()
    first.command(np.array([600, -50], np.float32))
    second.command(np.array([512, 0], np.float32))
    assert first.snapshot() == second.snapshot()


def test_an_image_has_the_requested_size_and_shows_the_agent():
    env = begun()
    image = env.observe(("top",)).images["top"]
    assert image.shape == (96, 96, 3)
    assert image.dtype == np.uint8
    x, y = (env.privileged()["agent"] * 96 / 512).astype(int)
    assert image[y, x].argmax() == 2  # royal blue
    assert not env.observe(()).images


def test_starts_are_a_function_of_their_index():
    starts = [FAMILY.draw_start("push", split, index) for split in ("test", "train-0") for index in range(50)]
    assert len({start.key for start in starts}) == 100
    assert starts[7] == FAMILY.draw_start("push", "test", 7)
