"""What moves by itself: as the start says, from the start on, and as part of snapshots."""

import json

import numpy as np
import pytest

from praxia.core.types import EnvSpec, Query, Start
from praxia.envs import build, find_family
from praxia.envs.tabletop.env import Tabletop
from praxia.envs.tabletop.motion import Motion
from praxia.envs.tabletop.sensors import segmentation
from praxia.envs.tabletop.starts import draw_start, twin_start
from praxia.envs.tabletop.tasks import MOVING, STILL
from praxia.experts import find_expert

ENV = "tabletop-gantry"
FAMILY = find_family(ENV)
HZ = 20


def begun(task: str, index: int = 0):
    env = build(EnvSpec(ENV, task))
    assert isinstance(env, Tabletop)
    start = FAMILY.draw_start(task, "moving", index)
    env.reset(start)
    return env, start.payload["motion"]


def first_that(task: str, condition) -> int:
    """The index of the first start whose motion fulfils the condition."""
    return next(at for at in range(50) if condition(FAMILY.draw_start(task, "moving", at).payload["motion"]))


def rest(env, steps: int) -> None:
    for _ in range(steps):
        env.command(np.array([0, 0, 0, -1], np.float32))


def expert_action(env):
    query = Query((env.observe(()),), "key", 0, 0, env.privileged())
    return find_expert(ENV)({}).act([query], None)[0][0].chunk[0]


@pytest.mark.parametrize("task", MOVING)
def test_a_start_is_json_and_its_motion_comes_back(task):
    start = FAMILY.draw_start(task, "moving", 3)
    again = Start(**json.loads(json.dumps(start.to_json())))
    assert again.key == start.key
    motion = Motion.from_json(again.payload["motion"])
    assert motion == Motion.from_json(start.payload["motion"])
    assert json.dumps(motion.to_json()) == json.dumps(start.payload["motion"])
    assert twin_start(start).key != start.key


@pytest.mark.parametrize("task", MOVING)
def test_the_same_at_rest_has_the_same_scene_and_instruction(task):
    moving, still = (FAMILY.draw_start(name, "moving", 5).payload for name in (task, f"{task}-still"))
    assert moving["scene"] == still["scene"]
    assert moving["instruction"] == still["instruction"]
    assert moving["motion"] != still["motion"]


@pytest.mark.parametrize("task", STILL)
def test_at_rest_nothing_moves_by_a_millimetre(task):
    env, _ = begun(task)
    before = env.data.xpos.copy()
    rest(env, 20)
    fixed = [env.model.body(name).id for name in env.state.names]
    assert np.abs(env.data.xpos - before)[fixed].max() < 1e-3


def test_starts_of_tasks_at_rest_are_those_of_before():
    """Recorded before there were tasks that move: results and data sets name these keys."""
    keys = [draw_start(ENV, task, "test", 0).key for task in ("touch", "push-to", "chain-3", "place-colours")]
    assert keys == ["946fb385bd1e3eef", "3628ac8ac6ad6a72", "1639b58da38cc6b4", "d471747fc08ac9dd"]


def test_a_belt_carries_things_at_its_velocity():
    env, motion = begun("belt-place")
    (belt,) = motion["belts"]
    names = [thing.name for thing in env.state.scene.things]
    before = np.array([env.state.position(name) for name in names])
    rest(env, 20)
    moved = np.array([env.state.position(name) for name in names]) - before
    np.testing.assert_allclose(moved[:, 0], belt["velocity_m_s"], rtol=0.05)
    assert np.abs(moved[:, 1:]).max() < 2e-3


def test_a_belt_runs_on_in_its_place():
    env, motion = begun("belt-place")
    rest(env, 60)
    assert abs(env.data.joint("belt").qpos[0]) < 0.07
    assert env.data.joint("belt").qvel[0] == pytest.approx(motion["belts"][0]["velocity_m_s"], rel=0.01)


def test_a_spot_follows_its_curve():
    env, motion = begun("path-follow")
    for step in range(1, 31):
        velocity = env.privileged()["direction"]
        before = env.privileged()["subject"]
        rest(env, 1)
        for path in motion["paths"]:
            expected = [
                centre + amplitude * np.sin(2 * np.pi * frequency * step / HZ + phase)
                for centre, amplitude, frequency, phase in zip(
                    path["centre_m"], path["amplitude_m"], path["frequency_hz"], path["phase_rad"], strict=True
                )
            ]
            np.testing.assert_allclose(env.state.position(path["name"])[:2], expected, atol=1e-9)
        np.testing.assert_allclose(env.privileged()["subject"][:2], before[:2] + velocity / HZ, atol=1e-9)


