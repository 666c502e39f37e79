"""A stack of transformer layers that processes a sequence in pieces, with a key/value cache between them.

Two stacks of different widths but the same attention config can share a cache: the second attends to what the first has
processed. This is pi0's action expert: two sets of weights, one attention.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from praxia.nn.layers import by_step, zeroed
from praxia.nn.types import KVCache

__all__ = ["AttentionConfig", "RMSNorm", "Stack", "attention_layout", "rotate"]


@dataclass(frozen=True)
class AttentionConfig:
    """The shape that two stacks must share to attend to each other. `rope_base` is the base of the rotary positions."""

    depth: int
    num_heads: int
    num_kv_heads: int
    head_width: int
    rope_base: float = 10_000.0

    @property
    def kv_cache(self) -> str:
        """The name of this shape's key/value cache, which an encoder provides and an action expert requires."""
        heads = f"{self.num_kv_heads} of {self.num_heads} heads of {self.head_width}"
        return f"key/value cache of {self.depth} layers with {heads}, rotary base {self.rope_base:g}"


class Stack(nn.Module):
    """Gemma's layers: RMSNorm, rotary positions, grouped queries, gated GELU MLP, no biases.

    Gemma (arXiv 2403.08295), as in openpi's `gemma.py`. With `condition_width` the scales, shifts and gates of the
    norms are computed from a vector (pi0.5's adaRMSNorm), one for all tokens or one each.
    """

    def __init__(self, width: int, mlp_width: int, attention: AttentionConfig, condition_width: int | None = None):
        super().__init__()
        self.layers = nn.ModuleList(Layer(width, mlp_width, attention, condition_width) for _ in range(attention.depth))
        self.norm = RMSNorm(width, condition_width)

    def forward(
        self,
        x: Float[Tensor, "B L D"],
        valid: Bool[Tensor, "B L"],
        blocks: Int[Tensor, " L"],
        cache: KVCache | None = None,
        condition: Float[Tensor, "B *T C"] | None = None,
    ) -> tuple[Float[Tensor, "B L D"], KVCache]:
        """Process L more tokens after those in `cache`.

        A token attends to the cache and to the tokens of this piece whose number in `blocks` is not larger than its
        own: tokens with equal numbers attend to each other, rising numbers are causal. Tokens that are not valid are
        not attended to and take no position.
        """
        position, attended, valid, next_position = attention_layout(valid, blocks, cache)
        layers = []
        for at, layer in enumerate(self.layers):
            x, keys_values = layer(x, position, attended, cache and cache.layers[at], condition)
            layers.append(keys_values)
        return self.norm(x, condition)[0], KVCache(tuple(layers), valid, next_position)


def attention_layout(
    valid: Bool[Tensor, "B L"], blocks: Int[Tensor, " L"], cache: KVCache | None
) -> tuple[Int[Tensor, "B L"], Bool[Tensor, "B 1 L N"], Bool[Tensor, "B N"], Int[Tensor, " B"]]:
    """How L tokens continue `cache`: positions, the attention mask, which of all N are valid, the next position."""
    cached = valid[:, :0] if cache is None else cache.valid
    start = valid.new_zeros(len(valid), dtype=torch.int64) if cache is None else cache.position
    position = start[:, None] + valid.cumsum(1) - 1
    within = (blocks[None, :] <= blocks[:, None]) & valid[:, None]
    attended = torch.cat([cached[:, None].expand(-1, len(blocks), -1), within], dim=2)[:, None]
    # A token with nothing to attend to (padding before everything else) would be a softmax over nothing.
    attended = attended | ~attended.any(-1, keepdim=True)
    return position, attended, torch.cat([cached, valid], dim=1), start + valid.sum(1)


