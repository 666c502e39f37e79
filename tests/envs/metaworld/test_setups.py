"""Public setups of Meta-World, against the package itself used as the public code uses it."""

import subprocess
import sys
import warnings
from collections import OrderedDict
from pathlib import Path
from typing import Any

import cv2
import metaworld
import numpy as np
import pytest
from gymnasium.utils import seeding
from metaworld.env_dict import ALL_V3_ENVIRONMENTS, ENV_CLS_MAP, MT50_V3, MT50_V3_ARGS_KWARGS

from praxia.core.types import EnvSpec, Simulator
from praxia.envs import find_family
from praxia.envs.metaworld import evo1, lerobot, starvla

SETUPS = {module.SETUP.name: module.SETUP for module in (lerobot, evo1, starvla)}


def begun(family: str, task: str, index: int = 0, size: int = 64, profile: str = "fast") -> Simulator:
    env = find_family(family).build(EnvSpec(family, task, profile, size))
    env.reset(find_family(family).draw_start(task, "test", index))
    return env


def payloads(family: str, task: str, num: int) -> list[list[float]]:
    return [find_family(family).draw_start(task, "test", index).payload["rand_vec"] for index in range(num)]


@pytest.mark.parametrize("task", ["door-open", "push", "coffee-pull"])
def test_lerobots_starts_are_those_of_its_seeded_resets(task: str):
    """As `MetaworldEnv` of LeRobot does it, with one environment that is reused."""
    name = f"{task}-v3"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mt1 = metaworld.MT1(name, seed=42)
    theirs = mt1.train_classes[name]()
    theirs.set_task(mt1.train_tasks[0])
    theirs.reset()
    theirs._freeze_rand_vec = False
    theirs.seeded_rand_vec = True
    for index, ours in enumerate(payloads("metaworld-lerobot", task, 5)):
        theirs.seed(1000 + index)
        theirs.reset(seed=1000 + index)
        assert theirs._last_rand_vec.tolist() == ours


def test_evo1s_starts_are_those_of_the_packages_fifty_environments():
    """The first two of the fifty, made and reset as `gymnasium.make_vec("Meta-World/MT50", seed=4042)` does."""
    classes = OrderedDict(list(MT50_V3.items())[:2])
    kwargs = {name: MT50_V3_ARGS_KWARGS[name] for name in classes}
    tasks = metaworld._make_tasks(classes, kwargs, {"partially_observable": False}, seed=4042)
    for name, made in classes.items():
        env: Any = metaworld._init_each_env(made, [task for task in tasks if task.env_name == name], seed=4042)
        drawn = []
        for episode in range(12):
            env.reset(seed=4042 + episode)
            drawn.append(env.unwrapped._last_rand_vec.tolist())
        assert drawn == payloads("metaworld-evo1", name.removesuffix("-v3"), 12)


def test_a_start_that_is_drawn_twice_is_two_episodes():
    family = find_family("metaworld-evo1")
    starts = [family.draw_start("reach", "test", index) for index in range(10)]
    assert len({tuple(start.payload["rand_vec"]) for start in starts}) == 8, "as in the public evaluation"
    assert len({start.key for start in starts}) == 10
    assert payloads("metaworld-starvla", "reach", 10) == [start.payload["rand_vec"] for start in starts]


@pytest.mark.parametrize("family", SETUPS)
def test_demonstrations_never_use_a_public_start(family: str):
    draw = find_family(family).draw_start
    ours = [draw("push", "train-0", index).payload["rand_vec"] for index in range(10)]
    assert not [vector for vector in ours if vector in payloads(family, "push", 10)]
    assert draw("push", "train-0", 3).payload == find_family("metaworld").draw_start("push", "train-0", 3).payload
    assert draw("push", "train-0", 3).key != find_family("metaworld").draw_start("push", "train-0", 3).key


PACKAGE = """
import sys, warnings
import numpy as np
from metaworld.env_dict import ENV_CLS_MAP
warnings.simplefilter("ignore")
out, vector, moved = sys.argv[1], np.array(eval(sys.argv[2])), sys.argv[3] == "moved"
env = ENV_CLS_MAP["push-v3"](render_mode="rgb_array", camera_name="corner2")
env._set_task_called, env._last_rand_vec = True, vector
if moved:
    env.model.cam_pos[2] = [0.75, 0.075, 0.7]
env.reset()
if not moved:
    env.step(np.zeros(4, np.float32))
np.save(out, env.render())
"""


