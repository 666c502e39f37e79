"""Recipes for Tabletop."""

from praxia.core.types import Window
from praxia.encoders.film_cnn import FilmCNN
from praxia.heads.flow import Flow
from praxia.policies.composed import Composed
from praxia.train.config import Train, TrainRun

__all__ = ["flow_tabletop"]


def flow_tabletop() -> TrainRun:
    """The operator's and the wrist's picture, proprioception and the instruction -> chunks of 8 actions by flow."""
    return TrainRun(
        model=Composed(encoder=FilmCNN(), head=Flow()),
        window=Window({"image.front": (0,), "image.wrist": (0,), "state": (0,)}, horizon=8),
        train=Train(steps=6000),
    )
