import mujoco
import numpy as np
import pytest

from praxia.core.types import EnvSpec
from praxia.envs import find_family
from praxia.envs.tabletop.env import Tabletop
from praxia.envs.tabletop.robots.gantry import GANTRY
from praxia.envs.tabletop.sensors import contacts, depth, full_state, point_cloud, segmentation

pytestmark = pytest.mark.gl


@pytest.fixture(params=["fast", "default"])
def env(request) -> Tabletop:
    env = Tabletop(EnvSpec("tabletop-gantry", "touch", request.param, 96), GANTRY)
    env.reset(find_family("tabletop-gantry").draw_start("touch", "senses", 0))
    for _ in range(8):
        env.command(np.array([0, -2, -1, -1], np.float32))
    return env


@pytest.mark.parametrize("camera", ["front", "wrist"])
def test_the_points_of_the_table_are_at_its_height(env, camera):
    owner, names = segmentation(env, camera)
    table = point_cloud(env, camera)[owner == names.index("table")]
    assert len(table) > 1000
    middle = np.quantile(table[:, 2], [0.05, 0.95])  # pixels of an edge may show both sides of it
    np.testing.assert_allclose(middle, env.state.scene.table_height_m, atol=1e-3)


def test_the_points_of_a_thing_are_on_its_surface(env):
    owner, names = segmentation(env, "front")
    for thing in env.state.scene.things:
        seen = point_cloud(env, "front")[owner == names.index(thing.name)]
        away = np.linalg.norm(seen - env.state.position(thing.name), axis=1)
        assert len(seen) > 10
        assert np.median(away) < 1.5 * thing.radius_m


def test_depth_agrees_with_rays_through_the_simulator(env):
    distance, seen = depth(env, "front"), point_cloud(env, "front")
    eye = env.data.cam_xpos[env.model.camera("front").id]
    hit, agreeing = np.zeros(1, np.int32), 0
    for y in range(4, 96, 11):
        for x in range(4, 96, 11):
            ahead = seen[y, x] - eye
            length = mujoco.mj_ray(env.model, env.data, eye, ahead / np.linalg.norm(ahead), None, 1, -1, hit)
            agreeing += abs(length - np.linalg.norm(ahead)) < 0.003
    assert distance.min() > 0.2
    assert agreeing >= 75  # of 81; a few pixels are edges


def test_contact_forces_carry_the_things(env):
    """At rest the table bears every thing: the forces on it are its weight."""
    for _ in range(10):
        env.command(np.array([0, 0, 0, -1], np.float32))
    for thing in env.state.scene.things:
        mine = [contact for contact in contacts(env) if thing.name in (contact.first, contact.second)]
        upward = sum(contact.force_n[2] * (1 if contact.second == thing.name else -1) for contact in mine)
        weight = env.model.body(thing.name).mass[0] * 9.81
        assert upward == pytest.approx(weight, rel=0.05)


def test_the_full_state_has_everything_that_moves(env):
    state = full_state(env)
    for thing in env.state.scene.things:
        np.testing.assert_array_equal(state[thing.name][:3], env.state.position(thing.name))
    assert sum(len(part) for part in state.values()) == env.model.nq
    assert {"gantry_x", "finger_left"} <= set(state)
