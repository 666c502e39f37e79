"""Recipes for Meta-World."""

from dataclasses import replace

from praxia.core.types import Window
from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.state_only import StateOnly
from praxia.heads.flow import Flow
from praxia.policies.composed import Composed
from praxia.train.config import Train, TrainRun

__all__ = ["flow_metaworld", "flow_metaworld_blind"]


def flow_metaworld() -> TrainRun:
    """One picture, proprioception and the instruction -> chunks of 8 actions by flow matching."""
    return TrainRun(
        model=Composed(encoder=FilmCNN(), head=Flow()),
        window=Window({"image.workspace": (0,), "state": (0,)}, horizon=8),
        train=Train(steps=2000),
    )


def flow_metaworld_blind() -> TrainRun:
    """The control of `flow_metaworld`: the same but for its pictures."""
    seeing = flow_metaworld()
    return replace(
        seeing,
        model=Composed(encoder=StateOnly(), head=seeing.model.head),
        window=Window({"state": (0,)}, horizon=8),
    )
