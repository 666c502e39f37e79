"""Every scene is at rest, nothing intersects, and JSON restores it bit for bit."""

import json

import mujoco
import numpy as np
import pytest

from praxia.core.keys import generator
from praxia.envs.tabletop.layout import draw_scene
from praxia.envs.tabletop.model import build_model, place_fixtures
from praxia.envs.tabletop.robots.gantry import GANTRY
from praxia.envs.tabletop.scene import Scene
from praxia.envs.tabletop.tasks import SCENE_FACTORS

FACTORS = ("", *SCENE_FACTORS)


def scenes(number: int, factor: str):
    fixtures = ("", "drawer", "switch", "plate")
    return [
        draw_scene(generator("scene", factor, at), held_out=factor, fixture=fixtures[at % 4]) for at in range(number)
    ]


def simulated(scene: Scene) -> tuple[mujoco.MjModel, mujoco.MjData]:
    model = build_model(scene, GANTRY)
    data = mujoco.MjData(model)
    place_fixtures(model, data, scene)
    GANTRY.bind(model).home(data)
    mujoco.mj_forward(model, data)
    return model, data


@pytest.mark.parametrize("factor", FACTORS)
def test_nothing_moves_by_a_millimetre_in_half_a_second(factor):
    for scene in scenes(25, factor):
        model, data = simulated(scene)
        before = data.geom_xpos.copy()
        mujoco.mj_step(model, data, 100)
        moved = np.linalg.norm(data.geom_xpos - before, axis=1)
        assert moved.max() < 1e-3, (scene, model.geom(moved.argmax()).name)


@pytest.mark.parametrize("factor", FACTORS)
def test_nothing_intersects(factor):
    for scene in scenes(25, factor):
        _, data = simulated(scene)
        depths = [contact.dist for contact in (data.contact[at] for at in range(data.ncon))]
        assert min(depths, default=0.0) > -1e-4, scene
        for at, one in enumerate(scene.loose):
            for other in scene.loose[at + 1 :]:
                apart = np.hypot(one.x_m - other.x_m, one.y_m - other.y_m)
                assert apart > 1.42 * (one.radius_m + other.radius_m), (scene, one, other)  # whatever their yaws


@pytest.mark.parametrize("factor", FACTORS)
def test_a_scene_is_rebuilt_bit_for_bit_from_json_text(factor):
    for scene in scenes(8, factor):
        again = Scene.from_json(json.loads(json.dumps(scene.to_json())))
        assert again == scene
        models = [build_model(one, GANTRY) for one in (scene, again)]
        first, second = (np.empty(mujoco.mj_sizeModel(model), np.uint8) for model in models)
        mujoco.mj_saveModel(models[0], None, first)
        mujoco.mj_saveModel(models[1], None, second)
        np.testing.assert_array_equal(first, second)


def test_a_scene_has_three_to_six_things_with_different_descriptions():
    for scene in scenes(200, ""):
        called = [(thing.shape, thing.colour, thing.size) for thing in scene.things]
        assert 3 <= len(set(called)) == len(called) <= 6
        kinds = [item.kind for item in scene.fixtures]
        assert len(kinds) == 4
        assert {"bin", "button"} <= set(kinds)
        assert len({item.colour for item in scene.fixtures}) == 4


def appearance(factor) -> dict[str, object]:
    """Whether each factor of the scenes differs from training."""
    drawn = scenes(60, factor)
    return {
        "colours": max(max(thing.rgb) for scene in drawn for thing in scene.things if thing.colour == "purple") > 0.76,
        "textures": {scene.table for scene in drawn}.isdisjoint(("oak", "felt", "stone")),
        "lights": any(np.hypot(*scene.light.direction[:2]) > 0.4 or len(set(scene.light.rgb)) > 1 for scene in drawn),
        "cameras": max(abs(scene.camera.position_m[0]) for scene in drawn) > 0.1,
        "heights": min(scene.table_height_m for scene in drawn) > 0.02,
        "distractors": min(len(scene.distractors) for scene in drawn) >= 2,
    }


@pytest.mark.parametrize("factor", FACTORS)
def test_a_factor_changes_nothing_else(factor):
    assert appearance(factor) == {name: name == factor for name in SCENE_FACTORS}


def test_held_out_shades_do_not_occur_in_training():
    usual = {(thing.colour, thing.rgb) for scene in scenes(100, "") for thing in scene.things}
    for scene in scenes(50, "colours"):
        for thing in scene.things:
            near = [np.abs(np.subtract(rgb, thing.rgb)).max() for colour, rgb in usual if colour == thing.colour]
            assert min(near) > 0.04, thing