def test_spots_jump_at_their_step_and_again_after_each_stay():
    env, motion = begun(
        "jump-reach", first_that("jump-reach", lambda motion: motion["jumps"][0]["at_step"] is not None)
    )
    (jumps,) = motion["jumps"]
    for step in range(1, 61):
        rest(env, 1)
        number = max(0, -(-(step - jumps["at_step"]) // jumps["dwell_steps"]))
        for name, place in zip(jumps["names"], jumps["places"][number], strict=True):
            np.testing.assert_allclose(env.state.position(name)[:2], place)


def test_spots_jump_when_the_hand_comes_near():
    index = first_that("jump-reach", lambda motion: motion["jumps"][0]["within_m"] is not None)
    env, motion = begun("jump-reach", index)
    (jumps,) = motion["jumps"]
    rest(env, 40)
    np.testing.assert_allclose(env.state.position("spot0")[:2], jumps["places"][0][0])
    while np.linalg.norm((env.state.grip() - env.state.position("spot0"))[:2]) >= jumps["within_m"]:
        np.testing.assert_allclose(env.state.position("spot0")[:2], jumps["places"][0][0])
        env.command(expert_action(env))
    rest(env, 1)
    np.testing.assert_allclose(env.state.position("spot0")[:2], jumps["places"][1][0])


def test_to_wait_where_a_spot_was_is_no_success():
    index = first_that("jump-reach", lambda motion: (motion["jumps"][0]["at_step"] or 0) > 18)
    env, motion = begun("jump-reach", index)
    outcomes = [env.command(expert_action(env)) for _ in range(motion["jumps"][0]["at_step"])]
    assert np.linalg.norm((env.state.grip() - env.state.position("spot0"))[:2]) < 0.01
    assert not any(outcome.success for outcome in outcomes)


def test_to_follow_takes_thirty_steps_without_a_break():
    env, _ = begun("path-follow-still")

    def steps_over_the_spot() -> int:
        """How many steps in a row the hand has been over the spot, by the test's own count, when success is stated."""
        count = 0
        for _ in range(60):
            success = env.command(expert_action(env)).success
            apart = env.state.grip() - env.state.position("spot0")
            count = count + 1 if np.linalg.norm(apart[:2]) < 0.025 and apart[2] < 0.13 else 0
            if success:
                return count
        raise AssertionError("no success in 60 steps")

    for _ in range(30):
        assert not env.command(expert_action(env)).success
    for _ in range(3):  # a break
        env.command(np.array([2, 0, 0, 1], np.float32))
    assert steps_over_the_spot() == 30


@pytest.mark.parametrize("task", MOVING)
def test_a_snapshot_restores_motion_bit_for_bit(task):
    env, _ = begun(task, 1)
    for _ in range(24):
        env.command(expert_action(env))
    snapshot = env.snapshot()

    def go_on():
        outcomes = [env.command(expert_action(env)) for _ in range(20)]
        return outcomes, env.snapshot()

    first = go_on()
    env.restore(snapshot)
    assert env.snapshot() == snapshot
    assert go_on() == first
    fresh, _ = begun(task, 1)
    fresh.restore(snapshot)
    outcomes = [fresh.command(expert_action(fresh)) for _ in range(20)]
    assert (outcomes, fresh.snapshot()) == first


@pytest.mark.parametrize("task", ["jump-reach", "path-follow"])
def test_a_camera_sees_where_a_spot_is(task):
    env, _ = begun(task)

    def middle() -> np.ndarray:
        owners, names = segmentation(env, "front")
        return np.argwhere(owners == names.index("spot0")).mean(axis=0)

    before, place = middle(), env.state.position("spot0")
    rest(env, 30)
    moved, pixels = env.state.position("spot0") - place, middle() - before
    assert np.linalg.norm(moved) > 0.05 or task == "jump-reach"
    # To the right in the world is to the right in the image, and away is up.
    assert pixels[1] * moved[0] > 0 or abs(moved[0]) < 0.02
    assert pixels[0] * moved[1] < 0 or abs(moved[1]) < 0.02


def test_the_stripes_of_a_belt_are_seen_to_move():
    env, _ = begun("belt-place")
    before = env.observe(("front",)).images["front"].astype(int)
    rest(env, 3)
    after = env.observe(("front",)).images["front"].astype(int)
    assert (np.abs(after - before).max(axis=-1) > 30).mean() > 0.02
