"""Invalid images and states are seen by no encoder, and by no head through it."""

import dataclasses

import numpy as np
import pytest
import torch
from public_models import small_vision

from praxia.core.config import fit_config
from praxia.encoders import ENCODERS
from praxia.encoders.backbone import Backbone, BackboneGrid
from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.octo import Octo
from praxia.encoders.resnet import ResNet
from praxia.encoders.resnet_grid import ResNetGrid
from praxia.encoders.rt1 import RT1
from praxia.encoders.state_only import StateOnly
from praxia.encoders.text import PooledText
from praxia.encoders.vision_language import VisionLanguage
from praxia.encoders.vit import ViT
from praxia.heads import HEADS
from praxia.heads.act import ACT
from praxia.heads.autoregressive import Autoregressive
from praxia.heads.decoders import PrefixTransformer
from praxia.heads.denoisers import DENOISERS
from praxia.heads.denoisers.action_expert import ActionExpert
from praxia.heads.denoisers.dit import DiT
from praxia.heads.denoisers.residual_mlp import ResidualMLP
from praxia.heads.denoisers.transformer import Transformer
from praxia.heads.denoisers.unet import UNet
from praxia.heads.diffusion import Diffusion
from praxia.heads.flow import Flow
from praxia.heads.parallel import OFT, ParallelBins
from praxia.heads.regression import Regression
from praxia.nn.types import Batch, Context, Shapes
from praxia.policies.encoder_head import EncoderHead

CAMERAS = ("front", "wrist")
TEXT = PooledText(width=8, num_heads=2)
ENCODERS_HERE = [
    FilmCNN(text=TEXT, width=16, channels=(8, 8, 8, 8)),
    FilmCNN(text=TEXT, width=16, channels=(8, 8, 8, 8), state_conditions=True),
    ResNet(text=TEXT, width=16, channels=(8, 16)),
    ResNetGrid(text=TEXT, channels=(8, 16)),
    RT1(text=TEXT, channels=(8, 8, 8, 16), num_tokens=2),
    ViT(text=TEXT, width=16, depth=1, num_heads=2),
    Octo(text=TEXT, width=16, depth=2, num_heads=2),
    VisionLanguage(width=16, mlp_width=32, depth=2, num_heads=2, head_width=8, vision_depth=1),
    StateOnly(text=TEXT, width=16),
    Backbone(text=TEXT, width=16, fitted=small_vision()),
    Backbone(text=TEXT, width=16, pooling="cls", fitted=small_vision()),
    BackboneGrid(text=TEXT, fitted=small_vision()),
]
SMALL = PrefixTransformer(width=16, depth=1, num_heads=2)
EXPERT = ActionExpert(width=16, mlp_width=32, depth=2, num_heads=2, num_kv_heads=1, head_width=8)
DENOISERS_HERE = [
    ResidualMLP(width=16, depth=1),
    UNet(channels=(16, 32), groups=4),
    Transformer(width=16, depth=1, num_heads=2),
    DiT(width=16, depth=2, num_heads=2),
    EXPERT,
]
HEADS_HERE = [
    *(Flow(one, repeats=1, num_steps=2) for one in DENOISERS_HERE),
    Diffusion(DENOISERS_HERE[3], repeats=1),
    Autoregressive("bins", SMALL),
    ParallelBins("bins", SMALL),
    OFT(SMALL),
    Regression(width=16),
    ACT(width=16, mlp_width=32, num_heads=2, encoder_depth=1),
]
# Text encoders see no images or states; public models are tested in tests/encoders/public.
TEXTS, PUBLIC = {"intent", "no-text", "pooled-text", "transformer-text"}, {"public-vlm"}

# What is valid in each row: (front, wrist, state), each by observation step.
ROWS = {
    "nothing": ((1, 1), (1, 1), (1, 1)),
    "the front camera": ((0, 0), (1, 1), (1, 1)),
    "the wrist camera": ((1, 1), (0, 0), (1, 1)),
    "both cameras": ((0, 0), (0, 0), (1, 1)),
    "history, at the start of an episode": ((0, 1), (0, 1), (0, 1)),
    "the state's history": ((1, 1), (1, 1), (0, 1)),
    "the newest image": ((1, 0), (1, 1), (1, 1)),
    "everything": ((0, 0), (0, 0), (0, 0)),
}
COMPLETE = [all(all(part) for part in row) for row in ROWS.values()]


def make_batch(seed: int = 0) -> Batch:
    """One row per entry of `ROWS`, equal but for the images and states drawn from `seed`."""
    rows = len(ROWS)
    front, wrist, state = (torch.tensor([row[at] for row in ROWS.values()], dtype=torch.bool) for at in range(3))
    content, fixed = torch.Generator().manual_seed(seed), torch.Generator().manual_seed(99)
    return Batch(
        images={
            name: torch.randint(0, 256, (rows, 2, 3, 16, size), generator=content, dtype=torch.uint8)
            for name, size in zip(CAMERAS, (16, 24), strict=True)
        },
        image_valid={"front": front, "wrist": wrist},
        state=torch.randn(rows, 2, 3, generator=content),
        state_valid=state,
        text=torch.randint(2, 50, (rows, 6), generator=fixed),
        text_valid=(torch.arange(6) < 4).expand(rows, 6),
        embodiment=torch.zeros(rows, dtype=torch.int64),
        action=torch.randn(rows, 4, 2, generator=fixed).clamp(-1, 1),
        action_valid=torch.ones(rows, 4, dtype=torch.bool),
    )


