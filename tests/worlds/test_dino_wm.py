from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from latent_testing import optimise, present_queries
from torch import nn
from world_testing import expect_world

from praxia import encoders
from praxia.checkpoint.store import load_model, load_world
from praxia.nn.types import Context, Encoder, EncoderConfig
from praxia.training import engine
from praxia.worlds.dino_wm import DinoWM


@dataclass(frozen=True)
class Patches(EncoderConfig):
    """Sixteen tokens per image: a random projection of each patch."""

    tag = "toy-patches"

    def build(self, shapes):
        return PatchEncoder()


class PatchEncoder(Encoder):
    provides, width = frozenset({"readout"}), 16

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 4, 4)

    def forward(self, batch):
        tokens = self.conv(batch.images["top"][:, 0] / 255).flatten(2).mT
        return Context(tokens, torch.ones(tokens.shape[:2], dtype=torch.bool), {"readout": slice(0, 16)})


@pytest.fixture(params=[False, True], ids=["tokens", "pooled"])
def config(request, monkeypatch):
    # As outside packages register theirs, and by this class: this module is imported under another name.
    monkeypatch.setitem(encoders.ENCODERS, "toy-patches", f"{__name__}:Patches")
    return DinoWM(Patches(), depth=2, num_heads=2, head_width=8, pooled=request.param)


def test_a_world_of_frozen_features_keeps_what_the_interface_promises(config, data, small_run):
    torch.manual_seed(0)
    model = config.build(data[2])
    for name, value in model.named_parameters():
        if "modulate" in name:
            nn.init.normal_(value, std=0.3)
    world = config.make_world(model, data[1], data[0].embodiments, small_run.window, masked=True)
    state = world.start(present_queries(3))
    assert state.latent.shape == (3, 1 if config.pooled else 16, 16)
    expect_world(world, present_queries(3), torch.rand(3, 20, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1)


def test_it_learns_what_follows_and_leaves_the_encoder(config, data, batch_of):
    torch.manual_seed(0)
    model = config.build(data[2])
    before = {name: value.clone() for name, value in model.encoder.state_dict().items()}
    metrics = optimise(model, batch_of(np.array([10, 12, 14, 40, 44, 72, 76, 104])), 100)
    assert metrics[-1]["of_unchanged"] < 0.5 * metrics[0]["of_unchanged"]
    assert all(torch.equal(value, before[name]) for name, value in model.encoder.state_dict().items())


def test_it_is_trained_and_loaded_by_the_same_engine_and_store(config, walks, small_run, tmp_path):
    run = replace(small_run, model=config)
    engine.train(run, [walks], tmp_path / "run", recipe="dino-wm", command="")
    world, identity = load_world(tmp_path / "run")
    again, _ = load_world(tmp_path / "run")
    actions = torch.ones(2, 10, 2)
    first, second = (one.imagine(one.start(present_queries(2)), actions).latents for one in (world, again))
    assert torch.equal(first, second)
    assert load_model(tmp_path / "run")[2] == identity
