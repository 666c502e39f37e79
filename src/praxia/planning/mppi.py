"""Model predictive path integral control: plans are averaged with weights that fall exponentially with their cost."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from praxia.core.errors import PraxiaError
from praxia.planning.solver import Bounds, Cost, Noise, Solver, around, expect_above_zero, expect_counts, finite

__all__ = ["MPPI", "path_integral_weights"]


@dataclass(frozen=True)
class MPPI(Solver):
    """MPPI (Williams et al. 2017) with the elites and the fitted spread of TD-MPC2; the defaults are TD-MPC2's.

    Deviations from TD-MPC2: no candidates of a policy; the plan is the weighted mean in place of a drawn elite.

    Raises:
        PraxiaError: fewer than 1 iteration or elite or a part of one, more elites than samples, or a temperature or
            spread that is not above 0.
    """

    tag: ClassVar[str] = "mppi"
    samples: int = 512
    """Candidates per iteration."""
    iterations: int = 6
    elites: int = 64
    """Candidates of least cost that have weights; with all samples it is MPPI as published."""
    temperature: float = 2.0
    """A candidate that costs so much more than the best has 1/e of its weight, in the objective's unit. TD-MPC2's .5
    is its reciprocal."""
    std: float = 2.0
    """Standard deviation of the first draws, and the largest later, in halves of the declared range."""
    min_std: float = 0.05
    """The smallest later."""

    def __post_init__(self) -> None:
        expect_counts(samples=self.samples, iterations=self.iterations, elites=self.elites)
        expect_above_zero(temperature=self.temperature, std=self.std, min_std=self.min_std)
        if self.elites > self.samples:
            raise PraxiaError(f"expected at most as many elites as the {self.samples} samples, got {self.elites}")

    def solve(self, cost: Cost, guess: Float[Tensor, "B H V"], bounds: Bounds, noise: Noise) -> Float[Tensor, "B H V"]:
        """See `Solver.solve`."""
        mean, std = guess, (self.std * bounds.half).expand_as(guess)
        for _ in range(self.iterations):
            candidates = around(mean, std, self.samples, bounds, noise)
            costs = finite(cost(candidates))
            order = costs.argsort(dim=1, stable=True)[:, : self.elites]
            elites = torch.take_along_dim(candidates, order[:, :, None, None], 1)
            weights = path_integral_weights(costs.gather(1, order), self.temperature)[:, :, None, None]
            mean = (weights * elites).sum(1)
            spread = (weights * (elites - mean[:, None]).square()).sum(1).sqrt()
            std = torch.clamp(spread, self.min_std * bounds.half, self.std * bounds.half)
        return bounds.clip(mean)


def path_integral_weights(costs: Float[Tensor, "B N"], temperature: float) -> Float[Tensor, "B N"]:
    """exp(-(cost - least) / temperature), normalised over the candidates of a row."""
    return torch.softmax((costs.amin(1, keepdim=True) - costs) / temperature, 1)
