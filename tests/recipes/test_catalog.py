"""What the catalogue says of a recipe is what it is."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from praxia.core.types import EnvSpec
from praxia.encoders.backbone import BackboneConfig
from praxia.encoders.public.model import PublicVLM
from praxia.encoders.public.vision import DINOV2_SMALL
from praxia.encoders.state_only import StateOnly
from praxia.envs import find_family
from praxia.nn.trainable import BuildsOn
from praxia.nn.types import Shapes
from praxia.policies.encoder_head import EncoderHead
from praxia.recipes import RECIPES, find_recipe
from praxia.recipes.catalog import CATALOG, START_HERE

TASKS = {"metaworld": "door-open", "pusht": "push", "bimodal": "pass", "tworoom": "any"}


def parameters(name):
    """Counted with the benchmark's embodiment or Tabletop's gantry, without memory."""
    env = CATALOG[name].benchmark
    env = env if env in TASKS else "tabletop-gantry"
    embodiment = find_family(env).embodiment(EnvSpec(env, TASKS.get(env, "touch")))
    run = find_recipe(name)()
    window = run.window
    if window.sees_every_camera:
        window = window.with_cameras([camera.name for camera in embodiment.cameras])
    shapes = Shapes(
        cameras=window.cameras,
        num_images=window.num_images,
        num_states=len(window.observation_steps.get("state", ())),
        embodiment_dims=((embodiment.state_dim, embodiment.action_dim),),
        horizon=window.horizon,
        vocab_size=512,
    )
    chunks = np.linspace(-1, 1, 64 * window.horizon * embodiment.action_dim, dtype=np.float32)
    # A public model's sizes are those of the published one, without its files.
    config = run.model
    if isinstance(getattr(config, "encoder", None), BackboneConfig):
        config = replace(config, encoder=replace(config.encoder, fitted=DINOV2_SMALL))
    if isinstance(config, BuildsOn):  # on any world: what is counted is built on it
        config = config.built_on(find_recipe("lewm-tworoom")().model)
    if isinstance(config, EncoderHead):
        head = EncoderHead(StateOnly(), config.head).fit(lambda: chunks.reshape(64, window.horizon, -1)).head
        config = EncoderHead(config.encoder, head)
    with torch.device("meta"):
        model = config.build(shapes)
    if isinstance(config, BuildsOn):
        within, _, name = config.base_name.rpartition(".")
        delattr(model.get_submodule(within), name)
    return sum(value.numel() for value in model.parameters())


def test_it_has_every_recipe():
    assert set(CATALOG) == set(RECIPES)
    assert set(START_HERE) < set(CATALOG)


@pytest.mark.parametrize("name", sorted(CATALOG))
def test_it_says_how_large_a_recipe_is(name):
    assert parameters(name) / 1e6 == pytest.approx(CATALOG[name].million_parameters, abs=0.0501)


@pytest.mark.parametrize("name", sorted(CATALOG))
def test_it_says_what_a_recipe_needs(name):
    entry, run = CATALOG[name], find_recipe(name)()
    assert run.window.sees_every_camera == (entry.benchmark is None)
    assert entry.benchmark is None or entry.benchmark in entry.needs
    assert ("weights" in entry.needs) == isinstance(getattr(run.model, "encoder", None), PublicVLM | BackboneConfig)
    assert ("trained world" in entry.needs) == isinstance(run.model, BuildsOn)
    assert ("GPU" in entry.needs) == name.endswith("-published")


def test_recipes_to_start_with_need_nothing_but_data():
    assert {CATALOG[name].needs for name in START_HERE} == {"any data with cameras"}
