"""The diffusion transformer of GR00T N1: its blocks attend to the observation and along the chunk in turn."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from praxia.heads.denoisers.denoiser import Denoiser, DenoiserConfig
from praxia.nn.embodiment_linear import embodiment_linear
from praxia.nn.layers import by_step, sinusoidal_embedding, zeroed
from praxia.nn.types import Context, Shapes

__all__ = ["DiT", "DiTDenoiser"]


@dataclass(frozen=True)
class DiT(DenoiserConfig):
    """Even blocks attend to the context's tokens, odd ones to the chunk; the time scales and shifts every block.

    GR00T N1 (arXiv 2503.14734, `cross_attention_dit.py` and `flow_matching_action_head.py`); published size: width
    1536, depth 16, 32 heads. Actions enter through W3 swish(W2 [W1 a, sincos(time)]) with weights per embodiment.
    Deviations: time is continuous where theirs falls into 1000 buckets; the state is among the context's tokens and not
    a token of the chunk; there are no learned "future" tokens; gates start at zero (DiT), theirs has none.
    """

    tag: ClassVar[str] = "dit"
    width: int = 128
    """Width of the tokens."""
    depth: int = 4
    """Number of layers."""
    num_heads: int = 4
    """Number of attention heads."""

    def build(self, shapes: Shapes, context_width: int) -> "DiTDenoiser":
        return DiTDenoiser(self, shapes, context_width)


class DiTDenoiser(Denoiser):
    """See `DiT`. Takes any context."""

    requires: frozenset[str] = frozenset()

    def __init__(self, config: DiT, shapes: Shapes, context_width: int):
        super().__init__()
        width, num_embodiments = config.width, shapes.num_embodiments
        self.width = width
        self.action_in = embodiment_linear(num_embodiments, shapes.action_dim, width)
        self.action_and_time = embodiment_linear(num_embodiments, 2 * width, width)
        self.action_mixed = embodiment_linear(num_embodiments, width, width)
        self.position = nn.Parameter(torch.randn(shapes.horizon, width) * 0.02)
        self.time_in = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList(
            DiTBlock(width, context_width if at % 2 == 0 else None, config.num_heads) for at in range(config.depth)
        )
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulate = zeroed(nn.Linear(width, 2 * width))
        self.out = zeroed(embodiment_linear(num_embodiments, width, shapes.action_dim))

    def condition(self, context: Context) -> tuple[Tensor, ...]:
        return context.tokens, context.mask

    def forward(
        self,
        x: Float[Tensor, "B H A"],
        time: Float[Tensor, "B *H"],
        condition: tuple[Tensor, ...],
        embodiment: Int[Tensor, " B"],
    ) -> Float[Tensor, "B H A"]:
        tokens, mask = condition
        embedded_time = sinusoidal_embedding(time, self.width)
        steps = self.action_in(x, embodiment)
        both = torch.cat([steps, by_step(embedded_time).expand_as(steps)], dim=-1)
        h = self.action_mixed(functional.silu(self.action_and_time(both, embodiment)), embodiment) + self.position
        conditioning = functional.silu(self.time_in(embedded_time))
        for block in self.blocks:
            h = block(h, conditioning, tokens, mask)
        scale, shift = by_step(self.modulate(conditioning)).chunk(2, dim=-1)
        return self.out(self.norm(h) * (1 + scale) + shift, embodiment)


class DiTBlock(nn.Module):
    """Attention to a context of width `context_width`, or along the chunk if it is None, and an MLP; both modulated."""

    def __init__(self, width: int, context_width: int | None, num_heads: int):
        super().__init__()
        self.attends_context = context_width is not None
        self.attention_norm = nn.LayerNorm(width, elementwise_affine=False)
        self.attention = nn.MultiheadAttention(
            width, num_heads, batch_first=True, kdim=context_width, vdim=context_width
        )
        self.mlp_norm = nn.LayerNorm(width, elementwise_affine=False)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU("tanh"), nn.Linear(4 * width, width))
        self.modulate = zeroed(nn.Linear(width, 6 * width))

    def forward(
        self,
        x: Float[Tensor, "B H D"],
        conditioning: Float[Tensor, "B *H D"],
        tokens: Float[Tensor, "B N D2"],
        mask: Bool[Tensor, "B N"],
    ) -> Float[Tensor, "B H D"]:
        modulation = by_step(self.modulate(conditioning)).chunk(6, dim=-1)
        scale, shift, gate, mlp_scale, mlp_shift, mlp_gate = modulation
        query = self.attention_norm(x) * (1 + scale) + shift
        keys, hidden = (tokens, ~mask) if self.attends_context else (query, None)
        x = x + gate * self.attention(query, keys, keys, key_padding_mask=hidden, need_weights=False)[0]
        return x + mlp_gate * self.mlp(self.mlp_norm(x) * (1 + mlp_scale) + mlp_shift)
