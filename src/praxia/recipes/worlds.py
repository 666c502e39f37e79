"""Recipes for models of the world."""

from praxia.core.window import Window
from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.text import NoText
from praxia.joint.uwm import UWM
from praxia.training.config import Train, TrainRun
from praxia.worlds.lapa import LAPA
from praxia.worlds.lewm import LeWM

__all__ = ["lapa_tworoom", "lewm_tworoom", "uwm_tworoom"]

STRIDE = 5


def lewm_tworoom() -> TrainRun:
    """Images -> latents -> the latent 5 steps on, by LeWM: three frames and the actions between them."""
    return TrainRun(
        model=LeWM(
            encoder=FilmCNN(text=NoText(), channels=(16, 32, 32, 32), width=128),
            stride=STRIDE,
            width=64,
            depth=3,
        ),
        window=Window(
            {"image.top": (-2 * STRIDE, -STRIDE, 0), "action": tuple(range(-2 * STRIDE, 0))},
            horizon=STRIDE,
            targets={"image.top": (STRIDE,)},
            executed=True,
        ),
        train=Train(steps=3000, batch_size=64, shift_px=0),
        only_success=False,
    )


def lapa_tworoom() -> TrainRun:
    """Two images 5 steps apart -> 4 codes of what changed, by LAPA: no actions, no states, no instructions."""
    return TrainRun(
        model=LAPA(),
        window=Window({"image.top": (0,)}, horizon=0, targets={"image.top": (STRIDE,)}),
        train=Train(steps=3000, batch_size=64, shift_px=0),
        only_success=False,
    )


def uwm_tworoom() -> TrainRun:
    """Images of the room and of the goal -> chunks of 8 actions and the frames that follow them, by UWM."""
    latents = LeWM(FilmCNN(text=NoText(), channels=(16, 32, 32, 32), width=128), stride=2, width=64, depth=2)
    return TrainRun(
        model=UWM(latents, camera="top"),
        window=Window(
            {"image.top": (0,), "image.goal": (0,)}, horizon=8, targets={"image.top": (2, 4, 6, 8)}, executed=True
        ),
        train=Train(steps=1200, batch_size=32, shift_px=0),
    )
