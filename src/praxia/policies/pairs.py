"""Which encoders fit which heads: what every head requires, against what every encoder provides."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from praxia.core.config import fit_config
from praxia.core.errors import MissingPackage
from praxia.encoders.backbone import Backbone, BackboneGrid
from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.octo import Octo
from praxia.encoders.public.model import PublicVLM
from praxia.encoders.public.vision import DINOV2_SMALL
from praxia.encoders.resnet import ResNet
from praxia.encoders.resnet_grid import ResNetGrid
from praxia.encoders.rt1 import RT1
from praxia.encoders.state_only import StateOnly
from praxia.encoders.vision_language import VisionLanguage
from praxia.encoders.vit import ViT
from praxia.heads.act import ACT
from praxia.heads.autoregressive import Autoregressive
from praxia.heads.decoders import VLMTokens
from praxia.heads.denoisers.action_expert import ActionExpert
from praxia.heads.denoisers.dit import DiT
from praxia.heads.denoisers.residual_mlp import ResidualMLP
from praxia.heads.denoisers.transformer import Transformer
from praxia.heads.denoisers.unet import UNet
from praxia.heads.diffusion import Diffusion
from praxia.heads.flow import Flow
from praxia.heads.parallel import OFT, ParallelBins
from praxia.heads.regression import Regression
from praxia.nn.types import EncoderConfig, HeadConfig, Shapes

__all__ = ["PAIRED_ENCODERS", "PAIRED_HEADS", "Pairs", "find_pairs"]

_CONTEXT_WIDTH = 16

PAIRED_ENCODERS: dict[str, EncoderConfig] = {
    "film-cnn": FilmCNN(),
    "resnet": ResNet(),
    "resnet-grid": ResNetGrid(),
    "resnet-grid (detr)": ResNetGrid(detr_width=512),
    "rt1": RT1(),
    "vit": ViT(),
    "octo": Octo(),
    "vision-language": VisionLanguage(),
    "backbone": Backbone(fitted=DINOV2_SMALL),
    "backbone-grid": BackboneGrid(fitted=DINOV2_SMALL),
    "public-vlm": PublicVLM("paligemma-3b-224"),
    "state-only": StateOnly(),
}
PAIRED_HEADS: dict[str, HeadConfig] = {
    "regression": Regression(),
    "act": ACT(),
    "act (detr)": ACT(width=_CONTEXT_WIDTH, detr=True),
    "oft": OFT(),
    "flow (residual-mlp)": Flow(ResidualMLP()),
    "flow (dit)": Flow(DiT()),
    "flow (action-expert)": Flow(ActionExpert()),
    "flow (action-expert, ada-norm)": Flow(ActionExpert(ada_norm=True)),
    "flow (action-expert of pi0)": Flow(ActionExpert(1024, 4096, 18, num_heads=8, num_kv_heads=1, head_width=256)),
    "diffusion (unet)": Diffusion(UNet()),
    "diffusion (transformer)": Diffusion(Transformer()),
    "autoregressive (bins)": Autoregressive("bins"),
    "autoregressive (fast)": Autoregressive("fast"),
    "autoregressive (bins, vlm-tokens)": Autoregressive("bins", VLMTokens()),
    "oft (vlm-tokens)": OFT(VLMTokens()),
    "parallel-bins": ParallelBins(),
}
_SHAPES = Shapes(cameras=("front",), num_images=1, num_states=1, embodiment_dims=((3, 2),), horizon=8, vocab_size=64)


@dataclass(frozen=True)
class Pairs:
    """`missing`: what the head requires and the encoder does not provide, for every (encoder, head).

    `left_out`: why an encoder is in no pair, which is that a package is not installed.
    """

    missing: Mapping[tuple[str, str], frozenset[str]]
    left_out: Mapping[str, MissingPackage]


def find_pairs() -> Pairs:
    """Pairs of all encoders and heads at their default sizes."""
    provided, left_out = {}, {}
    for name, encoder in PAIRED_ENCODERS.items():
        try:
            with torch.device("meta"):  # some are large
                provided[name] = encoder.build(_SHAPES).provides
        except MissingPackage as error:
            left_out[name] = error
    waves = np.sin(np.arange(64)[:, None, None] * 0.1 + np.arange(8)[:, None] * np.array([0.2, 0.5]))
    found = {}
    for name, head in PAIRED_HEADS.items():
        fitted = fit_config(head, lambda: waves.astype(np.float32))
        with torch.device("meta"):
            required = fitted.build(_SHAPES, _CONTEXT_WIDTH).requires
        found |= {(encoder, name): frozenset(required - given) for encoder, given in provided.items()}
    return Pairs(found, left_out)
