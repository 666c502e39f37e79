"""A small transformer that reads the context first and then what a head asks of it."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from praxia.core.config import Part
from praxia.nn.stack import Cache, Heads, Stack
from praxia.nn.types import Context

__all__ = ["PrefixStack", "PrefixTransformer"]


@dataclass(frozen=True)
class PrefixTransformer(Part):
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
    """See `PrefixTransformer`."""

    def __init__(self, config: PrefixTransformer, context_width: int):
        super().__init__()
        heads = Heads(config.depth, config.num_heads, config.num_heads, config.width // config.num_heads)
        self.width = config.width
        self.context_in = nn.Linear(context_width, config.width)
        self.stack = Stack(config.width, 4 * config.width, heads)

    def prefix(self, context: Context) -> Cache:
        """Read the context; what `extend` needs of it."""
        blocks = torch.zeros(context.tokens.shape[1], dtype=torch.int64, device=context.tokens.device)
        return self.stack(self.context_in(context.tokens), context.mask, blocks)[1]

    def extend(self, x: Float[Tensor, "B L D"], cache: Cache, *, causal: bool) -> tuple[Float[Tensor, "B L D"], Cache]:
        """Read L tokens more: each sees all (or, `causal`, those before it and itself) and the context."""
        blocks = torch.arange(x.shape[1], device=x.device)
        valid = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
        return self.stack(x, valid, blocks if causal else blocks * 0, cache)
