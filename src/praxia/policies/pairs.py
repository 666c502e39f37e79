"""Which encoders fit which heads: what every head needs, against what every encoder gives."""

import numpy as np
import torch

from praxia.core.config import Config
from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.octo import Octo
from praxia.encoders.public.model import PublicVLM
from praxia.encoders.resnet import ResNet
from praxia.encoders.resnet_grid import ResNetGrid
from praxia.encoders.rt1 import RT1
from praxia.encoders.state_only import StateOnly
from praxia.encoders.vision_language import VisionLanguage
from praxia.encoders.vit import ViT
from praxia.heads.act import ACT
from praxia.heads.autoregressive import Autoregressive
from praxia.heads.denoisers.action_expert import ActionExpert
from praxia.heads.denoisers.dit import DiT
from praxia.heads.denoisers.residual_mlp import ResidualMLP
from praxia.heads.denoisers.transformer import Transformer
from praxia.heads.denoisers.unet import UNet
from praxia.heads.diffusion import Diffusion
from praxia.heads.flow import Flow
from praxia.heads.parallel import OFT, ParallelBins
from praxia.heads.regression import Regression
from praxia.heads.vlm_tokens import VLMTokens
from praxia.nn.types import Shapes
from praxia.policies.encoder_head import EncoderHead

__all__ = ["PAIRED_ENCODERS", "PAIRED_HEADS", "missing"]

PAIRED_ENCODERS: dict[str, Config] = {
    "film-cnn": FilmCNN(),
    "resnet": ResNet(),
    "resnet-grid": ResNetGrid(),
    "rt1": RT1(),
    "vit": ViT(),
    "octo": Octo(),
    "vision-language": VisionLanguage(),
    "public-vlm": PublicVLM("paligemma-3b-224"),
    "state-only": StateOnly(),
}
PAIRED_HEADS: dict[str, Config] = {
    "regression": Regression(),
    "act": ACT(),
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
_SHAPES = Shapes(cameras=("front",), num_images=1, num_states=1, embodiments=((3, 2),), horizon=8, vocabulary=64)


def missing() -> dict[tuple[str, str], frozenset[str]]:
    """For every pair of (encoder, head), at their default sizes: what the head needs and the encoder does not give."""
    with torch.device("meta"):  # some are large
        gives = {name: encoder.build(_SHAPES).gives for name, encoder in PAIRED_ENCODERS.items()}  # pyright: ignore
    waves = np.sin(np.arange(64)[:, None, None] * 0.1 + np.arange(8)[:, None] * np.array([0.2, 0.5]))
    found = {}
    for name, head in PAIRED_HEADS.items():
        fitted = EncoderHead(PAIRED_ENCODERS["state-only"], head).fit(lambda: waves.astype(np.float32)).head
        with torch.device("meta"):
            needs = fitted.build(_SHAPES, 16).needs  # pyright: ignore[reportAttributeAccessIssue]
        found |= {(encoder, name): frozenset(needs - given) for encoder, given in gives.items()}
    return found
