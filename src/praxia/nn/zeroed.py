"""Layers that begin by saying nothing."""

from typing import TypeVar

from torch import nn

from praxia.nn.embodiment_linear import EmbodimentLinear

__all__ = ["zeroed"]

Layer = TypeVar("Layer", bound=nn.Linear | EmbodimentLinear)


def zeroed(layer: Layer) -> Layer:
    """`layer` with weight and bias 0: what it is added to, or modulates, begins unchanged (adaLN-zero, DiT)."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