class Layer(nn.Module):
    """Attention over the cache and the new tokens, then an MLP; both are normalised and residual."""

    def __init__(self, width: int, mlp_width: int, attention: AttentionConfig, condition_width: int | None):
        super().__init__()
        self.config = attention
        query_width = attention.num_heads * attention.head_width
        kv_width = attention.num_kv_heads * attention.head_width
        self.attention_norm = RMSNorm(width, condition_width)
        self.query = nn.Linear(width, query_width, bias=False)
        self.key = nn.Linear(width, kv_width, bias=False)
        self.value = nn.Linear(width, kv_width, bias=False)
        self.out = nn.Linear(query_width, width, bias=False)
        self.mlp_norm = RMSNorm(width, condition_width)
        self.gate = nn.Linear(width, mlp_width, bias=False)
        self.up = nn.Linear(width, mlp_width, bias=False)
        self.down = nn.Linear(mlp_width, width, bias=False)

    def forward(
        self,
        x: Float[Tensor, "B L D"],
        position: Int[Tensor, "B L"],
        attended: Bool[Tensor, "B 1 L N"],
        cached: tuple[Tensor, Tensor] | None,
        condition: Float[Tensor, "B *T C"] | None,
    ) -> tuple[Float[Tensor, "B L D"], tuple[Tensor, Tensor]]:
        h, gate = self.attention_norm(x, condition)
        query = rotate(self._split(self.query(h)), position, self.config.rope_base)
        key = rotate(self._split(self.key(h)), position, self.config.rope_base)
        value = self._split(self.value(h))
        if cached is not None:
            key, value = torch.cat([cached[0], key], dim=2), torch.cat([cached[1], value], dim=2)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=attended, enable_gqa=True)
        x = x + gate * self.out(mixed.transpose(1, 2).flatten(2))
        h, gate = self.mlp_norm(x, condition)
        return x + gate * self.down(functional.gelu(self.gate(h), approximate="tanh") * self.up(h)), (key, value)

    def _split(self, x: Float[Tensor, "B L E"]) -> Float[Tensor, "B K L d"]:
        return x.unflatten(-1, (-1, self.config.head_width)).transpose(1, 2)


class RMSNorm(nn.Module):
    """x / rms(x), scaled by 1 + w; or, with a condition, scaled, shifted and gated by it.

    Returns (normalised, gate); without a condition the gate is 1. The condition's layer starts at zero: the scale is
    then 1 and the gate closed, as in pi0.5.
    """

    def __init__(self, width: int, condition_width: int | None, epsilon: float = 1e-6):
        super().__init__()
        self.epsilon = epsilon
        if condition_width is None:
            self.weight = nn.Parameter(torch.zeros(width))
        else:
            self.modulate = zeroed(nn.Linear(condition_width, 3 * width))
        self.conditioned = condition_width is not None

    def forward(
        self, x: Float[Tensor, "B L D"], condition: Float[Tensor, "B *T C"] | None
    ) -> tuple[Float[Tensor, "B L D"], Tensor | float]:
        wide = x.float()
        normed = wide * (wide.square().mean(-1, keepdim=True) + self.epsilon).rsqrt()
        if not self.conditioned:
            return (normed * (1 + self.weight.float())).type_as(x), 1.0
        assert condition is not None, "a conditioned stack needs its condition"
        scale, shift, gate = by_step(self.modulate(condition)).chunk(3, dim=-1)
        return (normed * (1 + scale.float()) + shift.float()).type_as(x), gate


def rotate(
    x: Float[Tensor, "B K L d"], position: Int[Tensor, "B L"], base: float = 10_000.0
) -> Float[Tensor, "B K L d"]:
    """Rotary positions (Su et al. 2021, arXiv 2104.09864): dim i is paired with dim i + d/2, as in Gemma's code."""
    half = x.shape[-1] // 2
    speed = base ** -(torch.arange(half, device=x.device, dtype=torch.float32) / half)
    angle = position[:, None, :, None].float() * speed
    sine, cosine = angle.sin().type_as(x), angle.cos().type_as(x)
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], dim=-1)