def package_image(out: Path, rand_vec: list[float], camera: str) -> np.ndarray:
    """What the package renders, in a separate process: two owners of OpenGL conflict in one."""
    subprocess.run([sys.executable, "-c", PACKAGE, str(out), repr(rand_vec), camera], check=True, capture_output=True)
    return np.load(out)


@pytest.mark.gl
def test_lerobots_image_is_the_packages_to_the_last_bit(tmp_path: Path):
    env = begun("metaworld-lerobot", "push", size=480, profile="default")
    theirs = package_image(tmp_path / "x.npy", payloads("metaworld-lerobot", "push", 1)[0], "moved")
    np.testing.assert_array_equal(env.observe(("corner2",)).images["corner2"], np.flip(theirs, (0, 1)))


@pytest.mark.gl
def test_evo1s_and_starvlas_images_are_the_packages_turned_cropped_and_resized(tmp_path: Path):
    theirs = package_image(tmp_path / "x.npy", payloads("metaworld-evo1", "push", 1)[0], "stock")
    cropped = np.ascontiguousarray(cv2.rotate(theirs, cv2.ROTATE_180)[80:400, 80:400])
    for family, size in (("metaworld-evo1", 448), ("metaworld-starvla", 224)):
        ours = begun(family, "push", size=size, profile="default").observe(("corner2",)).images["corner2"]
        expected = cv2.resize(cropped, (size, size), interpolation=cv2.INTER_LINEAR)
        assert np.abs(ours.astype(int) - expected).max() <= 1


@pytest.mark.gl
@pytest.mark.parametrize("family", SETUPS)
def test_images_are_upright(family: str):
    """Bright floor and grey room lie above the brown table, at the right edge as at the bottom."""
    image = begun(family, "reach", size=96).observe(("corner2",)).images["corner2"].astype(int)
    top, bottom = image[:8, -30:].mean((0, 1)), image[-20:, 40:60].mean((0, 1))
    assert abs(top[0] - top[2]) < 15
    assert bottom[0] - bottom[2] > 20


def test_states_are_the_first_numbers_of_the_observation():
    for family, length in (("metaworld-lerobot", 4), ("metaworld-evo1", 8), ("metaworld-starvla", 4)):
        env = begun(family, "push")
        seen, privileged = env.observe(()), env.privileged()
        np.testing.assert_array_equal(seen.state, privileged["observation"][:length].astype(np.float32))
        assert env.embodiment.state_dim == length
        assert seen.time_s == 0


def test_evo1s_first_observation_follows_an_idle_step():
    stock = ENV_CLS_MAP["push-v3"]()
    stock._set_task_called, stock._last_rand_vec = True, np.array(payloads("metaworld-evo1", "push", 1)[0])
    stock.reset()
    observation = stock.step(np.zeros(4, np.float32))[0]
    np.testing.assert_allclose(begun("metaworld-evo1", "push").observe(()).state, observation[:8], atol=1e-6)


def test_public_instructions_differ_except_for_two_of_lerobots():
    assert set(lerobot.INSTRUCTIONS) == set(evo1.INSTRUCTIONS) == {name[:-3] for name in ALL_V3_ENVIRONMENTS}
    assert len(set(lerobot.INSTRUCTIONS.values())) == 49
    assert lerobot.INSTRUCTIONS["push"] == lerobot.INSTRUCTIONS["push-back"] == "Push the puck to a goal"
    assert len(set(evo1.INSTRUCTIONS.values())) == 50
    assert begun("metaworld-lerobot", "push-back").observe(()).instruction == "Push the puck to a goal"


def test_snapshots_after_an_idle_step_restore_bit_for_bit():
    first, second = begun("metaworld-evo1", "push"), begun("metaworld-evo1", "push")
    action = seeding.np_random(0)[0].uniform(-1, 1, 4).astype(np.float32)
    for _ in range(5):
        first.command(action)
    second.restore(first.snapshot())
    assert first.command(action) == second.command(action)
    assert first.snapshot() == second.snapshot()
