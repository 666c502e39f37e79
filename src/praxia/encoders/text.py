"""Instruction -> one vector: text encoders that are trained with the policy."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from praxia.core.config import Config
from praxia.nn.types import Batch, Shapes

__all__ = [
    "NoText",
    "NoTextEncoder",
    "PooledText",
    "PooledTextEncoder",
    "TextEncoder",
    "TextEncoderConfig",
    "TransformerText",
    "TransformerTextEncoder",
]

MAX_LENGTH = 64


class TextEncoder(nn.Module, ABC):
    """`batch.text` and `batch.text_valid` -> [B, width]."""

    width: int

    @abstractmethod
    def forward(self, batch: Batch) -> Float[Tensor, "B D"]: ...


@dataclass(frozen=True)
class TextEncoderConfig(Config, ABC):
    """The config of a text encoder. A pretrained language model can take the place of those here."""

    @abstractmethod
    def build(self, shapes: Shapes) -> TextEncoder:
        """The text encoder with fresh weights."""


@dataclass(frozen=True)
class PooledText(TextEncoderConfig):
    """A small text encoder trained with the policy, over the data set's own vocabulary."""

    tag: ClassVar[str] = "pooled-text"
    width: int = 128
    """Width of the tokens."""
    num_heads: int = 4
    """Number of attention heads."""

    def build(self, shapes: Shapes) -> "PooledTextEncoder":
        return PooledTextEncoder(self, shapes.vocab_size)


class PooledTextEncoder(TextEncoder):
    """Embeddings with learned positions, one pre-norm self-attention layer, the mean over valid tokens.

    An empty instruction has no valid token: its mean is zero, whatever else is in the batch.
    """

    def __init__(self, config: PooledText, vocab_size: int):
        super().__init__()
        self.width = config.width
        self.embed = nn.Embedding(vocab_size, config.width)
        self.position = nn.Parameter(torch.randn(MAX_LENGTH, config.width) * 0.02)
        self.norm = nn.LayerNorm(config.width)
        self.attention = nn.MultiheadAttention(config.width, config.num_heads, batch_first=True)
        self.out = nn.Sequential(nn.LayerNorm(config.width), nn.Linear(config.width, config.width))

    def forward(self, batch: Batch) -> Float[Tensor, "B D"]:
        valid = batch.text_valid
        x = self.embed(batch.text) + self.position[: batch.text.shape[1]]
        y = self.norm(x)
        x = x + self.attention(y, y, y, key_padding_mask=_hidden(valid), need_weights=False)[0]
        return self.out(_mean(x, valid))


@dataclass(frozen=True)
class TransformerText(TextEncoderConfig):
    """A small pre-norm transformer over the data set's own vocabulary, trained with the policy.

    `PooledText` has one layer of attention and no MLP: enough to identify a task. "Put the red ball left of the blue
    cube" also binds colours to objects and orders them, which takes at least two layers.
    """

    tag: ClassVar[str] = "transformer-text"
    width: int = 128
    """Width of the tokens."""
    depth: int = 2
    """Number of layers."""
    num_heads: int = 4
    """Number of attention heads."""

    def build(self, shapes: Shapes) -> "TransformerTextEncoder":
        return TransformerTextEncoder(self, shapes.vocab_size)


class TransformerTextEncoder(TextEncoder):
    """See `TransformerText`. The mean of the last layer over valid tokens; zero where there are none."""

    def __init__(self, config: TransformerText, vocab_size: int):
        super().__init__()
        self.width = config.width
        self.embed = nn.Embedding(vocab_size, config.width)
        self.position = nn.Parameter(torch.randn(MAX_LENGTH, config.width) * 0.02)
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
        return self.out(_mean(self.layers(x, src_key_padding_mask=_hidden(valid)), valid))


@dataclass(frozen=True)
class NoText(TextEncoderConfig):
    """In place of a text encoder, for a policy without instructions: zeros, whatever the instruction.

    With a `width` of 0 nothing takes the instruction's place: encoders have no weights, and no token, for it.
    """

    tag: ClassVar[str] = "no-text"
    width: int = 8
    """Width of the constant that stands for the instruction."""

    def build(self, shapes: Shapes) -> "NoTextEncoder":
        return NoTextEncoder(self)


class NoTextEncoder(TextEncoder):
    """See `NoText`."""

    def __init__(self, config: NoText):
        super().__init__()
        self.width = config.width

    def forward(self, batch: Batch) -> Float[Tensor, "B D"]:
        return batch.state.new_zeros(len(batch.state), self.width)


def _hidden(valid: Bool[Tensor, "B L"]) -> Bool[Tensor, "B L"]:
    """Which tokens attention must not see. An empty instruction sees its padding: a softmax over nothing is NaN."""
    return ~valid & valid.any(1, keepdim=True)


def _mean(x: Float[Tensor, "B L D"], valid: Bool[Tensor, "B L"]) -> Float[Tensor, "B D"]:
    """The mean over valid tokens; zero where there are none."""
    weight = valid[..., None].to(x.dtype)
    return (x * weight).sum(1) / weight.sum(1).clamp_min(1.0)
