"""DETR's transformer (Carion et al. 2020, arXiv 2005.12872): positions are added in every layer, to queries and keys.

Post-norm with ReLU, as in ACT's public code and the `lerobot` package. H queries of the decoder, N tokens.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

__all__ = ["DETRDecoderLayer", "DETREncoder", "grid_sines", "step_sines"]


class DETREncoder(nn.Module):
    """`depth` layers of self-attention over tokens whose positions are added in each; `hidden` tokens are not seen."""

    def __init__(self, width: int, mlp_width: int, num_heads: int, depth: int, dropout: float):
        super().__init__()
        self.layers = nn.ModuleList(DETREncoderLayer(width, mlp_width, num_heads, dropout) for _ in range(depth))

    def forward(
        self, x: Float[Tensor, "B N D"], positions: Float[Tensor, "N D"], hidden: Bool[Tensor, "B N"]
    ) -> Float[Tensor, "B N D"]:
        for layer in self.layers:
            x = layer(x, positions, hidden)
        return x


class DETREncoderLayer(nn.Module):
    """One layer of `DETREncoder`."""

    def __init__(self, width: int, mlp_width: int, num_heads: int, dropout: float):
        super().__init__()
        self.attention = nn.MultiheadAttention(width, num_heads, dropout, batch_first=True)
        self.mlp = _mlp(width, mlp_width, dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "B N D"], positions: Float[Tensor, "N D"], hidden: Bool[Tensor, "B N"]
    ) -> Float[Tensor, "B N D"]:
        at = x + positions
        found, _ = self.attention(at, at, x, key_padding_mask=hidden, need_weights=False)
        x = self.norms[0](x + self.dropout(found))
        return self.norms[1](x + self.dropout(self.mlp(x)))


class DETRDecoderLayer(nn.Module):
    """Self-attention among the queries, attention to the memory, MLP. A query starts from zero: it is its position."""

    def __init__(self, width: int, mlp_width: int, num_heads: int, dropout: float):
        super().__init__()
        self.self_attention = nn.MultiheadAttention(width, num_heads, dropout, batch_first=True)
        self.attention = nn.MultiheadAttention(width, num_heads, dropout, batch_first=True)
        self.mlp = _mlp(width, mlp_width, dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        queries: Float[Tensor, "H D"],
        memory: Float[Tensor, "B N D"],
        positions: Float[Tensor, "N D"],
        hidden: Bool[Tensor, "B N"],
    ) -> Float[Tensor, "B H D"]:
        x = memory.new_zeros(len(memory), *queries.shape)
        at = x + queries
        x = self.norms[0](x + self.dropout(self.self_attention(at, at, x, need_weights=False)[0]))
        found, _ = self.attention(x + queries, memory + positions, memory, key_padding_mask=hidden, need_weights=False)
        x = self.norms[1](x + self.dropout(found))
        return self.norms[2](x + self.dropout(self.mlp(x)))


def _mlp(width: int, mlp_width: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, mlp_width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(mlp_width, width))


def grid_sines(rows: int, columns: int, width: int, device: torch.device) -> Float[Tensor, "N D"]:
    """DETR's positions of an image's cells: rows in the first half of the width, columns in the second.

    Rows and columns count from 1 and are scaled to end at 2 pi, whatever their number.
    """
    row, column = (
        _sines(torch.arange(1, num + 1, device=device) / (num + 1e-6) * 2 * math.pi, width // 2)
        for num in (rows, columns)
    )
    return torch.cat([row[:, None].expand(-1, columns, -1), column[None].expand(rows, -1, -1)], dim=-1).flatten(0, 1)


def step_sines(num: int, width: int, device: torch.device) -> Float[Tensor, "N D"]:
    """Positions 0, 1, ... of a sequence (Vaswani et al. 2017, arXiv 1706.03762)."""
    return _sines(torch.arange(num, device=device, dtype=torch.float32), width)


def _sines(position: Float[Tensor, " N"], width: int) -> Float[Tensor, "N D"]:
    """Sines and cosines in turn, of frequencies that fall from 1 to about 1e-4."""
    frequency = 10_000.0 ** -(torch.arange(0, width, 2, device=position.device, dtype=torch.float32) / width)
    angle = position[:, None] * frequency
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)
