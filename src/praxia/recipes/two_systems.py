"""Recipes of two systems: a slow part that thinks now and then, and a fast one that decides at every step."""

from dataclasses import replace

from praxia.core.window import Window
from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.fis import FiS
from praxia.encoders.intent import IntentText
from praxia.encoders.vision_language import VisionLanguage
from praxia.heads.regression import Regression
from praxia.policies.encoder_head import EncoderHead
from praxia.policies.two_systems import Dual, with_past
from praxia.training.config import Train, TrainRun

__all__ = ["fis_tabletop", "helix_tabletop", "helix_tabletop_embodiments"]

PRESENT = Window({"image.front": (0,), "image.wrist": (0,), "state": (0,)}, horizon=4)
TRAIN = Train(steps=4000, batch_size=32)


def helix_tabletop() -> TrainRun:
    """A slow network reads images and instruction, a small one acts at every step by its newest latent tokens (Helix).

    In training the slow one's images are 8 to 15 control steps old, as in `tabletop/moving/think-8-late-8`.
    """
    fast = FilmCNN(text=IntentText(width=64), channels=(8, 8, 16, 16), width=128)
    slow = VisionLanguage(depth=8, vision_depth=4, patch_px=16)
    model = Dual(fast=EncoderHead(fast, Regression(width=128, depth=1)), slow=slow)
    return TrainRun(model=model, window=with_past(PRESENT, model.rate), train=TRAIN)


def helix_tabletop_embodiments() -> TrainRun:
    """`helix-tabletop` for several robots at once, one data set each (`--data GANTRY,ARM6`): one intent serves all.

    The slow part sees images and instruction, but neither the state nor which robot it is.
    """
    run = helix_tabletop()
    assert isinstance(run.model, Dual), "the model of helix-tabletop"
    return replace(run, model=replace(run.model, slow_sees_robot=False))


def fis_tabletop() -> TrainRun:
    """One network whose first layers read older images and the instruction, and whose last one acts (FiS-VLA).

    Ages are those of `helix-tabletop`.
    """
    model = Dual(fast=EncoderHead(FiS(width=96, depth=20), Regression(width=128, depth=1)))
    return TrainRun(model=model, window=with_past(PRESENT, model.rate), train=TRAIN)
