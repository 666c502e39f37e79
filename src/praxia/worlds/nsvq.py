"""A small codebook that is learned through noise: NSVQ, and what is done about codes that nothing chooses.

Axes: B batch, P positions of codes, K codes of the codebook, E numbers of a code.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

__all__ = ["NSVQ", "Standardised", "perplexity"]

# A code is replaced if its share of the choices is below this part of 1 / K.
UNUSED = 0.1

# By how much of the codebook's standard deviation a replaced code differs from the one that it copies.
APART = 0.01


# By how much a step changes the statistics that are used after training; what keeps from dividing by 0.
MOMENTUM, EPSILON = 0.1, 1e-8


class Standardised(nn.Module):
    """Every number with mean 0 and standard deviation 1 over the valid rows: BatchNorm without weights.

    In training the statistics are those of the share of the batch; otherwise those of the buffers, their running means.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, *shape: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("variance", torch.ones(shape))

    def forward(self, x: Float[Tensor, "B P E"], valid: Bool[Tensor, " B"]) -> Float[Tensor, "B P E"]:
        mean, variance = self.mean, self.variance
        if self.training:
            weight = (valid.to(x.dtype) / valid.sum().clamp_min(1))[:, None, None]
            mean = (x * weight).sum(0)
            variance = ((x - mean).square() * weight).sum(0)
            self.mean.lerp_(mean.detach(), MOMENTUM)
            self.variance.lerp_(variance.detach(), MOMENTUM)
        return (x - mean) * (variance + EPSILON).rsqrt()


class NSVQ(nn.Module):
    """Vector quantisation by noise substitution: in training the error of the nearest code is replaced by noise.

    x + |x - c| n / |n| has a gradient to the encoder and, through the length of the error, to the code c, so neither a
    straight-through estimate nor another loss is needed. Every so many updates `replace_unused` moves codes that are
    hardly chosen next to codes that are: without it few codes would win everything (collapse).

    NSVQ (Vali and Bäckström 2022, IEEE Access 10), as in LAPA. Deviations: a code is unused below a tenth of an equal
    share of the choices, where LAPA counts the batches that chose it; it copies a code with the probability with which
    that is chosen, and differs from it by 1% of the codebook's spread, where theirs differs by 1e-12.

    Buffers: `chosen` counts the choices of each code, `updates` the updates, since the last replacement; integers, so
    that an average of the weights has those of the last step.
    """

    chosen: Tensor
    updates: Tensor

    def __init__(self, size: int, width: int):
        super().__init__()
        self.codebook = nn.Parameter(torch.randn(size, width))
        self.register_buffer("chosen", torch.zeros(size, dtype=torch.int64))
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    def forward(
        self, x: Float[Tensor, "B P E"], noise: Float[Tensor, "B P E"] | None
    ) -> tuple[Float[Tensor, "B P E"], Int[Tensor, "B P"]]:
        """The quantised vectors and the numbers of the nearest codes. Without noise they are the codes themselves."""
        flat = x.flatten(0, 1)
        index = torch.cdist(flat.detach(), self.codebook.detach()).argmin(1)
        codes = self.codebook[index].view_as(x)
        if noise is None:
            return codes, index.view(x.shape[:2])
        error = torch.linalg.vector_norm(x - codes, dim=-1, keepdim=True)
        direction = noise / torch.linalg.vector_norm(noise, dim=-1, keepdim=True).clamp_min(1e-12)
        return x + error * direction, index.view(x.shape[:2])

    def count(self, index: Int[Tensor, "B P"], valid: Bool[Tensor, " B"]) -> None:
        """Count the choices of the valid rows, and one update."""
        self.chosen += torch.bincount(index[valid].flatten(), minlength=len(self.chosen))
        self.updates += 1

    @torch.no_grad()
    def replace_unused(self, generator: torch.Generator) -> None:
        """Move the codes that were hardly chosen next to others, and count from 0 again."""
        share = self.chosen / self.chosen.sum().clamp_min(1)
        unused = share < UNUSED / len(share)
        if unused.any() and not unused.all():
            drawn = torch.multinomial(share.where(~unused, 0.0), len(share), replacement=True, generator=generator)
            apart = torch.randn(self.codebook.shape, generator=generator, device=generator.device)
            moved = self.codebook[drawn] + APART * self.codebook.std() * apart
            self.codebook.copy_(torch.where(unused[:, None], moved, self.codebook))
        self.chosen.zero_()
        self.updates.zero_()


def perplexity(counts: Float[Tensor, "*P K"]) -> Float[Tensor, "*P"]:
    """How many codes are used as if equally often: exp of the entropy of their `counts`, from 1 (collapse) to K."""
    return torch.special.entr(counts / counts.sum(-1, keepdim=True).clamp_min(1)).sum(-1).exp()
