"""Recipes for the comparison of heads on Tabletop: one encoder, one budget, and every head."""

from praxia.core.window import Window
from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.text import NoText, TextEncoderConfig, TransformerText
from praxia.heads.act import ACT
from praxia.heads.autoregressive import Autoregressive
from praxia.heads.denoisers.dit import DiT
from praxia.heads.denoisers.unet import UNet
from praxia.heads.diffusion import Diffusion
from praxia.heads.flow import Flow
from praxia.heads.parallel import OFT
from praxia.heads.regression import Regression
from praxia.nn.types import HeadConfig
from praxia.policies.encoder_head import EncoderHead
from praxia.training.config import Train, TrainRun

__all__ = [
    "act_tabletop_heads",
    "bins_tabletop_heads",
    "diffusion_unet_tabletop_heads",
    "dit_tabletop_heads",
    "fast_tabletop_heads",
    "flow_language_free_tabletop_heads",
    "flow_tabletop_heads",
    "oft_tabletop_heads",
    "regression_tabletop_heads",
]


def regression_tabletop_heads() -> TrainRun:
    """Two images, state and instruction -> chunks of 8 actions by least absolute error, in minutes."""
    return _run(Regression())


def act_tabletop_heads() -> TrainRun:
    """Two images, state and instruction -> chunks of 8 actions by ACT, in minutes."""
    return _run(ACT())


def oft_tabletop_heads() -> TrainRun:
    """Two images, state and instruction -> chunks of 8 actions by parallel decoding and L1, in minutes."""
    return _run(OFT())


def flow_tabletop_heads() -> TrainRun:
    """Two images, state and instruction -> chunks of 8 actions by flow with a residual MLP, in minutes."""
    return _run(Flow())


def dit_tabletop_heads() -> TrainRun:
    """Two images, state and instruction -> chunks of 8 actions by flow with GR00T's transformer, in minutes."""
    return _run(Flow(DiT(), repeats=2))


def diffusion_unet_tabletop_heads() -> TrainRun:
    """Two images, state and instruction -> chunks of 8 actions by Diffusion Policy's U-Net, in minutes."""
    return _run(Diffusion(UNet(channels=(32, 64, 128)), repeats=2))


def bins_tabletop_heads() -> TrainRun:
    """Two images, state and instruction -> chunks of 8 actions as 256 bins per dim, one by one, in minutes."""
    return _run(Autoregressive("bins"))


def fast_tabletop_heads() -> TrainRun:
    """Two images, state and instruction -> chunks of 8 actions as FAST tokens, one by one, in minutes."""
    return _run(Autoregressive("fast"))


def flow_language_free_tabletop_heads() -> TrainRun:
    """The control of all of them: `flow-tabletop-heads` without the instruction."""
    return _run(Flow(), NoText())


def _run(head: HeadConfig, text: TextEncoderConfig | None = None) -> TrainRun:
    """`flow_tabletop` with a slimmer encoder and a sixth of its steps."""
    text = TransformerText() if text is None else text
    encoder = FilmCNN(text=text, state_conditions=True, channels=(16, 24, 32, 48), width=256)
    return TrainRun(
        model=EncoderHead(encoder=encoder, head=head),
        window=Window({"image.front": (0,), "image.wrist": (0,), "state": (0,)}, horizon=8),
        train=Train(steps=800),
    )
