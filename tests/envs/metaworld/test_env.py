import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from praxia.core.errors import MismatchError, UnknownName
from praxia.core.keys import generator
from praxia.core.types import EnvSpec, Outcome
from praxia.envs.metaworld.env import MetaWorld
from praxia.envs.metaworld.starts import draw_start
from praxia.envs.snapshots import decode_snapshot, encode_snapshot

# Objects that move, doors, buttons with springs, and live positions kept as attributes.
TASKS = ("door-open", "peg-insert-side", "coffee-button", "box-close", "stick-pull", "hammer")


def actions(num: int) -> np.ndarray:
    return generator("test actions").uniform(-1, 1, (num, 4)).astype(np.float32)


def follow(env: MetaWorld, steps: Sequence[np.ndarray]) -> list[tuple[Outcome, bytes]]:
    return [(env.command(action), env.snapshot()) for action in steps]


def make(task: str, **options) -> MetaWorld:
    return MetaWorld(EnvSpec("metaworld", task, **options))


def episode_hash(task: str) -> str:
    env = make(task)
    env.reset(draw_start(task, "test", 0))
    return hashlib.sha256(b"".join(state for _, state in follow(env, actions(20)))).hexdigest()


@pytest.mark.parametrize("task", TASKS)
def test_an_episode_is_the_same_whatever_ran_before(task):
    fresh, used = make(task), make(task)
    for index in (1, 2):
        used.reset(draw_start(task, "test", index))
        follow(used, actions(15))
    start = draw_start(task, "test", 0)
    fresh.reset(start)
    used.reset(start)
    assert fresh.snapshot() == used.snapshot()
    assert follow(fresh, actions(25)) == follow(used, actions(25))


def test_an_episode_is_the_same_in_another_process():
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import test_env as here\n"
    code += "print(here.episode_hash('peg-insert-side'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == episode_hash("peg-insert-side")


@pytest.mark.parametrize("task", TASKS)
def test_a_snapshot_restored_elsewhere_continues_bit_for_bit(task):
    start = draw_start(task, "test", 5)
    first = make(task)
    first.reset(start)
    middle = follow(first, actions(20))[-1][1]
    observation, seen = first.observe(()), first.privileged()["observation"]
    rest = follow(first, actions(20))

    second = make(task)
    second.reset(start)
    second.restore(middle)
    assert second.snapshot() == middle
    np.testing.assert_array_equal(second.privileged()["observation"], seen)
    np.testing.assert_array_equal(second.observe(()).state, observation.state)
    assert second.observe(()).time_s == observation.time_s == 20 / 80
    assert follow(second, actions(20)) == rest


def test_a_snapshot_is_small_and_contains_no_pickle():
    env = make("stick-pull")
    env.reset(draw_start("stick-pull", "test", 0))
    snapshot = follow(env, actions(10))[-1][1]
    assert len(snapshot) < 3000
    values, arrays = decode_snapshot(snapshot)
    assert values["attributes"]["curr_path_length"] == 10
    assert encode_snapshot(values, arrays) == snapshot


def test_a_snapshot_of_another_episode_is_refused():
    env = make("door-open")
    env.reset(draw_start("door-open", "test", 0))
    snapshot = env.snapshot()
    env.reset(draw_start("door-open", "test", 1))
    with pytest.raises(MismatchError, match="reset to the snapshot's own start"):
        env.restore(snapshot)


def test_a_start_of_another_task_is_refused():
    with pytest.raises(MismatchError, match="expected a start of metaworld/door-open, got one of metaworld/reach"):
        make("door-open").reset(draw_start("reach", "test", 0))


def test_unstable_physics_is_an_error_and_not_a_failure(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # MuJoCo writes a log where it stands
    env = make("door-open")
    env.reset(draw_start("door-open", "test", 0))
    values, arrays = decode_snapshot(env.snapshot())
    arrays["/state"][1:8] = 1e12
    env.restore(encode_snapshot(values, arrays))
    with pytest.raises(RuntimeError, match="physics of door-open became unstable"):
        env.command(np.zeros(4, np.float32))
    env.reset(draw_start("door-open", "test", 0))
    env.command(np.zeros(4, np.float32))


def test_the_state_is_hand_and_gripper_alone():
    env = make("push")
    states = []
    for index in range(2):
        env.reset(draw_start("push", "test", index))
        states.append(env.observe(()).state)
    np.testing.assert_array_equal(states[0], states[1])
    env.command(np.array([1, 0, 0, 1], np.float32))
    moved = env.observe(()).state
    assert moved.dtype == np.float32
    assert moved[0] > states[1][0]
    assert env.embodiment.state_dim == len(moved) == 4


def test_privileged_state_contains_the_goal():
    env, start = make("reach"), draw_start("reach", "test", 0)
    env.reset(start)
    observation = env.privileged()["observation"]
    assert observation.shape == (39,)
    np.testing.assert_allclose(observation[-3:], start.payload["rand_vec"][3:], atol=1e-12)


def test_the_first_observation_shows_the_true_positions():
    env = make("door-open")
    env.reset(draw_start("door-open", "test", 1))
    first = env.privileged()["observation"][4:7]
    env.reset(draw_start("door-open", "test", 2))
    env.reset(draw_start("door-open", "test", 1))
    env.command(np.zeros(4, np.float32))
    np.testing.assert_allclose(env.privileged()["observation"][4:7], first, atol=2e-3)


def test_actions_beyond_the_range_are_clipped():
    start, snapshots = draw_start("reach", "test", 0), []
    for action in ([3, -2, 1, 9], [1, -1, 1, 1]):
        env = make("reach")
        env.reset(start)
        env.command(np.array(action, np.float32))
        snapshots.append(env.snapshot())
    assert snapshots[0] == snapshots[1]


def test_unknown_names_are_refused():
    with pytest.raises(UnknownName, match="nearest: door-open"):
        make("door-opne")
    with pytest.raises(UnknownName, match="nearest: fast"):
        make("door-open", profile="fsat")
    env = make("door-open")
    env.reset(draw_start("door-open", "test", 0))
    with pytest.raises(UnknownName, match="nearest: workspace"):
        env.observe(("workspcae",))


def finger_px(image: np.ndarray) -> np.ndarray:
    """The middle of the one finger that is cyan."""
    red, green, blue = np.moveaxis(image.astype(int), -1, 0)
    pixels = np.argwhere((green > red + 60) & (blue > red + 60))
    assert len(pixels) > 5
    return pixels.mean(axis=0)


@pytest.mark.gl
def test_the_camera_on_the_hand_moves_with_it():
    env = make("reach", size=80)
    env.reset(draw_start("reach", "test", 0))
    before = env.observe(("workspace", "hand"))
    for _ in range(20):
        env.command(np.array([0.0, 1.0, 0.0, 0.0], np.float32))
    after = env.observe(("workspace", "hand"))
    assert after.state[1] - before.state[1] > 0.1, "metres"
    moved = {
        name: np.abs(finger_px(after.images[name]) - finger_px(before.images[name])).max() for name in before.images
    }
    assert moved["hand"] < 2
    assert moved["workspace"] > 5
