"""ACT and Diffusion Policy in the form of their public code, small; `tests/peers/lerobot_policies.py` compares them."""

import dataclasses

import pytest
import torch
from praxia_testing import make_batch, make_shapes

from praxia.encoders.resnet import ResNet
from praxia.encoders.resnet_grid import ResNetGrid
from praxia.encoders.text import NoText
from praxia.heads.act import ACT
from praxia.heads.denoisers.unet import UNet
from praxia.heads.diffusion import Diffusion
from praxia.policies.encoder_head import EncoderHead

ACT_MODEL = EncoderHead(
    ResNetGrid(text=NoText(width=0), channels=(16, 32), trunk="frozen-batch-norm", detr_width=32),
    ACT(width=32, mlp_width=64, num_heads=2, encoder_depth=1, kl_weight=1.0, detr=True),
)
DIFFUSION_MODEL = EncoderHead(
    ResNet(text=NoText(width=0), channels=(16, 32), trunk="group-norm", keypoints=8, separate_cameras=True),
    Diffusion(UNet(channels=(32, 64), published=True, time_width=32), repeats=8),
)
every = pytest.mark.parametrize("config", [ACT_MODEL, DIFFUSION_MODEL], ids=["act", "diffusion"])


def built(config):
    torch.manual_seed(0)
    return config.build(make_shapes())


@pytest.mark.slow
@every
def test_it_overfits_ten_samples(config):
    batch, model = make_batch(num=10), built(config)
    batch = dataclasses.replace(batch, action=batch.action.clamp(-2, 2))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.0)
    generator = torch.Generator().manual_seed(0)
    for _ in range(400):
        loss, _ = model.loss(batch, generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    noise = torch.randn(10, *model.head.noise_shape, generator=generator)
    with torch.no_grad():
        found = model.eval().sample(batch, noise)
    assert (found - batch.action).abs().median() < 0.2


@every
def test_the_instruction_has_no_weights_and_changes_nothing(config):
    model = built(config).eval()
    assert not any("text" in name for name, _ in model.named_parameters())
    noise = torch.zeros(5, *model.head.noise_shape)
    found = [model.sample(make_batch(text_seed=seed), noise) for seed in (0, 1)]
    assert torch.equal(*found)


@every
def test_an_image_that_is_not_valid_changes_nothing(config):
    model, batch = built(config).eval(), make_batch()
    valid = torch.tensor([True, False]).expand(5, 2)
    noise, found = torch.zeros(5, *model.head.noise_shape), []
    for seed in (0, 1):
        other = make_batch(image_seed=seed).images["front"][:, 1:]
        images = {"front": torch.cat([batch.images["front"][:, :1], other], dim=1)}
        hidden = dataclasses.replace(batch, images=images, image_valid={"front": valid})
        found.append(model.sample(hidden, noise))
    assert torch.equal(*found)


def test_what_is_cut_off_is_not_seen():
    torch.manual_seed(0)
    config = ResNet(text=NoText(width=0), channels=(16, 32), trunk="group-norm", keypoints=8, crop=0.75)
    encoder, batch = config.build(make_shapes()), make_batch()
    edge, middle = (batch.images["front"].clone() for _ in range(2))
    edge[..., :2, :], middle[..., 8, 8] = 0, 0
    plain, at_the_edge, inside = (
        encoder(dataclasses.replace(batch, images={"front": one})).tokens
        for one in (batch.images["front"], edge, middle)
    )
    assert torch.equal(plain, at_the_edge)
    assert not torch.equal(plain, inside)
