"""The recipes named after known policies: at a laptop's size they train and act, at their own size they add up."""

import dataclasses
import re

import numpy as np
import pytest
import torch
from torch import nn

from praxia.checkpoint.store import load_policy
from praxia.core.registry import lookup
from praxia.core.types import EnvSpec, Observation, Query
from praxia.encoders.state_only import StateOnly
from praxia.envs import find_family
from praxia.nn.types import Shapes
from praxia.policies.encoder_head import EncoderHead
from praxia.recipes import RECIPES, known, known_published, vla, vla_published
from praxia.training import engine

KNOWN = [name.replace("_", "-") for name in (*known.__all__, *vla.__all__)]


def maker(name):
    return lookup("recipes", RECIPES, name, kind="recipe", listing="praxia recipes")


def built_without_memory(name):
    """The model for Tabletop's gantry, its weights on no device at all."""
    run, embodiment = maker(name)(), find_family("tabletop-gantry").embodiment(EnvSpec("tabletop-gantry", "touch"))
    window = run.window.with_cameras([camera.name for camera in embodiment.cameras])
    shapes = Shapes(
        cameras=window.cameras,
        num_images=window.num_images,
        num_states=len(window.observation_steps["state"]),
        embodiment_dims=((embodiment.state_dim, embodiment.action_dim),),
        horizon=window.horizon,
        vocab_size=512,
    )
    chunks = np.linspace(-1, 1, 64 * run.window.horizon * embodiment.action_dim, dtype=np.float32)
    # A public model's sizes are those of the published one, without its files.
    fitted = EncoderHead(StateOnly(), run.model.head).fit(
        lambda: chunks.reshape(64, run.window.horizon, embodiment.action_dim)
    )
    with torch.device("meta"):
        return dataclasses.replace(run.model, head=fitted.head).build(shapes)


def millions(module: nn.Module) -> float:
    return sum(value.numel() for value in module.parameters()) / 1e6


def test_each_comes_at_both_sizes():
    for small, published in ((known, known_published), (vla, vla_published)):
        assert sorted(published.__all__) == sorted(f"{name}_published" for name in small.__all__)


@pytest.mark.parametrize("name", KNOWN)
def test_a_published_size_has_the_number_of_parameters_in_its_docstring(name):
    model, text = built_without_memory(f"{name}-published"), maker(f"{name}-published").__doc__
    stated = re.search(r"([\d.]+)M parameters", text)
    assert stated, text
    assert millions(model) == pytest.approx(float(stated[1]), abs=0.051)
    if head := re.search(r"the head\s+has ([\d.]+)M", text):
        assert millions(model.head) == pytest.approx(float(head[1]), abs=0.051)


def test_published_sizes_come_near_to_the_originals():
    """Counted from Diffusion Policy's public code (10 action dims, two cameras); of Octo and ACT as published."""
    transformer, act, octo = (
        built_without_memory(f"{name}-published") for name in ("diffusion-policy-transformer", "act", "octo")
    )
    assert millions(transformer.head) == pytest.approx(8.998, rel=0.01)
    with torch.device("meta"):
        unused = 6 * millions(nn.TransformerDecoderLayer(512, 8, 3200))
    assert millions(act) + unused == pytest.approx(80, rel=0.06)
    # One convolution in place of two stems, and computed in place of learned positions.
    assert millions(octo) == pytest.approx(27, rel=0.15)


def test_act_and_diffusion_policy_have_the_parameters_of_the_lerobot_packages():
    """As `python tests/peers/lerobot_policies.py` counts version 0.4.4, with 4 state and 4 action dims, two cameras."""
    for name, theirs in (("act", 51_593_092), ("diffusion-policy-unet", 277_697_988)):
        model = built_without_memory(f"{name}-published")
        assert sum(value.numel() for value in model.parameters()) == theirs


@pytest.mark.parametrize("name", [pytest.param(one, marks=[] if one == "act" else pytest.mark.slow) for one in KNOWN])
def test_a_laptops_size_trains_two_steps_and_acts(name, demonstrations, tmp_path):
    run = maker(name)()
    run = dataclasses.replace(run, train=dataclasses.replace(run.train, steps=2, batch_size=4))
    engine.train(run, [demonstrations["tabletop-gantry"]], tmp_path / "run", recipe=name, command="")
    policy, _ = load_policy(tmp_path / "run")
    image = np.zeros((64, 64, 3), np.uint8)
    seen = Observation(dict.fromkeys(policy.window.cameras, image), np.zeros(4, np.float32), "touch the red ball", 0.0)
    decisions, _ = policy.act([Query((seen,), key, 0, 0) for key in "ab"], policy.start(2))
    for decision in decisions:
        assert decision.chunk.shape == (run.window.horizon, policy.embodiment.action_dim)
        assert np.isfinite(decision.chunk).all()
