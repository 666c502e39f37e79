"""Recipes for models that read actions from video."""

from praxia.core.window import Window
from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.text import NoText
from praxia.training.config import Train, TrainRun
from praxia.worlds.inverse_dynamics import InverseDynamics

__all__ = ["idm_tabletop"]


def idm_tabletop() -> TrainRun:
    """The operator's and the wrist's images, now and one control step later -> the action between them."""
    cameras = ("image.front", "image.wrist")
    return TrainRun(
        model=InverseDynamics(encoder=FilmCNN(text=NoText(), channels=(16, 24, 32, 48), width=256), num_later=1),
        window=Window(dict.fromkeys(cameras, (0,)), horizon=1, targets=dict.fromkeys(cameras, (1,)), executed=True),
        train=Train(steps=1000, batch_size=64, learning_rate=2e-3),
        only_success=False,
    )