def with_other_invalid(batch: Batch) -> Batch:
    """The same batch with other images, and states that are not even numbers, where they are not valid."""
    other = make_batch(seed=1)
    images = {
        name: torch.where(valid[:, :, None, None, None], batch.images[name], other.images[name])
        for name, valid in batch.image_valid.items()
    }
    return dataclasses.replace(
        batch, images=images, state=torch.where(batch.state_valid[..., None], batch.state, float("nan"))
    )


def build(encoder, head):
    """A model in which every parameter has an influence, or None if the two do not fit."""
    torch.manual_seed(0)
    shapes = Shapes(CAMERAS, num_images=4, num_states=2, embodiment_dims=((3, 2),), horizon=4, vocab_size=50)
    waves = np.sin(np.arange(64)[:, None, None] * 0.1 + np.arange(4)[:, None] * [0.2, 0.5]).astype(np.float32)
    model = EncoderHead(encoder, fit_config(head, lambda: waves))
    if model.head.build(shapes, 16).requires - encoder.build(shapes).provides:
        return None
    built = model.build(shapes)
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.05)
    return built


def seen_of(context: Context) -> list[torch.Tensor]:
    """All valid entries of a context."""
    found = [context.tokens[context.mask], context.mask, context.readout()]
    if context.kv_cache is not None:
        valid = context.kv_cache.valid
        found += [valid, *(x.transpose(1, 2)[valid] for layer in context.kv_cache.layers for x in layer)]
    return found


def test_every_encoder_and_every_head_is_tried():
    assert {one.tag for one in ENCODERS_HERE} | TEXTS | PUBLIC | {"fis"} == set(ENCODERS)
    assert {one.tag for one in HEADS_HERE} | {"vlm-tokens", "prefix-transformer"} >= set(HEADS)
    assert {one.tag for one in DENOISERS_HERE} == set(DENOISERS)


@pytest.mark.parametrize("encoder", ENCODERS_HERE, ids=lambda one: one.tag)
def test_an_encoder_does_not_see_invalid_inputs(encoder):
    model = build(encoder, Regression(width=16)).eval().encoder
    batch = make_batch()
    with torch.no_grad():
        context, changed = model(batch), model(with_other_invalid(batch))
        for one, other in zip(seen_of(context), seen_of(changed), strict=True):
            assert one.isfinite().all()
            assert torch.equal(one, other)
        # Valid inputs matter, in every row that has some.
        elsewhere = model(dataclasses.replace(make_batch(seed=1), text=batch.text)).readout()
    differs = (context.readout() != elsewhere).any(1).tolist()
    assert differs == [True] * (len(ROWS) - 1) + [False]


@pytest.mark.parametrize("encoder", ENCODERS_HERE, ids=lambda one: one.tag)
def test_masking_changes_no_bit_where_all_is_valid(encoder):
    model = build(encoder, Regression(width=16)).eval().encoder
    batch = make_batch()
    with torch.no_grad():
        masked, unmasked = model(batch), model(batch.unmasked())
    for one, other in ((masked.readout(), unmasked.readout()), (masked.tokens, unmasked.tokens)):
        assert torch.equal(one[COMPLETE], other[COMPLETE])
    lacking = ~torch.tensor(COMPLETE)
    if encoder.tag == "state-only":
        lacking[[1, 2, 3, 6]] = False
    assert ((masked.readout() != unmasked.readout()).any(1) == lacking).all()
    # Where all tokens are valid the readout is the plain mean.
    assert torch.equal(unmasked.readout(), unmasked.tokens[:, unmasked.groups["readout"]].mean(1))


@pytest.mark.parametrize("encoder", ENCODERS_HERE, ids=lambda one: one.tag)
def test_no_head_sees_invalid_inputs_through_an_encoder(encoder):
    tried = 0
    for head in HEADS_HERE:
        model = build(encoder, head)
        if model is None:
            continue
        batch = make_batch()
        changed = with_other_invalid(batch)
        noise = torch.randn(len(ROWS), *model.head.noise_shape, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            chunks, others = (model.eval().sample(one, noise) for one in (batch, changed))
        assert chunks.isfinite().all(), head
        assert torch.equal(chunks, others), head
        gradients = []
        for one in (batch, changed):
            model.train().zero_grad()
            loss, _ = model.loss(one, torch.Generator().manual_seed(2))
            loss.backward()
            gradients.append([loss, *(p.grad for p in model.parameters() if p.grad is not None)])
        for one, other in zip(*gradients, strict=True):
            assert one.isfinite().all(), head
            assert torch.equal(one, other), head
        tried += 1
    assert tried == len(HEADS_HERE) - (encoder.tag != "vision-language")
