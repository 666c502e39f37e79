"""Recipes for models that read actions from video."""

from praxia.core.window import Window
from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.text import NoText
from praxia.training.config import Train, TrainRun
from praxia.worlds.inverse_dynamics import InverseDynamics

__all__ = ["idm_tabletop"]


def idm_tabletop() -> TrainRun:
    """The operator's and the wrist's images, one control step before the present to two after it -> the action."""
    before, after = (-1, 0), (1, 2)
    cameras = ("image.front", "image.wrist")
    return TrainRun(
        model=InverseDynamics(
            encoder=FilmCNN(text=NoText(), channels=(16, 24, 32, 48), width=256), num_later=len(after)
        ),
        window=Window(dict.fromkeys(cameras, before), horizon=1, targets=dict.fromkeys(cameras, after), executed=True),
        train=Train(steps=3000, batch_size=64, shift_px=0),
        only_success=False,
    )
