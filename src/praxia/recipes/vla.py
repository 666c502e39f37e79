"""Recipes named after vision-language-action models, at sizes that train from scratch on a laptop, on Tabletop.

All have a small vision-language transformer in place of a public one; they differ in their heads.
`vla_published.py` has them with public models at the sizes of their papers. Deviations that all share: nothing is
pretrained; they see the newest timestep of two cameras; the state is one token of the prefix. The deviations of
encoders and heads are documented at their classes.
"""

from praxia.core.window import EVERY_CAMERA, Window
from praxia.encoders.vision_language import VisionLanguage
from praxia.heads.autoregressive import Autoregressive
from praxia.heads.denoisers.action_expert import ActionExpert
from praxia.heads.denoisers.dit import DiT
from praxia.heads.flow import Flow
from praxia.heads.parallel import OFT
from praxia.nn.types import HeadConfig
from praxia.policies.encoder_head import EncoderHead
from praxia.recipes.generic import SMALL_BATCHES
from praxia.training.config import TrainRun

__all__ = ["gr00t_n1", "openvla", "openvla_oft", "pi0", "pi0_fast", "pi05"]


def openvla() -> TrainRun:
    """RT-2 and OpenVLA: a vision-language transformer generates actions as bins, one after another; small.

    Deviations: tokens and their embeddings are the head's own; chunks of 4 actions where theirs are of one.
    """
    return _run(Autoregressive("bins", temperature=0.0), horizon=4)


def openvla_oft() -> TrainRun:
    """OpenVLA-OFT: a vision-language transformer, all steps of a chunk decoded at once, L1; small."""
    return _run(OFT(), horizon=8)


def pi0() -> TrainRun:
    """pi0: a vision-language transformer and an action expert that attends to its layers, flow matching; small.

    Deviations: chunks of 16 where theirs are of 50; times as in `nn.flow`.
    """
    return _run(Flow(ActionExpert()), horizon=16)


def pi05() -> TrainRun:
    """pi0.5: as pi0, but the flow time modulates every norm of the action expert; small.

    Deviations: as `pi0`; the state is a token where theirs is text; no sub-tasks are generated first.
    """
    return _run(Flow(ActionExpert(ada_norm=True)), horizon=16)


def pi0_fast() -> TrainRun:
    """pi0-FAST: a vision-language transformer generates a chunk as FAST tokens, one after another; small.

    Deviations: tokens and their embeddings are the head's own; the state is a token where theirs is text.
    """
    return _run(Autoregressive("fast", temperature=0.0), horizon=16)


def gr00t_n1() -> TrainRun:
    """GR00T N1: a vision-language transformer, and a diffusion transformer that attends to its tokens; small.

    Four Euler steps, as theirs. Deviations: the last layer's tokens where theirs are the middle's.
    """
    return _run(Flow(DiT(), num_steps=4), horizon=16)


def _run(head: HeadConfig, horizon: int) -> TrainRun:
    return TrainRun(
        model=EncoderHead(encoder=VisionLanguage(patch_px=16), head=head),
        window=Window({EVERY_CAMERA: (0,), "state": (0,)}, horizon=horizon),
        train=SMALL_BATCHES,
        image_size=128,
    )
