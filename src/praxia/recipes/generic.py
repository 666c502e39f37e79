"""Recipes for any data with cameras that are not named after a published policy."""

from dataclasses import replace

from praxia.core.window import EVERY_CAMERA, Window
from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.text import TransformerText
from praxia.heads.flow import Flow
from praxia.policies.correction import Corrected
from praxia.policies.encoder_head import EncoderHead
from praxia.training.config import Train, TrainRun

__all__ = ["SMALL_BATCHES", "flow", "flow_corrected"]

# For images of real cameras: eight windows per step, as LeRobot trains by default, so that a laptop's memory is enough.
SMALL_BATCHES = Train(steps=20_000, batch_size=8, learning_rate=3e-4)


def flow() -> TrainRun:
    """Every camera, the state and the instruction -> chunks of 16 actions by flow matching; small and quick.

    The encoder and the head are those of `flow-tabletop`.
    """
    encoder = FilmCNN(text=TransformerText(), state_conditions=True, channels=(24, 32, 48, 64))
    return TrainRun(
        model=EncoderHead(encoder=encoder, head=Flow()),
        window=Window({EVERY_CAMERA: (0,), "state": (0,)}, horizon=16),
        train=SMALL_BATCHES,
        image_size=128,
    )


def flow_corrected() -> TrainRun:
    """As `flow`, with a small network that corrects each action by the newest observation (A2C2).

    Its encoder is smaller than the policy's, because it runs at every control step.
    """
    run, offsets = flow(), (4, 8, 12)
    assert isinstance(run.model, EncoderHead), "the model of flow"
    encoder = FilmCNN(text=TransformerText(), state_conditions=True, channels=(16, 24, 32, 32), width=256)
    targets = dict.fromkeys(run.window.observation_steps, offsets)
    return replace(run, model=Corrected(run.model, encoder, offsets), window=replace(run.window, targets=targets))
