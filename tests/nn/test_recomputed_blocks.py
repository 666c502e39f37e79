"""Blocks that are computed again in the backward pass: the same gradients, bit for bit, with fewer kept tensors."""

import copy
import dataclasses

import pytest
import torch
from praxia_testing import make_batch, make_shapes
from public_models import MODELS, small_config

from praxia.core.config import fit_config
from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.public.model import PublicVLM
from praxia.encoders.resnet_grid import ResNetGrid
from praxia.encoders.text import NoText, PooledText, TransformerText
from praxia.encoders.vision_language import VisionLanguage
from praxia.encoders.vit import ViT
from praxia.heads.act import ACT
from praxia.heads.autoregressive import Autoregressive
from praxia.heads.decoders import PrefixTransformer, VLMTokens
from praxia.heads.denoisers.action_expert import ActionExpert
from praxia.heads.denoisers.dit import DiT
from praxia.heads.denoisers.transformer import Transformer
from praxia.heads.denoisers.unet import UNet
from praxia.heads.diffusion import Diffusion
from praxia.heads.flow import Flow
from praxia.nn.blocks import blocks, recompute_blocks
from praxia.policies.encoder_head import EncoderHead

TEXT = PooledText(width=16, num_heads=2)
EXPERT = ActionExpert(16, 32, depth=2, num_heads=4, num_kv_heads=1, head_width=8)
SHALLOW = VisionLanguage(width=32, mlp_width=64, depth=2, num_heads=4, num_kv_heads=1, head_width=8, vision_depth=1)
MODELS_BY_NAME = {
    "vit, dropout": EncoderHead(
        ViT(TEXT, width=32, depth=3, num_heads=2), ACT(width=32, mlp_width=64, num_heads=2, dropout=0.5)
    ),
    "resnet-grid, detr": EncoderHead(
        ResNetGrid(NoText(), (8,), "frozen-batch-norm", detr_width=16),
        ACT(width=16, mlp_width=64, num_heads=2, encoder_depth=2, dropout=0.5, detr=True),
    ),
    "film-cnn, unet": EncoderHead(
        FilmCNN(TEXT, channels=(8, 8, 8, 8), width=32), Diffusion(UNet(channels=(16, 32), groups=4))
    ),
    "vit, dit": EncoderHead(ViT(TransformerText(width=16, num_heads=2), 32, 2, 2), Flow(DiT(32, depth=2, num_heads=2))),
    "vit, transformer": EncoderHead(ViT(TEXT, 32, 2, 2), Flow(Transformer(32, depth=2, num_heads=2))),
    "vision-language, expert": EncoderHead(SHALLOW, Flow(dataclasses.replace(EXPERT, ada_norm=True))),
    "vit, autoregressive": EncoderHead(ViT(TEXT, 32, 2, 2), Autoregressive("bins", PrefixTransformer(32, 2, 2))),
    "paligemma, expert": EncoderHead(
        PublicVLM(MODELS["paligemma"], template="{instruction}", fitted=small_config("paligemma")), Flow(EXPERT)
    ),
    "qwen, tokens": EncoderHead(
        PublicVLM(MODELS["qwen2_5_vl"], template="{instruction}", fitted=small_config("qwen2_5_vl")),
        Autoregressive("bins", VLMTokens()),
    ),
}


def batch_for(config):
    """Eight rows; a public model's prompt has the placeholders of its images, and no other token of theirs."""
    batch = make_batch(num=8)
    if not isinstance(config.encoder, PublicVLM):
        return batch
    encoder = config.encoder.build(make_shapes())
    text = torch.cat([torch.full((8, 2 * encoder.num_tokens), encoder.placeholder), batch.text % 20 + 300], dim=1)
    return dataclasses.replace(batch, text=text, text_valid=torch.ones_like(text, dtype=torch.bool))


def trained_once(model, batch):
    """The gradients of a loss by name, and the bytes of the tensors that its forward pass kept for the backward."""
    weights = {value.untyped_storage().data_ptr() for value in model.state_dict().values()}
    kept = {}

    def keep(value):
        if value.untyped_storage().data_ptr() not in weights:
            kept[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
        return value

    model.zero_grad()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
        loss, _ = model.loss(batch, torch.Generator().manual_seed(7))
    loss.backward()
    return {name: value.grad for name, value in model.named_parameters()}, sum(kept.values())


@pytest.mark.parametrize("config", MODELS_BY_NAME.values(), ids=MODELS_BY_NAME)
def test_gradients_are_the_same_with_fewer_kept_tensors(config):
    torch.manual_seed(0)
    config = EncoderHead(config.encoder, fit_config(config.head, lambda: make_batch(num=200).action.numpy()))
    batch, model = batch_for(config), config.build(make_shapes()).train()
    with torch.no_grad():
        for parameter in model.parameters():  # some start at zero
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)) * 0.05)
    names = set(model.state_dict())
    whole, whole_bytes = trained_once(model, batch)
    stream = torch.get_rng_state()
    assert recompute_blocks(model) == len(blocks(model)) >= 2
    again, kept_bytes = trained_once(model, batch)
    assert set(model.state_dict()) == names
    assert torch.equal(torch.get_rng_state(), stream)
    for name, gradient in whole.items():
        assert gradient is again[name] is None or torch.equal(gradient, again[name]), name
    assert kept_bytes < 0.8 * whole_bytes


def test_a_copy_calls_its_own_blocks():
    torch.manual_seed(0)
    config = MODELS_BY_NAME["vit, dit"]
    model, batch = config.build(make_shapes()), make_batch(num=8)
    recompute_blocks(model)
    other = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    trained_once(other, batch)
    assert all(value.grad is None for value in model.parameters())
    assert any(value.grad is not None and value.grad.any() for value in other.parameters())
