"""Recipes for Bimodal: one encoder, one budget, and every head."""

from praxia.core.window import Window
from praxia.encoders.state_only import StateOnly
from praxia.encoders.text import NoText
from praxia.heads.act import ACT
from praxia.heads.autoregressive import Autoregressive
from praxia.heads.denoisers.dit import DiT
from praxia.heads.denoisers.transformer import Transformer
from praxia.heads.denoisers.unet import UNet
from praxia.heads.diffusion import Diffusion
from praxia.heads.flow import Flow
from praxia.heads.parallel import OFT, ParallelBins
from praxia.heads.regression import Regression
from praxia.nn.types import HeadConfig
from praxia.policies.encoder_head import EncoderHead
from praxia.training.config import Train, TrainRun

__all__ = [
    "act_bimodal",
    "bins_bimodal",
    "diffusion_transformer_bimodal",
    "diffusion_unet_bimodal",
    "dit_bimodal",
    "fast_bimodal",
    "flow_bimodal",
    "oft_bimodal",
    "parallel_bins_bimodal",
    "regression_bimodal",
]


def regression_bimodal() -> TrainRun:
    """State -> chunks of 8 actions by least absolute error: the mean of two ways, which hits the obstacle."""
    return _run(Regression())


def act_bimodal() -> TrainRun:
    """State -> chunks of 8 actions by ACT, with its style latent at 0 when it acts."""
    return _run(ACT())


def oft_bimodal() -> TrainRun:
    """State -> chunks of 8 actions by OpenVLA-OFT's parallel decoding and L1."""
    return _run(OFT())


def flow_bimodal() -> TrainRun:
    """State -> chunks of 8 actions by flow matching with a residual MLP."""
    return _run(Flow())


def dit_bimodal() -> TrainRun:
    """State -> chunks of 8 actions by flow matching with GR00T's diffusion transformer."""
    return _run(Flow(DiT()))


def diffusion_unet_bimodal() -> TrainRun:
    """State -> chunks of 8 actions by Diffusion Policy's U-Net."""
    return _run(Diffusion(UNet()))


def diffusion_transformer_bimodal() -> TrainRun:
    """State -> chunks of 8 actions by Diffusion Policy's transformer."""
    return _run(Diffusion(Transformer()))


def bins_bimodal() -> TrainRun:
    """State -> chunks of 8 actions as 256 bins per dim, one after another, sampled."""
    return _run(Autoregressive("bins"))


def parallel_bins_bimodal() -> TrainRun:
    """State -> chunks of 8 actions as 256 bins per dim, all at once, the likeliest each."""
    return _run(ParallelBins())


def fast_bimodal() -> TrainRun:
    """State -> chunks of 8 actions as FAST tokens, one after another, sampled."""
    return _run(Autoregressive("fast"))


def _run(head: HeadConfig) -> TrainRun:
    return TrainRun(
        model=EncoderHead(encoder=StateOnly(text=NoText(), width=256), head=head),
        window=Window({"state": (0,)}, horizon=8),
        train=Train(steps=1500, batch_size=64, shift_px=0),
    )
