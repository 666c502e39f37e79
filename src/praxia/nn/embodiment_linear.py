"""Linear layers with weights of their own for each embodiment, and which dims of a padded vector are an embodiment's own."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["EmbodimentLinear", "SingleEmbodimentLinear", "dim_masks", "embodiment_linear", "mask_dims"]


def embodiment_linear(num_embodiments: int, num_in: int, num_out: int) -> "EmbodimentLinear | SingleEmbodimentLinear":
    """A linear layer that is called with (x, embodiment)."""
    return (
        SingleEmbodimentLinear(num_in, num_out)
        if num_embodiments == 1
        else EmbodimentLinear(num_embodiments, num_in, num_out)
    )


class SingleEmbodimentLinear(nn.Linear):
    """What is left of `EmbodimentLinear` with one embodiment: a plain linear layer, by its parameters' names and shapes too."""

    def forward(
        self, input: Float[Tensor, "B *H I"], embodiment: Int[Tensor, " B"] | None = None
    ) -> Float[Tensor, "B *H O"]:
        return super().forward(input)


class EmbodimentLinear(nn.Module):
    """y = x W[e] + b[e], where e is the row's embodiment: weight [E, I, O] and bias [E, O].

    The category-specific linear layer of GR00T N1 (arXiv 2503.14734). Deviation: each row's input is laid into its
    embodiment's block of an [E I] vector that is zero elsewhere, and multiplied once. Few embodiments make that cheap, no weight
    is copied for each row, and gradients need no scatter, whose order differs from run to run on an accelerator.
    """

    def __init__(self, num_embodiments: int, num_in: int, num_out: int):
        super().__init__()
        bound = 1 / math.sqrt(num_in)  # nn.Linear's own
        self.weight = nn.Parameter(torch.empty(num_embodiments, num_in, num_out).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(num_embodiments, num_out).uniform_(-bound, bound))

    def forward(self, x: Float[Tensor, "B *H I"], embodiment: Int[Tensor, " B"]) -> Float[Tensor, "B *H O"]:
        chosen = functional.one_hot(embodiment, len(self.weight)).to(x.dtype)
        chosen = chosen[:, None].expand(-1, x.shape[1], -1) if x.dim() == 3 else chosen
        blocks = (chosen[..., :, None] * x[..., None, :]).flatten(-2)
        return blocks @ self.weight.flatten(0, 1) + chosen @ self.bias


def dim_masks(sizes: Sequence[int]) -> Bool[Tensor, "E A"]:
    """Which of the largest embodiment's dims each embodiment has: the first `sizes[e]`."""
    return torch.arange(max(sizes)) < torch.tensor(sizes)[:, None]


def mask_dims(
    x: Float[Tensor, "B T A"], own: Bool[Tensor, "E A"], embodiment: Int[Tensor, " B"]
) -> Float[Tensor, "B T A"]:
    """`x` with zero in the dims that a row's embodiment does not have, whatever was there. One embodiment has them all."""
    return x if len(own) == 1 else torch.where(own[embodiment][:, None], x, 0.0)
