"""Instruction -> one vector."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from praxia.core.config import Config
from praxia.nn.types import Batch, Shapes

__all__ = ["NoText", "NoTextEncoder", "PooledText", "PooledTextEncoder", "unseen"]


@dataclass(frozen=True)
class PooledText(Config):
    """A small text encoder learned with the policy, over the data set's own token vocabulary.

    This is the seam for a pretrained language model: any part whose `build(shapes)` gives a module with `width` and
    `forward(batch) -> [B, width]`, reading `batch.text` and `batch.text_valid`, goes in its place.
    """

    tag: ClassVar[str] = "pooled-text"
    width: int = 128
    num_heads: int = 4

    def build(self, shapes: Shapes) -> "PooledTextEncoder":
        return PooledTextEncoder(self, shapes.vocabulary)


class PooledTextEncoder(nn.Module):
    """Embeddings with learned positions, one pre-norm self-attention layer, the mean over valid ids.

    An empty instruction has none: its mean is zero, whatever else is in the batch.
    """

    MAX_LENGTH = 64

    def __init__(self, config: PooledText, vocabulary: int):
        super().__init__()
        self.width = config.width
        self.embed = nn.Embedding(vocabulary, config.width)
        self.position = nn.Parameter(torch.randn(self.MAX_LENGTH, config.width) * 0.02)
        self.norm = nn.LayerNorm(config.width)
        self.attention = nn.MultiheadAttention(config.width, config.num_heads, batch_first=True)
        self.out = nn.Sequential(nn.LayerNorm(config.width), nn.Linear(config.width, config.width))

    def forward(self, batch: Batch) -> Float[Tensor, "B D"]:
        valid = batch.text_valid
        x = self.embed(batch.text) + self.position[: batch.text.shape[1]]
        y = self.norm(x)
        x = x + self.attention(y, y, y, key_padding_mask=unseen(valid), need_weights=False)[0]
        weight = valid[..., None].to(x.dtype)
        return self.out((x * weight).sum(1) / weight.sum(1).clamp_min(1.0))


def unseen(valid: Bool[Tensor, "B L"]) -> Bool[Tensor, "B L"]:
    """Which ids attention must not see. An empty instruction sees its padding: a softmax over nothing is NaN."""
    return ~valid & valid.any(1, keepdim=True)


@dataclass(frozen=True)
class NoText(Config):
    """In place of a text encoder, for a policy that is never told what to do: zeros whatever the instruction."""

    tag: ClassVar[str] = "no-text"
    width: int = 8

    def build(self, shapes: Shapes) -> "NoTextEncoder":
        return NoTextEncoder(self)


class NoTextEncoder(nn.Module):
    """See `NoText`."""

    def __init__(self, config: NoText):
        super().__init__()
        self.width = config.width

    def forward(self, batch: Batch) -> Float[Tensor, "B D"]:
        return batch.state.new_zeros(len(batch.state), self.width)
