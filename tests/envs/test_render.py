import os
import subprocess
import sys
from dataclasses import replace

import mujoco
import numpy as np
import pytest

from praxia.core.types import EnvSpec, Observation
from praxia.envs.assets import decimate_meshes, shrink_textures
from praxia.envs.graphics import gl_vendor
from praxia.envs.metaworld.env import MetaWorld
from praxia.envs.metaworld.simulator import make_stock_env
from praxia.envs.metaworld.starts import draw_start
from praxia.envs.render import PROFILES

pytestmark = pytest.mark.gl

CAMERA = ("workspace",)


def begun(task: str, profile: str = "fast", size: int = 64, index: int = 0) -> MetaWorld:
    env = MetaWorld(EnvSpec("metaworld", task, profile, size))
    env.reset(draw_start(task, "test", index))
    return env


def render_front(env: MetaWorld) -> np.ndarray:
    return env.observe(CAMERA).images["workspace"]


def moved(env: MetaWorld, steps: int) -> list[bytes]:
    action = np.array([0.5, 0.5, -0.5, 1], np.float32)
    return [(env.command(action), env.snapshot())[1] for _ in range(steps)]


@pytest.mark.parametrize("size", [64, 96])
def test_an_image_has_the_requested_size(size):
    image = render_front(begun("door-open", size=size))
    assert image.shape == (size, size, 3)
    assert image.dtype == np.uint8


def test_nothing_is_rendered_unless_observed(monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("rendered")

    monkeypatch.setattr("praxia.envs.metaworld.cameras.render_image", refuse)
    env = begun("door-open")
    moved(env, 2)
    seen = env.observe(())
    assert isinstance(seen, Observation)
    assert seen.images == {}


def test_images_are_upright():
    """The grey room is above the brown table."""
    image = render_front(begun("reach")).astype(int)
    top, bottom = image[:6, -20:].mean((0, 1)), image[-6:, 10:30].mean((0, 1))
    assert abs(top[0] - top[2]) < 15
    assert bottom[0] - bottom[2] > 20


def test_the_goal_is_visible():
    """Reach's goal is a red ball: two starts differ where their goals are."""
    first, second = render_front(begun("reach", index=0)), render_front(begun("reach", index=1))
    assert (np.abs(first.astype(int) - second).max(-1) > 60).sum() >= 4


@pytest.mark.parametrize("profile", ["fast", "plain"])
def test_scenes_rendered_in_turn_do_not_mix(profile):
    """Contexts share one GL context: an image must come from its own scene's buffer."""
    envs = [begun(task, profile) for task in ("assembly", "basketball", "disassemble", "door-open")]
    alone = [render_front(env) for env in envs]
    for env, expected in zip(envs[::-1], alone[::-1], strict=True):
        np.testing.assert_array_equal(render_front(env), expected)
    assert len({image.tobytes() for image in alone}) == len(envs)


@pytest.mark.parametrize("task", ["door-open", "peg-insert-side"])
def test_a_restored_snapshot_looks_the_same(task):
    first, second = begun(task, index=3), begun(task, index=3)
    snapshot = moved(first, 25)[-1]
    second.restore(snapshot)
    np.testing.assert_array_equal(render_front(second), render_front(first))


@pytest.mark.parametrize("task", ["hammer", "coffee-button"])
def test_the_physics_does_not_depend_on_the_profile(task):
    unseen = moved(begun(task), 12)
    for profile in PROFILES:
        env = begun(task, profile)
        states = []
        for _ in range(12):
            render_front(env)
            states += moved(env, 1)
        assert states == unseen


@pytest.mark.parametrize("task", ["hammer", "coffee-button", "drawer-open", "soccer"])
def test_decimated_scenes_look_like_the_full_ones(task):
    plain, fast = render_front(begun(task, "plain", 96)).astype(int), render_front(begun(task, "fast", 96)).astype(int)
    assert np.abs(plain - fast).mean() < 4
    assert (np.abs(plain - fast).max(-1) > 60).mean() < 0.03


def test_decimation_keeps_shapes_with_a_tenth_of_the_faces():
    model, again = make_stock_env("hammer").model, make_stock_env("hammer").model
    before = [np.ptp(corners(model, mesh), axis=0) for mesh in range(model.nmesh)]
    faces = model.mesh_facenum.sum()
    decimate_meshes(model, 0.1)
    decimate_meshes(again, 0.1)
    assert model.mesh_facenum.sum() < 0.15 * faces
    for mesh, extent in enumerate(before):
        after = np.ptp(corners(model, mesh), axis=0)
        np.testing.assert_allclose(after, extent, atol=0.1 * np.linalg.norm(extent))
    for name in ("mesh_vert", "mesh_face", "mesh_facenormal", "mesh_facetexcoord", "mesh_facenum"):
        np.testing.assert_array_equal(getattr(model, name), getattr(again, name))


def corners(model: mujoco.MjModel, mesh: int) -> np.ndarray:
    start, num, first = model.mesh_faceadr[mesh], model.mesh_facenum[mesh], model.mesh_vertadr[mesh]
    return model.mesh_vert[first + model.mesh_face[start : start + num].reshape(-1)]


def test_shrinking_averages_texels():
    model = make_stock_env("reach").model
    texture = int(np.argmax(model.tex_width))
    height, width, channels = (int(getattr(model, f"tex_{name}")[texture]) for name in ("height", "width", "nchannel"))
    texels = model.tex_data[model.tex_adr[texture] :][: height * width * channels].reshape(height, width, channels)
    mean = texels.mean((0, 1))
    shrink_textures(model, 256)
    assert model.tex_width.max() <= 256
    size = int(model.tex_height[texture] * model.tex_width[texture] * channels)
    small = model.tex_data[model.tex_adr[texture] :][:size].reshape(-1, channels)
    np.testing.assert_allclose(small.mean(0), mean, atol=1.0)


def test_a_scene_that_left_the_cache_is_rendered_again(monkeypatch):
    monkeypatch.setitem(PROFILES, "plain", replace(PROFILES["plain"], num_cached=2))
    env = begun("door-open", "plain", 32)
    first = render_front(env)
    for size in (33, 34):
        render_front(begun("door-open", "plain", size))
    np.testing.assert_array_equal(render_front(env), first)


def test_provenance_names_the_vendor():
    assert gl_vendor().count(" | ") == 2


BROKEN = """
from praxia.core.errors import GraphicsError
from praxia.core.types import EnvSpec
try:
    from praxia.envs import find_family
    family = find_family("metaworld")
    env = family.build(EnvSpec("metaworld", "reach"))
    env.reset(family.draw_start("reach", "test", 0))
    env.observe(("workspace",))
except GraphicsError as error:
    print(error)
"""


@pytest.mark.parametrize("broken", [{"MUJOCO_GL": "nonsense"}, {"MUJOCO_GL": "egl", "MUJOCO_EGL_DEVICE_ID": "99"}])
def test_without_opengl_one_line_names_what_to_install(broken):
    done = subprocess.run(
        [sys.executable, "-c", BROKEN], env={**os.environ, **broken}, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1
    assert "apt-get install libegl1 libgl1 libgles2" in done.stdout


def test_a_process_that_rendered_prints_nothing_at_exit():
    done = subprocess.run([sys.executable, "-c", BROKEN], capture_output=True, text=True, check=True)
    assert done.stdout == done.stderr == ""
