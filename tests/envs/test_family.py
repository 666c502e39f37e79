import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from praxia.core.errors import MismatchError, UnknownName
from praxia.core.simulator import expect_simulator, flat_privileged
from praxia.core.types import EnvSpec
from praxia.envs import ENVS, find_family


def test_importing_the_package_imports_no_simulator():
    code = (
        "import sys, praxia.envs, praxia.envs.wrappers\n"
        "print([name for name in ('mujoco', 'metaworld', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", [name for name in ENVS if name.startswith("metaworld")])
def test_families_are_picklable(name: str):
    family = find_family(name)
    copy = pickle.loads(pickle.dumps(family))  # noqa: S301
    spec = EnvSpec(name, "door-open", size=80)
    assert copy.name == family.name == name
    assert copy.draw_start("door-open", "test", 2) == family.draw_start("door-open", "test", 2)
    assert copy.embodiment(spec) == family.embodiment(spec) == copy.build(spec).embodiment


def test_a_family_knows_embodiments_and_starts_without_building():
    family = find_family("metaworld")
    embodiment = family.embodiment(EnvSpec("metaworld", "door-open", size=80))
    assert (embodiment.state_dim, embodiment.action_dim, embodiment.control_hz) == (4, 4, 80.0)
    assert [(camera.name, camera.width, camera.height) for camera in embodiment.cameras] == [
        ("workspace", 80, 80),
        ("hand", 80, 80),
    ]
    assert family.draw_start("door-open-v3", "test", 0) == family.draw_start("door-open", "test", 0)


@pytest.mark.gl
def test_provenance_names_the_renderer_and_hashes_the_assets():
    provenance = find_family("metaworld").provenance()
    assert len(provenance["assets_sha256"]) == len(provenance["golden_frame_sha256"]) == 64
    assert provenance["gl_vendor"]


def test_an_unknown_family_is_refused():
    with pytest.raises(UnknownName, match="nearest: metaworld"):
        find_family("meta-world")


@pytest.mark.parametrize("name", list(ENVS))
def test_privileged_state_has_the_declared_layout(name: str):
    family = find_family(name)
    task = family.train_tasks[0]
    env = expect_simulator(family.build(EnvSpec(name, task)), "this test")
    env.reset(family.draw_start(task, "test", 0))
    known = env.privileged()
    assert flat_privileged(known, env.privileged_layout).shape == (sum(env.privileged_layout.values()),)
    # Only texts are left out.
    assert {key for key, value in known.items() if value.dtype.kind != "U"} == set(env.privileged_layout)
    env.close()


@pytest.mark.parametrize("name", list(ENVS))
def test_every_family_declares_its_rewards(name: str):
    family = find_family(name)
    for task in family.instructions:
        about = family.reward(EnvSpec(name, task))
        assert about.low < about.high
        assert about.horizon >= family.horizon(task)


@pytest.mark.parametrize("name", ["bimodal", "metaworld", "pusht", "tabletop-gantry", "tworoom"])
def test_rewards_are_as_declared(name: str):
    """Under random actions: every reward within its range, nothing terminated without a reason, at most the horizon."""
    family = find_family(name)
    assert family.rewards is not None
    # One task of each declaration, whatever its horizon.
    tasks: dict[tuple[object, ...], str] = {}
    for task in family.instructions:
        key = tuple((one.meaning, one.low, one.high, one.terminates) for one in family.rewards(task).values())
        tasks.setdefault(key, task)
    for one, reward in ((at, reward) for at in tasks.values() for reward in family.rewards(at)):
        declared = family.rewards(one)
        spec = EnvSpec(name, one, options={"reward": reward} if len(declared) > 1 else {})
        about = family.reward(spec)
        assert about == declared[reward]
        env, rng = family.build(spec), np.random.default_rng(0)
        env.reset(family.draw_start(one, "test", 0))
        low, high = env.embodiment.action_range
        outcomes = [env.command(rng.uniform(low, high).astype(np.float32)) for _ in range(40)]
        assert all(about.low <= outcome.reward <= about.high for outcome in outcomes)
        assert about.terminates or not any(outcome.terminated for outcome in outcomes)
        assert len(outcomes) < about.horizon
        env.close()


def test_a_family_without_rewards_is_refused():
    with pytest.raises(MismatchError, match="expected a declaration of the rewards of 'bimodal'"):
        replace(find_family("bimodal"), rewards=None).reward(EnvSpec("bimodal", "pass"))


@pytest.mark.gl
@pytest.mark.parametrize("name", ["bimodal", "pusht", "metaworld", "metaworld-evo1", "tabletop-gantry"])
def test_each_camera_has_a_size_of_its_own(name: str):
    """Wider images show more to both sides; of worlds that are squares, and of published crops, between black bars."""
    family = find_family(name)
    task = family.train_tasks[0]
    plain = EnvSpec(name, task, size=32)
    cameras = [camera.name for camera in family.embodiment(plain).cameras]
    sizes = {camera: (32, 48 + 16 * at) for at, camera in enumerate(cameras)}
    spec = EnvSpec(name, task, size=32, sizes=sizes)
    images = []
    for one in (plain, spec):
        env = family.build(one)
        assert env.embodiment == family.embodiment(one)
        env.reset(family.draw_start(task, "test", 0))
        images.append(env.observe(cameras).images)
        env.close()
    for camera, (height, width) in sizes.items():
        square, wide = (one[camera] for one in images)
        assert (square.shape, wide.shape) == ((32, 32, 3), (height, width, 3))
        edge = (width - 32) // 2
        np.testing.assert_allclose(wide[:, edge:-edge].astype(int), square, atol=2)
