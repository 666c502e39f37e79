"""pi0's action expert: a second set of weights whose tokens attend to a vision-language model's cache."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from praxia.heads.denoisers.denoiser import Denoiser, DenoiserConfig
from praxia.nn.embodiment_linear import embodiment_linear
from praxia.nn.layers import by_step, sinusoidal_embedding, zeroed
from praxia.nn.stack import AttentionConfig, Stack
from praxia.nn.types import Context, KVCache, Shapes

__all__ = ["ActionExpert", "ActionExpertDenoiser"]


@dataclass(frozen=True)
class ActionExpert(DenoiserConfig):
    """Action tokens attend to each other and, layer by layer, to the encoder's key/value cache, which is filled once.

    pi0 (arXiv 2410.24164; openpi `pi0.py`, `gemma.py`): action and time are joined by Linear, swish, Linear. With
    `ada_norm` the time modulates every norm instead (pi0.5's adaRMSNorm). `depth`, the heads and their width must be
    those of the encoder; published size: width 1024, MLP 4096, depth 18, 8 heads of 256, 1 head of keys. Deviations:
    the state is in the encoder's prefix; the first and the last layer have weights per embodiment; the last one starts
    at zero.
    """

    tag: ClassVar[str] = "action-expert"
    width: int = 128
    """Width of the tokens."""
    mlp_width: int = 256
    """Width within the MLPs."""
    depth: int = 4
    """Number of layers, those of the model that it attends to."""
    num_heads: int = 4
    """Number of attention heads."""
    num_kv_heads: int = 1
    """Number of heads of keys and values."""
    head_width: int = 32
    """Width of an attention head."""
    rope_base: float = 10_000.0
    """Base of the rotary position embedding."""
    ada_norm: bool = False
    """The flow time modulates every norm (pi0.5)."""

    def build(self, shapes: Shapes, context_width: int) -> "ActionExpertDenoiser":
        return ActionExpertDenoiser(self, shapes)


class ActionExpertDenoiser(Denoiser):
    """See `ActionExpert`. Requires a key/value cache of its own shape."""

    def __init__(self, config: ActionExpert, shapes: Shapes):
        super().__init__()
        attention = AttentionConfig(
            config.depth, config.num_heads, config.num_kv_heads, config.head_width, config.rope_base
        )
        self.requires = frozenset({attention.kv_cache})
        self.width = width = config.width
        num_embodiments = shapes.num_embodiments
        self.action_in = embodiment_linear(num_embodiments, shapes.action_dim, width)
        self.ada_norm = config.ada_norm
        self.time_in = nn.Sequential(
            nn.Linear(width if config.ada_norm else 2 * width, width), nn.SiLU(), nn.Linear(width, width)
        )
        self.stack = Stack(width, config.mlp_width, attention, width if config.ada_norm else None)
        self.out = zeroed(embodiment_linear(num_embodiments, width, shapes.action_dim))

    def condition(self, context: Context) -> tuple[Tensor, ...]:
        cache = context.kv_cache
        assert cache is not None, "an encoder that provides a key/value cache has one"
        return cache.valid, cache.position, *(value for layer in cache.layers for value in layer)

    def forward(
        self,
        x: Float[Tensor, "B H A"],
        time: Float[Tensor, "B *H"],
        condition: tuple[Tensor, ...],
        embodiment: Int[Tensor, " B"],
    ) -> Float[Tensor, "B H A"]:
        valid, position, *values = condition
        cache = KVCache(tuple(zip(values[::2], values[1::2], strict=True)), valid, position)
        steps, embedded_time = self.action_in(x, embodiment), sinusoidal_embedding(time, self.width)
        if self.ada_norm:
            conditioning = functional.silu(self.time_in(embedded_time))
        else:
            steps = self.time_in(torch.cat([steps, by_step(embedded_time).expand_as(steps)], dim=-1))
            conditioning = None
        valid_steps = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
        blocks = torch.zeros(x.shape[1], dtype=torch.int64, device=x.device)
        hidden, _ = self.stack(steps, valid_steps, blocks, cache, conditioning)
        return self.out(hidden, embodiment)
