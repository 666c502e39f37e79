"""Who reads on after the context, for heads that ask token by token: a small transformer of the head's own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from praxia.core.config import Config
from praxia.nn.stack import AttentionConfig, KVCache, Stack
from praxia.nn.types import Context

__all__ = ["PrefixStack", "PrefixTransformer", "Reading"]


@dataclass(frozen=True)
class Reading:
    """Where a decoder stands in its text: who reads, what was read, and the context that it began with."""

    read: Callable[..., tuple[Tensor, KVCache]]
    cache: KVCache
    context: Context

    def extend(self, x: Float[Tensor, "B L D"], *, causal: bool) -> tuple[Float[Tensor, "B L D"], "Reading"]:
        """Read L tokens more: each sees all (or, `causal`, those before it and itself) and the context."""
        blocks = torch.arange(x.shape[1], device=x.device)
        valid = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
        hidden, cache = self.read(x, valid, blocks if causal else blocks * 0, self.cache)
        return hidden, Reading(self.read, cache, self.context)


@dataclass(frozen=True)
class PrefixTransformer(Config):
    """Gemma's layers in the prefix-LM layout of PaliGemma: the context's tokens see each other, what follows sees them.

    The MLP is 4 times as wide; every head of queries has its own keys.
    """

    tag: ClassVar[str] = "prefix-transformer"
    width: int = 128
    depth: int = 3
    num_heads: int = 4

    def build(self, context_width: int) -> "PrefixStack":
        return PrefixStack(self, context_width)


class PrefixStack(nn.Module):
    """See `PrefixTransformer`. Takes any context."""

    needs: frozenset[str] = frozenset()

    def __init__(self, config: PrefixTransformer, context_width: int):
        super().__init__()
        heads = AttentionConfig(config.depth, config.num_heads, config.num_heads, config.width // config.num_heads)
        self.width = config.width
        self.context_in = nn.Linear(context_width, config.width)
        self.stack = Stack(config.width, 4 * config.width, heads)

    def begin(self, context: Context) -> Reading:
        """Read the context."""
        blocks = torch.zeros(context.tokens.shape[1], dtype=torch.int64, device=context.tokens.device)
        cache = self.stack(self.context_in(context.tokens), context.mask, blocks)[1]
        return Reading(self.stack, cache, context)

    def words(self, vocabulary: int) -> tuple[nn.Module, nn.Module]:
        """Tables of the head's own: (ids, reading) -> what is read for them, (hidden, reading) -> logits."""
        return TokenEmbedding(vocabulary, self.width), LMHead(self.width, vocabulary)


class TokenEmbedding(nn.Embedding):
    """A table of embeddings that begins small."""

    def __init__(self, vocabulary: int, width: int):
        super().__init__(vocabulary, width)
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, input: Int[Tensor, "B L"], reading: Reading | None = None) -> Float[Tensor, "B L D"]:
        return super().forward(input)


class LMHead(nn.Linear):
    """A linear layer over the ids."""

    def forward(self, input: Float[Tensor, "B L D"], reading: Reading | None = None) -> Float[Tensor, "B L V"]:
        return super().forward(input)
