"""From a public vision model to a policy: frozen or tuned, resumed, fine-tuned, and loaded without its files."""

import dataclasses
import shutil

import numpy as np
import pytest
import torch
from praxia_testing import Stop, make_query, stop_after
from public_models import make_vision, save_vision
from safetensors.torch import load_file

from praxia.checkpoint.store import load_policy, read_config
from praxia.core.errors import DataError, PraxiaError
from praxia.encoders.backbone import Backbone, BackboneGrid
from praxia.encoders.text import PooledText
from praxia.heads.act import ACT
from praxia.heads.denoisers.residual_mlp import ResidualMLP
from praxia.heads.denoisers.unet import UNet
from praxia.heads.diffusion import Diffusion
from praxia.heads.flow import Flow
from praxia.policies.encoder_head import EncoderHead
from praxia.training import engine

TEXT = PooledText(width=16, num_heads=2)
HEADS = {
    "act": ACT(width=32, mlp_width=32, encoder_depth=1),
    "diffusion-policy": Diffusion(UNet(channels=(16, 32), groups=4)),
    "flow": Flow(ResidualMLP(width=32, depth=1)),
}


@pytest.fixture
def folder(tmp_path):
    return save_vision("dinov2", tmp_path / "dinov2")


@pytest.fixture
def backbone_run(tiny_run, folder):
    """`backbone_run(head, ...)`: the tiny run on a tiny DINOv2, as tokens for ACT and pooled for the others."""

    def make(head="act", **options):
        kind = BackboneGrid if head == "act" else Backbone
        encoder = kind(str(folder), image_size=28, text=TEXT, **options)
        return dataclasses.replace(tiny_run, model=EncoderHead(encoder, HEADS[head]))

    return make


def fit(run, data, out, **more):
    return engine.train(run, [data], out, recipe="tiny", command="praxia train tiny", **more)


def vision_weights(path):
    start = "encoder.vision.model."
    return {name.removeprefix(start): one for name, one in load_file(path).items() if name.startswith(start)}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("trained", ["nothing", "all"])
def test_it_begins_with_the_public_weights_and_the_policy_needs_no_files(
    head, trained, backbone_run, dataset_path, folder, tmp_path
):
    fit(backbone_run(head, trained=trained), dataset_path, tmp_path / "run")
    own, ours = make_vision("dinov2").state_dict(), vision_weights(tmp_path / "run" / "policy" / "weights.safetensors")
    assert set(ours) == set(own)
    changed = [name for name in own if not torch.equal(ours[name], own[name])]
    # With its files gone, the policy decides and is what it was.
    shutil.rmtree(folder)
    decisions, _ = load_policy(tmp_path / "run")[0].act([make_query("a", 0, history=1)], None)
    assert np.isfinite(decisions[0].chunk).all()
    state = max((tmp_path / "run" / "state").iterdir())
    moments = load_file(state / "optimizer.safetensors").values()
    if trained == "nothing":
        assert changed == []
        assert not vision_weights(state / "model.safetensors")
        assert not vision_weights(state / "ema.safetensors")
        sizes = {one.shape for one in moments}
        assert own["embeddings.position_embeddings"].shape not in sizes
    else:
        assert set(own) - set(changed) <= {"embeddings.mask_token", "embeddings.position_embeddings"}
        assert len(changed) > 20


@pytest.mark.parametrize("trained", ["nothing", "all"])
def test_a_run_goes_on_bit_identically(trained, backbone_run, dataset_path, tmp_path):
    run = backbone_run(trained=trained)
    uninterrupted = fit(run, dataset_path, tmp_path / "whole")
    with pytest.raises(Stop):
        fit(run, dataset_path, tmp_path / "run", report=stop_after(2))
    resumed = fit(run, dataset_path, tmp_path / "run", resume=True)
    assert resumed["resumed_from"] > 0
    assert resumed["weights_sha256"] == uninterrupted["weights_sha256"]


def test_the_identity_covers_the_backbone(backbone_run, dataset_path, folder, tmp_path):
    """Other public weights, or another size of image, make another policy."""
    first = fit(backbone_run(), dataset_path, tmp_path / "one")
    run = backbone_run()
    larger = dataclasses.replace(run.model.encoder, image_size=42)
    second = fit(
        dataclasses.replace(run, model=dataclasses.replace(run.model, encoder=larger)), dataset_path, tmp_path / "two"
    )
    weights = tmp_path / "one" / "policy" / "weights.safetensors"
    assert first["policy_sha256"] != second["policy_sha256"]
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(DataError, match="differs from what was saved"):
        load_policy(tmp_path / "one")


def test_a_policy_is_fine_tuned_without_the_public_files(backbone_run, dataset_path, folder, tmp_path):
    fit(backbone_run(), dataset_path, tmp_path / "run")
    before = vision_weights(tmp_path / "run" / "policy" / "weights.safetensors")
    shutil.rmtree(folder)
    # Its backbone may be tuned now, and the run names no files.
    run = backbone_run(trained="all")
    encoder = dataclasses.replace(run.model.encoder, weights="")
    run = dataclasses.replace(run, model=dataclasses.replace(run.model, encoder=encoder))
    fit(run, dataset_path, tmp_path / "tuned", start_from=tmp_path / "run")
    after = vision_weights(tmp_path / "tuned" / "policy" / "weights.safetensors")
    assert any(not torch.equal(after[name], before[name]) for name in before)
    assert (
        read_config(tmp_path / "tuned")[0].model.encoder.fitted == read_config(tmp_path / "run")[0].model.encoder.fitted
    )


def test_a_run_does_not_go_on_with_other_public_weights(backbone_run, dataset_path, folder, tmp_path):
    with pytest.raises(Stop):
        fit(backbone_run(), dataset_path, tmp_path / "run", report=stop_after(2))
    model = make_vision("dinov2")
    model.layernorm.bias.data += 1
    model.save_pretrained(folder)
    with pytest.raises(PraxiaError, match="begun with other files of its public model"):
        fit(backbone_run(), dataset_path, tmp_path / "run", resume=True)
