"""Instruction -> one vector, where several nouns of a sentence must be kept apart."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from praxia.core.config import Config
from praxia.encoders.language import unseen
from praxia.nn.types import Batch, Shapes

__all__ = ["TransformerText", "TransformerTextEncoder"]


@dataclass(frozen=True)
class TransformerText(Config):
    """A small pre-norm transformer over the data set's own tokens, learned with the policy.

    `PooledText` has one layer of attention and no MLP: enough to name a task. "Put the red ball left of the blue cube"
    also says which colour is whose and which thing comes first; that takes at least two layers.
    """

    tag: ClassVar[str] = "transformer-text"
    width: int = 128
    depth: int = 2
    num_heads: int = 4

    def build(self, shapes: Shapes) -> "TransformerTextEncoder":
        return TransformerTextEncoder(self, shapes.vocabulary)


class TransformerTextEncoder(nn.Module):
    """See `TransformerText`. The mean over valid ids of the last layer; zero where there are none."""

    MAX_LENGTH = 64

    def __init__(self, config: TransformerText, vocabulary: int):
        super().__init__()
        self.width = config.width
        self.embed = nn.Embedding(vocabulary, config.width)
        self.position = nn.Parameter(torch.randn(self.MAX_LENGTH, config.width) * 0.02)
        layer = nn.TransformerEncoderLayer(
            config.width,
            config.num_heads,
            4 * config.width,
            dropout=0.0,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.layers = nn.TransformerEncoder(layer, config.depth, enable_nested_tensor=False)
        self.out = nn.Sequential(nn.LayerNorm(config.width), nn.Linear(config.width, config.width))

    def forward(self, batch: Batch) -> Float[Tensor, "B D"]:
        valid = batch.text_valid
        x = self.embed(batch.text) + self.position[: batch.text.shape[1]]
        x = self.layers(x, src_key_padding_mask=unseen(valid))
        weight = valid[..., None].to(x.dtype)
        return self.out((x * weight).sum(1) / weight.sum(1).clamp_min(1.0))
