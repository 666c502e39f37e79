"""Recipes named after well-known policies, at sizes that train on a laptop, on any data with cameras.

Each pairs an encoder and a head of the same family as the original, at the sizes of `flow-tabletop`.
`known_published.py` has them at the sizes of their papers. Deviations that all share: they see only the newest
timestep, which keeps them small; a small text encoder, trained with the policy, reads the instruction; images are
augmented by shifts, not by crops and colours. The deviations of encoders and heads are documented at their classes.
"""

from praxia.core.window import EVERY_CAMERA, Window
from praxia.encoders.octo import Octo
from praxia.encoders.resnet import ResNet
from praxia.encoders.resnet_grid import ResNetGrid
from praxia.encoders.rt1 import RT1
from praxia.encoders.text import TransformerText
from praxia.heads.act import ACT
from praxia.heads.denoisers.residual_mlp import ResidualMLP
from praxia.heads.denoisers.transformer import Transformer
from praxia.heads.denoisers.unet import UNet
from praxia.heads.diffusion import Diffusion
from praxia.heads.parallel import ParallelBins
from praxia.nn.types import EncoderConfig, HeadConfig
from praxia.policies.encoder_head import EncoderHead
from praxia.recipes.generic import SMALL_BATCHES
from praxia.training.config import Train, TrainRun

__all__ = ["act", "diffusion_policy_transformer", "diffusion_policy_unet", "octo", "rt1"]

# The batch of their paper and of LeRobot's example, whose networks of this size a laptop's memory holds.
DIFFUSION_POLICY = Train(steps=5000, batch_size=64, learning_rate=3e-4)


def rt1() -> TrainRun:
    """RT-1: FiLM convolutions, eight learned tokens per image, a transformer, 256 bins per action dim; small.

    In RT-1 no action token sees another, so its bins are decoded at once and not one after another. Deviations: chunks
    of 8 actions where RT-1 predicts one, because the benchmarks execute 4 at a time.
    """
    return _run(RT1(text=TransformerText()), ParallelBins(), horizon=8)


def octo() -> TrainRun:
    """Octo: a transformer over task, patches and a readout, and a diffusion head on the readout; small."""
    head = Diffusion(ResidualMLP(), train_steps=20, num_steps=20, clip=5.0)
    return _run(Octo(text=TransformerText(), patch_px=16), head, horizon=4)


def act() -> TrainRun:
    """ACT: the positions of ResNet's feature maps, a transformer and a style latent, chunks by L1; small.

    Deviations: chunks of 16 where theirs are of 100 at 50 Hz.
    """
    return _run(ResNetGrid(text=TransformerText()), ACT(), horizon=16)


def diffusion_policy_unet() -> TrainRun:
    """Diffusion Policy: ResNet with spatial softmax, chunks of 16 by a one-dimensional U-Net; small."""
    return _run(ResNet(text=TransformerText()), Diffusion(UNet()), horizon=16, train=DIFFUSION_POLICY)


def diffusion_policy_transformer() -> TrainRun:
    """Diffusion Policy: ResNet with spatial softmax, chunks of 10 by a causal transformer; small."""
    return _run(ResNet(text=TransformerText()), Diffusion(Transformer()), horizon=10, train=DIFFUSION_POLICY)


def _run(encoder: EncoderConfig, head: HeadConfig, horizon: int, train: Train = SMALL_BATCHES) -> TrainRun:
    return TrainRun(
        model=EncoderHead(encoder=encoder, head=head),
        window=Window({EVERY_CAMERA: (0,), "state": (0,)}, horizon=horizon),
        train=train,
        image_size=128,
    )
