import json

import numpy as np
import pytest

from praxia.core.errors import MismatchError, UnknownName
from praxia.core.types import EnvSpec, Start
from praxia.envs import build, find_family

FAMILY = find_family("bimodal")
ACTIONS = np.random.default_rng(0).uniform(-1.5, 1.5, (20, 2)).astype(np.float32)


def begun(index: int = 0, **scene):
    env = build(EnvSpec("bimodal", "pass"))
    start = FAMILY.draw_start("pass", "env", index)
    env.reset(Start("bimodal", "pass", {**start.payload, **scene}))
    return env


def drive(env, *velocities):
    return [env.command(np.array(velocity, np.float32)) for velocity in velocities]


def test_straight_ahead_runs_into_the_obstacle_from_every_start():
    for index in range(50):
        outcomes = drive(begun(index), *[(0, 0.8)] * 10)
        touched = next(at for at, outcome in enumerate(outcomes) if outcome.terminated)
        assert touched < 4, "an execution horizon of 8 leaves no time to observe again"
        assert not any(outcome.success for outcome in outcomes)


@pytest.mark.parametrize("side", [-1, 1])
def test_both_sides_lead_to_the_goal(side):
    outcomes = drive(begun(), *[(0.8 * side, 0.6)] * 7, *[(0, 1)] * 5, *[(-0.8 * side, 0.6)] * 7, *[(0, 0.8)] * 2)
    assert not any(outcome.terminated for outcome in outcomes)
    assert sum(outcome.success for outcome in outcomes) > 0


def test_contact_between_two_clear_positions_counts():
    obstacle = [0.0, 0.5]
    env = begun(obstacle=obstacle, robot=[-0.05, 0.2 + 0.003], goal=[0, 1.5])
    near = np.hypot(-0.05, 0.297)
    assert near > 0.3
    assert drive(env, (1, 0))[0].terminated
    assert np.linalg.norm(env.privileged()["robot"] - obstacle) == pytest.approx(near)


def test_the_reward_is_the_progress_to_the_goal_and_the_robot_stays_in_the_arena():
    env = begun(robot=[0.0, 0.0], goal=[0.0, 1.5], obstacle=[1.0, 1.0])
    assert drive(env, (0, 1))[0].reward == pytest.approx(0.1)
    drive(env, *[(-3, -3)] * 30)
    np.testing.assert_allclose(env.observe(()).state[:2], [-1.25, -0.5])


def test_an_episode_is_the_same_after_json_and_in_a_used_environment():
    start = FAMILY.draw_start("pass", "env", 0)
    fresh, used = build(EnvSpec("bimodal", "pass")), begun(1)
    drive(used, *ACTIONS)
    fresh.reset(start)
    used.reset(Start(**json.loads(json.dumps(start.to_json()))))
    assert drive(fresh, *ACTIONS) == drive(used, *ACTIONS)
    assert fresh.snapshot() == used.snapshot()


def test_a_snapshot_restores_bit_for_bit():
    env = begun()
    drive(env, *ACTIONS[:5])
    snapshot, seen = env.snapshot(), env.observe(())
    first = drive(env, *ACTIONS[5:]), env.snapshot()
    env.restore(snapshot)
    assert env.observe(()).time_s == seen.time_s == 0.5
    np.testing.assert_array_equal(env.observe(()).state, seen.state)
    assert (drive(env, *ACTIONS[5:]), env.snapshot()) == first


def test_foreign_starts_snapshots_and_names_are_refused():
    env = begun(0)
    with pytest.raises(MismatchError, match="own start"):
        env.restore(begun(1).snapshot())
    with pytest.raises(MismatchError, match="bimodal/pass"):
        env.reset(Start("metaworld", "pass", {}))
    with pytest.raises(UnknownName, match="top"):
        env.observe(("front",))
    with pytest.raises(UnknownName, match="nearest: pass"):
        build(EnvSpec("bimodal", "pas"))


def test_an_image_shows_every_disc_at_its_position():
    env = begun(robot=[-1.0, -0.25], obstacle=[0.0, 0.75], goal=[1.0, 1.75])
    image = env.observe(("top",)).images["top"]
    assert image.shape == (64, 64, 3)
    at = {name: image[row, column].astype(int) for name, row, column in (("robot", 57, 6), ("goal", 6, 57))}
    assert at["robot"].argmax() == 0
    assert at["goal"].argmax() == 1
    assert image[32, 32].max() < 100
    assert not env.observe(()).images


def test_starts_are_before_the_obstacle_and_a_function_of_their_index():
    starts = [FAMILY.draw_start("pass", split, index) for split in ("test", "train-0") for index in range(100)]
    assert len({start.key for start in starts}) == 200
    assert starts[7] == FAMILY.draw_start("pass", "test", 7)
    aside = np.array([start.payload["robot"][0] - start.payload["obstacle"][0] for start in starts])
    assert np.abs(aside).max() <= 0.01
    assert abs(aside.mean()) < 0.002


def test_a_twin_shows_another_scene_of_the_same_task():
    env = build(EnvSpec("bimodal", "pass", wrappers=("swapped-image",)))
    env.reset(FAMILY.draw_start("pass", "env", 0))
    mine = begun(0).observe(("top",))
    assert np.any(env.observe(("top",)).images["top"] != mine.images["top"])
    np.testing.assert_array_equal(env.observe(()).state, mine.state)
