"""The cross-entropy method: sample plans, refit a normal distribution to the best, repeat."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from praxia.core.errors import PraxiaError
from praxia.planning.solver import Bounds, Cost, Noise, Solver, around, expect_above_zero, expect_counts, finite

__all__ = ["CEM"]


@dataclass(frozen=True)
class CEM(Solver):
    """CEM (Rubinstein 1999) as DINO-WM and LeWM plan with it; the defaults are LeWM's.

    The mean is a candidate of each iteration. Deviations from LeWM: draws are clipped to the declared range, and the
    first spread is a share of it in place of a standard deviation of the data.

    Raises:
        PraxiaError: fewer than 1 iteration or elite or a part of one, as many elites as samples, a spread that is not
            above 0, or something else to return.
    """

    tag: ClassVar[str] = "cem"
    samples: int = 300
    """Candidates per iteration."""
    iterations: int = 30
    elites: int = 30
    """Candidates of least cost, to which the distribution is fitted again."""
    std: float = 0.5
    """Standard deviation of the first draws, in halves of the declared range."""
    returns: Literal["mean", "best"] = "mean"
    """The mean of the last elites, or the best candidate of all: safer where good plans are of several kinds."""

    def __post_init__(self) -> None:
        expect_counts(samples=self.samples, iterations=self.iterations, elites=self.elites)
        expect_above_zero(std=self.std)
        if not self.elites < self.samples:
            raise PraxiaError(f"expected fewer elites than the {self.samples} samples, got {self.elites}")
        if self.returns not in ("mean", "best"):
            raise PraxiaError(f"expected returns to be 'mean' or 'best', got {self.returns!r}")

    def solve(self, cost: Cost, guess: Float[Tensor, "B H V"], bounds: Bounds, noise: Noise) -> Float[Tensor, "B H V"]:
        """See `Solver.solve`."""
        mean, std = guess, (self.std * bounds.half).expand_as(guess)
        best, lowest = guess, guess.new_full((len(guess),), torch.inf)
        for _ in range(self.iterations):
            candidates = around(mean, std, self.samples, bounds, noise)
            costs = finite(cost(candidates))
            order = costs.argsort(dim=1, stable=True)[:, : self.elites]
            elites = torch.take_along_dim(candidates, order[:, :, None, None], 1)
            mean, std = elites.mean(1), elites.std(1, correction=0)
            least = costs.gather(1, order[:, :1])[:, 0]
            best = torch.where((least < lowest)[:, None, None], elites[:, 0], best)
            lowest = torch.minimum(least, lowest)
        return mean if self.returns == "mean" else best
