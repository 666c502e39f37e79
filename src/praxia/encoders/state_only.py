"""State and instruction without images: the blind control."""

from dataclasses import dataclass, field
from typing import ClassVar

import torch

from praxia.encoders.layers import Readout, StateProjection
from praxia.encoders.text import PooledText, TextEncoderConfig
from praxia.nn.types import Batch, Context, Encoder, EncoderConfig, Shapes

__all__ = ["StateOnly", "StateOnlyEncoder"]


@dataclass(frozen=True)
class StateOnly(EncoderConfig):
    """`FilmCNN` without its images: the same text encoder and the same readout."""

    tag: ClassVar[str] = "state-only"
    text: TextEncoderConfig = field(default_factory=PooledText)
    width: int = 512
    """Width of the readout."""

    def build(self, shapes: Shapes) -> "StateOnlyEncoder":
        return StateOnlyEncoder(self, shapes)


class StateOnlyEncoder(Encoder):
    """See `StateOnly`. Provides one "readout" token."""

    provides = Readout.provides

    def __init__(self, config: StateOnly, shapes: Shapes):
        super().__init__()
        self.width = config.width
        self.text = config.text.build(shapes)
        self.state = StateProjection(shapes)
        self.readout = Readout(self.state.width + self.text.width, config.width)

    def forward(self, batch: Batch) -> Context:
        return self.readout(torch.cat([self.state(batch), self.text(batch)], dim=-1))
