import json
from itertools import pairwise

import numpy as np
import pytest

from praxia.core.errors import MismatchError, UnknownName
from praxia.core.types import EnvSpec, Start
from praxia.envs import build, find_family

FAMILY = find_family("tworoom")
ACTIONS = np.random.default_rng(0).uniform(-1.5, 1.5, (20, 2)).astype(np.float32)


def begun(index: int = 0, **payload):
    env = build(EnvSpec("tworoom", "any"))
    start = FAMILY.draw_start("any", "env", index)
    env.reset(Start("tworoom", "any", {**start.payload, **payload}))
    return env


def drive(env, *velocities):
    return [env.command(np.array(velocity, np.float32)) for velocity in velocities]


def robot(env):
    return env.privileged()["robot"]


def test_the_wall_stops_the_robot_which_slides_along_it():
    env = begun(robot=[-1.0, 1.0], goal=[1.0, 1.0])
    drive(env, *[(1, 0)] * 20)
    np.testing.assert_allclose(robot(env), [-0.25, 1.0])
    drive(env, *[(1, -1)] * 5)
    np.testing.assert_allclose(robot(env), [-0.25, 0.5])


def test_the_door_lets_it_through_and_its_edges_hold_it():
    env = begun(robot=[-0.3, 0.0], goal=[1.0, 1.0])
    drive(env, *[(1, 0)] * 2, *[(0, 1)] * 9)
    np.testing.assert_allclose(robot(env), [-0.1, 0.3])
    drive(env, *[(1, 0)] * 5)
    np.testing.assert_allclose(robot(env), [0.4, 0.3])


def test_no_motion_passes_a_wall():
    rng, env = np.random.default_rng(1), begun()
    for _ in range(300):
        before = robot(env)
        drive(env, rng.uniform(-1, 1, 2) + np.array([0.5, 0.0]) * rng.choice((-1, 1)))
        after = robot(env)
        assert np.abs(after).max() <= 1.85
        assert abs(after[0]) >= 0.25 - 1e-9 or abs(after[1]) <= 0.3 + 1e-9
        assert before[0] * after[0] > 0 or max(abs(before[1]), abs(after[1])) <= 0.3 + 1e-9


def test_it_stays_in_the_arena_and_speed_is_limited():
    env = begun(robot=[1.0, 1.0])
    drive(env, (5, 0))
    np.testing.assert_allclose(robot(env), [1.1, 1.0])
    drive(env, *[(1, 1)] * 30)
    np.testing.assert_allclose(robot(env), [1.85, 1.85])


def test_the_reward_follows_the_path_through_the_door_and_success_is_near_the_goal():
    env = begun(robot=[-0.5, 1.5], goal=[0.5, 1.5])
    towards, away = drive(env, (1, 0))[0], drive(env, (0, -1))[0]
    assert towards.reward < away.reward
    env = begun(robot=[1.0, 0.0], goal=[1.0, 0.55])
    outcomes = drive(env, *[(0, 1)] * 5)
    assert [outcome.success for outcome in outcomes] == [False, False, False, True, True]
    assert sum(outcome.reward for outcome in outcomes) == pytest.approx(0.5)
    assert not any(outcome.terminated for outcome in outcomes)


def test_an_episode_is_the_same_after_json_and_in_a_used_environment():
    start = FAMILY.draw_start("any", "env", 0)
    fresh, used = build(EnvSpec("tworoom", "any")), begun(1)
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
    with pytest.raises(MismatchError, match="tworoom/any"):
        env.reset(Start("metaworld", "any", {}))
    with pytest.raises(UnknownName, match="top"):
        env.observe(("front",))
    with pytest.raises(UnknownName, match="nearest: same-room"):
        build(EnvSpec("tworoom", "sameroom"))


def test_the_image_of_the_goal_is_the_cameras_with_the_robot_there():
    env = begun(robot=[-1.0, -1.0], goal=[1.0, 1.0])
    seen = env.observe(("top", "goal")).images
    assert seen["top"].shape == (64, 64, 3)
    assert seen["top"][48, 16].argmax() == 0
    assert seen["top"][48, 16].min() < 100, "the robot is red"
    assert seen["top"][16, 48].min() > 200, "the goal is not in the camera's image"
    assert seen["top"][4, 32].max() < 100, "the wall is dark"
    assert seen["top"][32, 32].min() > 200, "the door is open"
    there = begun(robot=[1.0, 1.0]).observe(("top",)).images["top"]
    np.testing.assert_array_equal(seen["goal"], there)
    assert not env.observe(()).images


def test_an_image_shows_less_than_a_pixel():
    env, images = begun(robot=[1.0, 1.0]), []
    for _ in range(5):
        drive(env, (0.05, 0.0))  # 5 mm: a twelfth of a pixel
        images.append(env.observe(("top",)).images["top"])
    assert all(np.any(one != other) for one, other in pairwise(images))


@pytest.mark.parametrize("task", ["same-room", "through-door"])
def test_goals_are_25_steps_away(task):
    starts = [FAMILY.draw_start(task, split, index) for split in ("test", "train-0") for index in range(30)]
    assert len({start.key for start in starts}) == 60
    assert starts[7] == FAMILY.draw_start(task, "test", 7)
    for start in starts:
        env = build(EnvSpec("tworoom", task))
        env.reset(start)
        place, goal = np.array(start.payload["robot"]), np.array(start.payload["goal"])
        assert (place[0] * goal[0] > 0) == (task == "same-room")
        straight = np.linalg.norm(goal - place)
        assert straight <= 2.55
        if task == "same-room":
            assert straight >= 2.45


def test_a_twin_shows_another_scene_of_the_same_task():
    env = build(EnvSpec("tworoom", "any", wrappers=("swapped-image",)))
    env.reset(FAMILY.draw_start("any", "env", 0))
    mine = begun(0).observe(("top",))
    assert np.any(env.observe(("top",)).images["top"] != mine.images["top"])
    np.testing.assert_array_equal(env.observe(()).state, mine.state)
