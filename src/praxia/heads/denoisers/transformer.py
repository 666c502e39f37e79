"""The transformer denoiser of Diffusion Policy: a causal decoder over the chunk that attends to the observation."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from praxia.heads.denoisers.denoiser import Denoiser, DenoiserConfig
from praxia.nn.embodiment_linear import embodiment_linear
from praxia.nn.layers import by_step, sinusoidal_embedding, zeroed
from praxia.nn.types import Context, Shapes

__all__ = ["Transformer", "TransformerDenoiser"]


@dataclass(frozen=True)
class Transformer(DenoiserConfig):
    """Each step of the chunk attends to itself, earlier steps, the time and every token of the context.

    Chi et al. 2023 (arXiv 2303.04137), `transformer_for_diffusion.py`; published size: width 256, depth 8, 4 heads.
    Deviations: no dropout (theirs is 0.3 in attention), because a step's randomness is drawn from its own generator;
    context tokens carry their own positions, so none are added; the first and the last layer have weights per
    embodiment. Where each step has its own time it attends to that one.
    """

    tag: ClassVar[str] = "transformer"
    width: int = 128
    """Width of the tokens."""
    depth: int = 4
    """Number of layers."""
    num_heads: int = 4
    """Number of attention heads."""

    def build(self, shapes: Shapes, context_width: int) -> "TransformerDenoiser":
        return TransformerDenoiser(self, shapes, context_width)


class TransformerDenoiser(Denoiser):
    """See `Transformer`. Takes any context."""

    later: Tensor

    requires: frozenset[str] = frozenset()

    def __init__(self, config: Transformer, shapes: Shapes, context_width: int):
        super().__init__()
        width, num_embodiments = config.width, shapes.num_embodiments
        self.width = width
        self.action_in = embodiment_linear(num_embodiments, shapes.action_dim, width)
        self.position = nn.Parameter(torch.randn(shapes.horizon, width) * 0.02)
        self.context_in = nn.Linear(context_width, width)
        self.remember = nn.Sequential(nn.Linear(width, 4 * width), nn.Mish(), nn.Linear(4 * width, width))
        layer = nn.TransformerDecoderLayer(
            width, config.num_heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerDecoder(layer, config.depth)
        self.norm = nn.LayerNorm(width)
        self.out = zeroed(embodiment_linear(num_embodiments, width, shapes.action_dim))
        later = torch.ones(shapes.horizon, shapes.horizon, dtype=torch.bool).triu(1)
        self.register_buffer("later", later, persistent=False)

    def condition(self, context: Context) -> tuple[Tensor, ...]:
        return self.context_in(context.tokens), context.mask

    def forward(
        self,
        x: Float[Tensor, "B H A"],
        time: Float[Tensor, "B *H"],
        condition: tuple[Tensor, ...],
        embodiment: Int[Tensor, " B"],
    ) -> Float[Tensor, "B H A"]:
        tokens, mask = condition
        times = by_step(sinusoidal_embedding(time, self.width))
        num_times = times.shape[1]
        memory = self.remember(torch.cat([times, tokens], dim=1))
        hidden = torch.cat([~mask.new_ones(len(mask), num_times), ~mask], dim=1)
        h = self.action_in(x, embodiment) + self.position
        others = None if num_times == 1 else self._others(memory.shape[1])
        h = self.layers(h, memory, tgt_mask=self.later, memory_mask=others, memory_key_padding_mask=hidden)
        return self.out(self.norm(h), embodiment)

    def _others(self, num_memory: int) -> Bool[Tensor, "H M"]:
        """What each step must not attend to: the times of the other steps, which come first in the memory."""
        horizon = len(self.position)
        others = self.later.new_zeros(horizon, num_memory)
        others[:, :horizon] = ~torch.eye(horizon, dtype=torch.bool, device=others.device)
        return others
