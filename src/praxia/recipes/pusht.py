"""Recipes for PushT from its state: one encoder, one budget, and heads that Diffusion Policy compares."""

from praxia.core.window import Window
from praxia.encoders.state_only import StateOnly
from praxia.encoders.text import NoText
from praxia.heads.denoisers.residual_mlp import ResidualMLP
from praxia.heads.denoisers.unet import UNet
from praxia.heads.diffusion import Diffusion
from praxia.heads.flow import Flow
from praxia.heads.regression import Regression
from praxia.nn.types import HeadConfig
from praxia.policies.encoder_head import EncoderHead
from praxia.training.config import Train, TrainRun

__all__ = ["diffusion_pusht", "diffusion_unet_pusht", "flow_pusht", "regression_pusht"]


def regression_pusht() -> TrainRun:
    """State -> chunks of 16 targets by least absolute error."""
    return _run(Regression(width=512, depth=3))


def flow_pusht() -> TrainRun:
    """State -> chunks of 16 targets by flow matching with a residual MLP."""
    return _run(Flow(ResidualMLP(width=512)))


def diffusion_pusht() -> TrainRun:
    """State -> chunks of 16 targets by denoising diffusion with a residual MLP."""
    return _run(Diffusion(ResidualMLP(width=512)))


def diffusion_unet_pusht() -> TrainRun:
    """State -> chunks of 16 targets by Diffusion Policy's U-Net."""
    return _run(Diffusion(UNet(channels=(32, 64, 128)), repeats=1))


def _run(head: HeadConfig) -> TrainRun:
    return TrainRun(
        model=EncoderHead(encoder=StateOnly(text=NoText(), width=256), head=head),
        window=Window({"state": (0,)}, horizon=16),
        train=Train(steps=6000, batch_size=128, shift_px=0),
    )
