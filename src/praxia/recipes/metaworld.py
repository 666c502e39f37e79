"""Recipes for Meta-World."""

from dataclasses import replace

from praxia.core.window import Window
from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.state_only import StateOnly
from praxia.heads.flow import Flow
from praxia.policies.encoder_head import EncoderHead
from praxia.training.config import Train, TrainRun

__all__ = ["flow_metaworld", "flow_metaworld_blind", "flow_mt50"]


def flow_metaworld() -> TrainRun:
    """One image, proprioception and the instruction -> chunks of 8 actions by flow matching."""
    return TrainRun(
        model=EncoderHead(encoder=FilmCNN(), head=Flow()),
        window=Window({"image.workspace": (0,), "state": (0,)}, horizon=8),
        train=Train(steps=2000),
    )


def flow_metaworld_blind() -> TrainRun:
    """The control of `flow-metaworld`: the same without images."""
    return replace(
        flow_metaworld(),
        model=EncoderHead(encoder=StateOnly(), head=Flow()),
        window=Window({"state": (0,)}, horizon=8),
    )


def flow_mt50() -> TrainRun:
    """Images of workspace and hand, proprioception and the instruction -> chunks of 8 actions by flow: 50 tasks.

    The images' first map, the largest, has half of `flow_metaworld`'s channels, because there are two images of
    80 px: with fifty tasks the result depends on how many samples a core can process. The batch is smaller for the same
    reason: as many samples in twice the steps.
    """
    return TrainRun(
        model=EncoderHead(encoder=FilmCNN(state_conditions=True, channels=(16, 32, 48, 64)), head=Flow()),
        window=Window({"image.workspace": (0,), "image.hand": (0,), "state": (0,)}, horizon=8),
        train=Train(steps=15_500, batch_size=64),
    )
