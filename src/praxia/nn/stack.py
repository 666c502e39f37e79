"""A stack of transformer layers that reads a sequence in pieces, keeping keys and values of what it has read.

Two stacks of other widths but the same heads can read after one another: the second attends to what the first read.
That is pi0's action expert: two sets of weights, one attention.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from praxia.nn.zeroed import zeroed

__all__ = ["AttentionConfig", "KVCache", "RMSNorm", "Stack", "attention_layout", "rotate"]


@dataclass(frozen=True)
class AttentionConfig:
    """What two stacks must share to attend to each other. `num_kv` heads of keys serve `num` heads of queries.

    `rope_base` is the base of the rotary positions.
    """

    depth: int
    num: int
    num_kv: int
    width: int
    rope_base: float = 10_000.0

    @property
    def stream(self) -> str:
        """What an encoder of this shape gives, and an expert of this shape needs."""
        heads = f"{self.num_kv} of {self.num} heads of {self.width}"
        return f"stream of {self.depth} layers with {heads}, rotary base {self.rope_base:g}"


@dataclass(frozen=True)
class KVCache:
    """What was read so far: rotated keys and values [B, KV, N, d] of each layer, and which of the N tokens count.

    `position` is that of the next token: how many count, unless a model numbers its tokens in another way.
    """

    layers: tuple[tuple[Tensor, Tensor], ...]
    valid: Bool[Tensor, "B N"]
    position: Int[Tensor, " B"]


class Stack(nn.Module):
    """Gemma's layers: RMSNorm, rotary positions, grouped queries, gated GELU MLP, no biases.

    Gemma (arXiv 2403.08295), as in openpi's `gemma.py`. With `condition_width` the norms' scales, shifts and gates
    come from a vector (pi0.5's adaRMSNorm).
    """

    def __init__(self, width: int, mlp_width: int, heads: AttentionConfig, condition_width: int | None = None):
        super().__init__()
        self.layers = nn.ModuleList(Layer(width, mlp_width, heads, condition_width) for _ in range(heads.depth))
        self.norm = RMSNorm(width, condition_width)

    def forward(
        self,
        x: Float[Tensor, "B L D"],
        valid: Bool[Tensor, "B L"],
        blocks: Int[Tensor, " L"],
        cache: KVCache | None = None,
        condition: Float[Tensor, "B C"] | None = None,
    ) -> tuple[Float[Tensor, "B L D"], KVCache]:
        """Read L more tokens after those in `cache`.

        A token sees what is in the cache and the tokens of this piece whose number in `blocks` is not larger than its
        own: equal numbers see each other both ways, rising ones read left to right. Tokens that are not valid are not
        seen and take no position.
        """
        position, seen, valid, following = attention_layout(valid, blocks, cache)
        layers = []
        for at, layer in enumerate(self.layers):
            x, keys = layer(x, position, seen, cache and cache.layers[at], condition)
            layers.append(keys)
        return self.norm(x, condition)[0], KVCache(tuple(layers), valid, following)


def attention_layout(
    valid: Bool[Tensor, "B L"], blocks: Int[Tensor, " L"], cache: KVCache | None
) -> tuple[Int[Tensor, "B L"], Bool[Tensor, "B 1 L N"], Bool[Tensor, "B N"], Int[Tensor, " B"]]:
    """How L tokens are read after those in `cache`: positions, who sees whom, who counts of all, the next position."""
    before = valid[:, :0] if cache is None else cache.valid
    begin = valid.new_zeros(len(valid), dtype=torch.int64) if cache is None else cache.position
    position = begin[:, None] + valid.cumsum(1) - 1
    within = (blocks[None, :] <= blocks[:, None]) & valid[:, None]
    seen = torch.cat([before[:, None].expand(-1, len(blocks), -1), within], dim=2)[:, None]
    # A token that may see nothing (padding before all else) would be a softmax over nothing.
    seen = seen | ~seen.any(-1, keepdim=True)
    return position, seen, torch.cat([before, valid], dim=1), begin + valid.sum(1)


class Layer(nn.Module):
    """Attention over what was read and what comes, then an MLP; both behind norms, added to what came in."""

    def __init__(self, width: int, mlp_width: int, heads: AttentionConfig, condition_width: int | None):
        super().__init__()
        self.heads = heads
        self.attention_norm = RMSNorm(width, condition_width)
        self.query = nn.Linear(width, heads.num * heads.width, bias=False)
        self.key = nn.Linear(width, heads.num_kv * heads.width, bias=False)
        self.value = nn.Linear(width, heads.num_kv * heads.width, bias=False)
        self.out = nn.Linear(heads.num * heads.width, width, bias=False)
        self.mlp_norm = RMSNorm(width, condition_width)
        self.gate = nn.Linear(width, mlp_width, bias=False)
        self.up = nn.Linear(width, mlp_width, bias=False)
        self.down = nn.Linear(mlp_width, width, bias=False)

    def forward(
        self,
        x: Float[Tensor, "B L D"],
        position: Int[Tensor, "B L"],
        seen: Bool[Tensor, "B 1 L N"],
        before: tuple[Tensor, Tensor] | None,
        condition: Float[Tensor, "B C"] | None,
    ) -> tuple[Float[Tensor, "B L D"], tuple[Tensor, Tensor]]:
        h, opened = self.attention_norm(x, condition)
        query = rotate(self._split(self.query(h)), position, self.heads.rope_base)
        key = rotate(self._split(self.key(h)), position, self.heads.rope_base)
        value = self._split(self.value(h))
        if before is not None:
            key, value = torch.cat([before[0], key], dim=2), torch.cat([before[1], value], dim=2)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen, enable_gqa=True)
        x = x + opened * self.out(mixed.transpose(1, 2).flatten(2))
        h, opened = self.mlp_norm(x, condition)
        return x + opened * self.down(functional.gelu(self.gate(h), approximate="tanh") * self.up(h)), (key, value)

    def _split(self, x: Float[Tensor, "B L E"]) -> Float[Tensor, "B K L d"]:
        return x.unflatten(-1, (-1, self.heads.width)).transpose(1, 2)


class RMSNorm(nn.Module):
    """x / rms(x), scaled by 1 + w; or, with a condition, scaled and shifted by it, and a gate for what is added.

    Returns (normalised, gate); the gate is 1 without a condition. The condition's layer starts at zero, and so with
    an open scale and a closed gate, as pi0.5's does.
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
        self, x: Float[Tensor, "B L D"], condition: Float[Tensor, "B C"] | None
    ) -> tuple[Float[Tensor, "B L D"], Tensor | float]:
        wide = x.float()
        normed = wide * (wide.square().mean(-1, keepdim=True) + self.epsilon).rsqrt()
        if not self.conditioned:
            return (normed * (1 + self.weight.float())).type_as(x), 1.0
        assert condition is not None, "a conditioned stack needs its condition"
        scale, shift, gate = self.modulate(condition)[:, None].chunk(3, dim=-1)
        return (normed * (1 + scale.float()) + shift.float()).type_as(x), gate


def rotate(
    x: Float[Tensor, "B K L d"], position: Int[Tensor, "B L"], base: float = 10_000.0
) -> Float[Tensor, "B K L d"]:
    """Rotary positions (Su et al. 2021, arXiv 2104.09864): dim i turns with dim i + d/2, as in Gemma's code."""
    half = x.shape[-1] // 2
    speed = base ** -(torch.arange(half, device=x.device, dtype=torch.float32) / half)
    angle = position[:, None, :, None].float() * speed
    sine, cosine = angle.sin().type_as(x), angle.cos().type_as(x)
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], dim=-1)
