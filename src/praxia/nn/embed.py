"""Embeddings of scalars."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["sinusoidal_embedding"]


def sinusoidal_embedding(
    value: Float[Tensor, " B"], width: int, min_period: float = 4e-3, max_period: float = 4.0
) -> Float[Tensor, "B D"]:
    """Sines and cosines of `value` at `width / 2` periods in geometric progression (pi0's time embedding)."""
    fraction = torch.linspace(0.0, 1.0, width // 2, device=value.device, dtype=value.dtype)
    period = min_period * (max_period / min_period) ** fraction
    angle = value[:, None] * (2 * math.pi / period)
    return torch.cat([angle.sin(), angle.cos()], dim=-1)
