"""Praxia's environments in gymnasium: its own checks, and what a learner relies on beyond them."""

import json
import subprocess
import sys
import warnings
from contextlib import closing

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import praxia.integrations.gymnasium as door
from praxia.core.errors import MismatchError, PraxiaError, UnknownName
from praxia.core.simulator import flat_privileged
from praxia.core.types import EnvSpec, Outcome, Simulator
from praxia.envs import ENVS, find_family
from praxia.integrations.gymnasium.env import PraxiaEnv

QUICK = ("bimodal", "pusht", "tabletop-gantry", "tabletop-arm6-joints", "tworoom")
BIMODAL = "praxia/bimodal-v0"


def test_each_family_is_registered():
    assert set(door.environment_ids()) >= {f"praxia/{name}-v0" for name in ENVS}
    assert set(door.environment_ids()) <= set(gymnasium.registry)


def test_registering_imports_no_simulator():
    code = (
        "import sys, json, praxia.integrations.gymnasium\n"
        "print(json.dumps([name for name in ('mujoco', 'metaworld', 'pymunk', 'torch') if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


@pytest.mark.gl
@pytest.mark.parametrize("name", [*QUICK, "metaworld"])
def test_gymnasium_finds_nothing_to_warn_of(name: str):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make(f"praxia/{name}-v0").unwrapped
        check_env(env)
        env.close()


@pytest.mark.gl
def test_images_are_observed_on_request():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make("praxia/tabletop-gantry-v0", cameras=("front",), size=32, observe="state").unwrapped
        check_env(env)
    observation, _ = env.reset(seed=0)
    assert {name: value.shape for name, value in observation.items()} == {"state": (4,), "front": (32, 32, 3)}
    env.close()


def test_nothing_is_rendered_for_a_state(monkeypatch: pytest.MonkeyPatch):
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("rendered")

    monkeypatch.setattr("praxia.envs.tabletop.env.render_image", refuse)
    for observe in ("privileged", "state"):
        env = gymnasium.make("praxia/tabletop-gantry-v0", observe=observe)
        env.reset(seed=0)
        env.step(env.action_space.sample())


def test_an_episode_is_that_of_the_family():
    """The same start, actions in declared units, and the numbers of the privileged state in the declared order."""
    env = PraxiaEnv("tabletop-gantry", "push", reward="dense")
    observation, _ = env.reset(seed=3)
    index = int(np.random.Generator(np.random.PCG64(np.random.SeedSequence(3))).integers(2**31))
    family = find_family("tabletop-gantry")
    ours = family.build(EnvSpec("tabletop-gantry", "push", options={"reward": "dense"}))
    assert isinstance(ours, Simulator)
    ours.reset(family.draw_start("push", "train-0", index))
    low, high = ours.embodiment.action_range
    for action in np.random.default_rng(0).uniform(-1.5, 1.5, (10, 4)).astype(np.float32):
        expected = flat_privileged(ours.privileged(), ours.privileged_layout)
        np.testing.assert_array_equal(observation, expected.astype(np.float32))
        outcome = ours.command((low + np.interp(action, (-1, 1), (0, 1)) * (high - low)).astype(np.float32))
        observation, reward, terminated, truncated, info = env.step(action)
        assert (terminated, truncated, info) == (False, False, {"is_success": False, "progress": 0.0})
        assert reward == outcome.reward


def test_the_horizon_truncates_and_only_the_task_terminates():
    env = gymnasium.make(BIMODAL)
    horizon = env.unwrapped.declared_reward.horizon
    env.reset(seed=0)
    ends = [env.step(np.array([0.0, -1.0], np.float32))[2:4] for _ in range(horizon)]
    assert ends == [(False, False)] * (horizon - 1) + [(False, True)]
    env.reset(seed=0)
    while not (ended := env.step(np.array([0.0, 1.0], np.float32)))[2]:
        assert ended[3] is False
    assert ended[2:4] == (True, False)


def test_the_last_step_of_the_horizon_may_terminate(monkeypatch: pytest.MonkeyPatch):
    env = PraxiaEnv("bimodal")
    env.reset(seed=0)
    monkeypatch.setattr(env, "_steps", env.declared_reward.horizon - 1)
    monkeypatch.setattr(env._robot, "command", lambda action: Outcome(0.0, True, False, False))
    assert env.step(np.zeros(2, np.float32))[2:4] == (True, False)


def test_the_only_reward_may_be_named():
    env = PraxiaEnv("bimodal", reward="dense")
    assert env.declared_reward == find_family("bimodal").reward(EnvSpec("bimodal", "pass"))
    env.close()


def test_what_does_not_fit_is_refused():
    for kwargs, error, text in (
        ({"task": "pas"}, UnknownName, "nearest: pass"),
        ({"cameras": ("side",)}, UnknownName, "unknown camera of bimodal"),
        ({"observe": "everything"}, PraxiaError, "expected observe as privileged or state"),
        ({"reward": "best", "colour": 1}, UnknownName, "reward of bimodal 'best'"),
        ({"reward": "dense", "colour": 1}, MismatchError, "got 'colour'"),
    ):
        with pytest.raises(error, match=text):
            PraxiaEnv("bimodal", **kwargs)
    for kwargs, text in (
        ({"autoreset_mode": "Disabled"}, "expected autoreset_mode as NextStep or SameStep"),
        ({"autoreset_mode": "now"}, "got 'now'"),
        ({"num_envs": 0}, "expected --num_envs of at least 1"),
        ({"task": "pas"}, "nearest: pass"),
    ):
        with pytest.raises(PraxiaError, match=text):
            gymnasium.make_vec(BIMODAL, **kwargs)


def run(envs: gymnasium.vector.VectorEnv, steps: int) -> list[tuple]:
    """Every result of the same actions."""
    results, rng = [envs.reset(seed=5)], np.random.default_rng(1)
    for _ in range(steps):
        results.append(envs.step(rng.uniform(-1, 1, envs.action_space.shape).astype(np.float32)))
    return results


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_a_vector_is_gymnasiums_own_whatever_the_workers(mode: AutoresetMode):
    """Five environments on two processes, through ends of both kinds, beside `SyncVectorEnv`."""
    with (
        closing(gymnasium.make_vec(BIMODAL, num_envs=5, workers=2, autoreset_mode=mode)) as ours,
        closing(SyncVectorEnv([lambda: PraxiaEnv("bimodal")] * 5, autoreset_mode=mode)) as theirs,
    ):
        assert ours.metadata["autoreset_mode"] is mode
        assert ours.single_observation_space == theirs.single_observation_space
        assert ours.action_space == theirs.action_space
        mine, expected = run(ours, 70), run(theirs, 70)
    for one, other in zip(mine, expected, strict=True):
        assert data_equivalence(one, other, exact=True)
    if mode is AutoresetMode.SAME_STEP:
        assert any("final_obs" in one[-1] for one in mine)


def test_gymnasiums_limit_of_steps_holds_in_vectors():
    with closing(gymnasium.make_vec(BIMODAL, num_envs=2, workers=1, max_episode_steps=3)) as envs:
        envs.reset(seed=np.int64(0))
        still = np.zeros((2, 2), np.float32)
        assert [envs.step(still)[3].tolist() for _ in range(4)] == [[False] * 2] * 2 + [[True] * 2, [False] * 2]


@pytest.mark.gl
def test_a_vector_of_images_renders_and_observes():
    options = {"cameras": ("top",), "size": 16, "render_mode": "rgb_array"}
    with closing(gymnasium.make_vec("praxia/tworoom-v0", num_envs=3, workers=2, **options)) as envs:
        observations, _ = envs.reset(seed=0)
        assert observations["top"].shape == (3, 16, 16, 3)
        assert observations["state"].shape == (3, 6)
        images = envs.render()
        assert images is not None
        np.testing.assert_array_equal(np.stack(images), observations["top"])


def test_a_vector_that_is_stepped_before_reset_lives_on():
    with closing(gymnasium.make_vec(BIMODAL, num_envs=2, workers=1, render_mode="rgb_array")) as envs:
        with pytest.raises(ResetNeeded, match="step"):
            envs.step(np.zeros((2, 2), np.float32))
        with pytest.raises(ResetNeeded, match="render"):
            envs.render()
        envs.reset(seed=0)
        assert not envs.step(np.zeros((2, 2), np.float32))[2].any()


def test_a_dead_worker_is_said():
    with closing(gymnasium.make_vec(BIMODAL, num_envs=2, workers=2)) as envs:
        envs.reset(seed=0)
        envs.unwrapped._workers._workers[1].process.kill()  # pyright: ignore
        with pytest.raises(PraxiaError, match="a worker of 2 environments died"):
            envs.step(np.zeros((2, 2), np.float32))
        assert envs.closed
