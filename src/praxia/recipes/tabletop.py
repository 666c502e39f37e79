"""Recipes for Tabletop."""

from dataclasses import replace

from praxia.core.window import Window
from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.text import NoText, TextEncoderConfig, TransformerText
from praxia.heads.flow import Flow
from praxia.policies.encoder_head import EncoderHead
from praxia.training.config import Train, TrainRun

__all__ = ["flow_tabletop", "flow_tabletop_embodiments", "flow_tabletop_language_free"]


def flow_tabletop() -> TrainRun:
    """The operator's and the wrist's image, proprioception and the instruction -> chunks of 8 actions by flow."""
    return TrainRun(
        model=EncoderHead(encoder=_encoder(TransformerText()), head=Flow()),
        window=Window({"image.front": (0,), "image.wrist": (0,), "state": (0,)}, horizon=8),
        train=Train(steps=5000),
    )


def flow_tabletop_language_free() -> TrainRun:
    """The control of `flow-tabletop`: the same without the instruction."""
    run = flow_tabletop()
    return replace(run, model=replace(run.model, encoder=_encoder(NoText())))


def flow_tabletop_embodiments() -> TrainRun:
    """`flow-tabletop` for several embodiments at once, with one data set per embodiment: `--data GANTRY,ARM6`.

    Only the data differ: with several embodiments the layers of states and actions have weights per embodiment.
    """
    return flow_tabletop()


def _encoder(text: TextEncoderConfig) -> FilmCNN:
    """A little slimmer than on Meta-World, because there are two images, and conditioned on the state."""
    return FilmCNN(text=text, state_conditions=True, channels=(24, 32, 48, 64))
