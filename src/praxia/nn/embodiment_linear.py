"""Linear layers with weights per embodiment, and masks of the dims that an embodiment has."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["EmbodimentLinear", "SingleEmbodimentLinear", "dim_masks", "embodiment_linear", "mask_dims"]


def embodiment_linear(num_embodiments: int, num_in: int, num_out: int) -> "EmbodimentLinear | SingleEmbodimentLinear":
    """A linear layer that is called with (x, embodiment)."""
    if num_embodiments == 1:
        return SingleEmbodimentLinear(num_in, num_out)
    return EmbodimentLinear(num_embodiments, num_in, num_out)


class SingleEmbodimentLinear(nn.Linear):
    """`EmbodimentLinear` for one embodiment: a plain linear layer, also in the names and shapes of its parameters."""

    def forward(
        self, input: Float[Tensor, "B *H I"], embodiment: Int[Tensor, " B"] | None = None
    ) -> Float[Tensor, "B *H O"]:
        return super().forward(input)


class EmbodimentLinear(nn.Module):
    """y = x W[e] + b[e], where e is the row's embodiment: weight [E, I, O] and bias [E, O].

    The category-specific linear layer of GR00T N1 (arXiv 2503.14734). Deviation: each row's input is placed in its
    embodiment's block of an otherwise zero vector of E * I numbers, which is multiplied once. This is cheap for few
    embodiments, copies no weights per row, and needs no scatter in the backward pass, whose order varies on a GPU.
    """

    def __init__(self, num_embodiments: int, num_in: int, num_out: int):
        super().__init__()
        bound = 1 / math.sqrt(num_in)  # as nn.Linear
        self.weight = nn.Parameter(torch.empty(num_embodiments, num_in, num_out).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(num_embodiments, num_out).uniform_(-bound, bound))

    def forward(self, x: Float[Tensor, "B *H I"], embodiment: Int[Tensor, " B"]) -> Float[Tensor, "B *H O"]:
        one_hot = functional.one_hot(embodiment, len(self.weight)).to(x.dtype)
        one_hot = one_hot[:, None].expand(-1, x.shape[1], -1) if x.dim() == 3 else one_hot
        blocks = (one_hot[..., :, None] * x[..., None, :]).flatten(-2)
        return blocks @ self.weight.flatten(0, 1) + one_hot @ self.bias


def dim_masks(sizes: Sequence[int]) -> Bool[Tensor, "E A"]:
    """Which of the largest embodiment's dims each embodiment has: the first `sizes[e]`."""
    return torch.arange(max(sizes)) < torch.tensor(sizes)[:, None]


def mask_dims(
    x: Float[Tensor, "B T A"], dim_mask: Bool[Tensor, "E A"], embodiment: Int[Tensor, " B"]
) -> Float[Tensor, "B T A"]:
    """`x` with zeros in the dims that a row's embodiment lacks, whatever was there. A single embodiment has all."""
    return x if len(dim_mask) == 1 else torch.where(dim_mask[embodiment][:, None], x, 0.0)
