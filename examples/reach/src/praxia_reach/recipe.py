"""A recipe: a function that returns a full configuration, whose first line `praxia recipes` prints."""

from praxia.core.window import Window
from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.text import PooledText
from praxia.heads.flow import Flow
from praxia.policies.encoder_head import EncoderHead
from praxia.training.config import Train, TrainRun

__all__ = ["flow_reach"]


def flow_reach() -> TrainRun:
    """The camera and the instruction of Reach -> chunks of 8 actions by flow matching; an example of a package."""
    encoder = FilmCNN(text=PooledText(width=32, num_heads=2), channels=(16, 24, 32, 32), width=64)
    return TrainRun(
        model=EncoderHead(encoder=encoder, head=Flow()),
        window=Window({"image.top": (0,), "state": (0,)}, horizon=8),
        train=Train(steps=2000),
    )
