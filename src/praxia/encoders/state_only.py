"""Proprioception and instruction without images: the blind control."""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import nn

from praxia.core.config import Config
from praxia.encoders.language import PooledText
from praxia.encoders.readout import Readout
from praxia.encoders.state_projection import StateProjection
from praxia.nn.types import Batch, Context, Shapes

__all__ = ["StateOnly", "StateOnlyEncoder"]


@dataclass(frozen=True)
class StateOnly(Config):
    """What `FilmCNN` is without its images: the same text encoder and the same readout."""

    tag: ClassVar[str] = "state-only"
    text: Config = field(default_factory=PooledText)
    width: int = 512

    def build(self, shapes: Shapes) -> "StateOnlyEncoder":
        return StateOnlyEncoder(self, shapes)


class StateOnlyEncoder(nn.Module):
    """See `StateOnly`. Gives one "readout" token."""

    gives = Readout.gives

    def __init__(self, config: StateOnly, shapes: Shapes):
        super().__init__()
        self.width = config.width
        self.text = config.text.build(shapes)  # pyright: ignore[reportAttributeAccessIssue]
        self.state = StateProjection(shapes)
        self.readout = Readout(self.state.width + self.text.width, config.width)

    def forward(self, batch: Batch) -> Context:
        return self.readout(torch.cat([self.state(batch), self.text(batch)], dim=-1))
