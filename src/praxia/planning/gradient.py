"""Planning by gradient: Adam on the actions, through a differentiable world."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from praxia.core.errors import MismatchError
from praxia.planning.solver import Bounds, Cost, Noise, Solver, around, expect_above_zero, expect_counts, finite

__all__ = ["Gradient"]


@dataclass(frozen=True)
class Gradient(Solver):
    """Gradient descent on a plan from several beginnings; the best plan on all ways is taken.

    Each step is one of Adam (Kingma & Ba 2015) in halves of the declared range, to which the plan is clipped after it.
    DINO-WM's planner of this kind takes plain gradient steps from one beginning.

    Raises:
        PraxiaError: fewer than 1 beginning or step or a part of one, or a learning rate or spread that is not above 0.
    """

    tag: ClassVar[str] = "gradient"
    needs_gradient: ClassVar[bool] = True
    samples: int = 8
    """Beginnings: the guess, and normal draws around it."""
    iterations: int = 50
    """Steps of Adam."""
    learning_rate: float = 0.1
    """In halves of the declared range."""
    std: float = 0.5
    """Standard deviation of the draws, in halves of the declared range."""

    def __post_init__(self) -> None:
        expect_counts(samples=self.samples, iterations=self.iterations)
        expect_above_zero(learning_rate=self.learning_rate, std=self.std)

    def solve(self, cost: Cost, guess: Float[Tensor, "B H V"], bounds: Bounds, noise: Noise) -> Float[Tensor, "B H V"]:
        """See `Solver.solve`.

        Raises:
            MismatchError: the cost has no gradient, as in a simulator.
        """
        begin = around(guess, (self.std * bounds.half).expand_as(guess), self.samples, bounds, noise)
        # In halves of the range, so that one learning rate suits all units. A range of one value has nothing to search.
        unit = torch.where(bounds.half > 0, bounds.half, 1.0)
        scaled = ((begin - bounds.middle) / unit).requires_grad_()
        adam = torch.optim.Adam([scaled], lr=self.learning_rate)
        best, lowest = guess, guess.new_full((len(guess),), torch.inf)
        for left in reversed(range(self.iterations + 1)):
            with torch.enable_grad():
                raw = bounds.middle + unit * scaled
                # Rounding puts a plan at an edge just beyond it, where a clip has no gradient: clip values alone.
                plans = raw + (bounds.clip(raw) - raw).detach()
                costs = cost(plans)
                if not costs.requires_grad:
                    raise MismatchError("the gradient solver needs a differentiable world, got costs without one")
                # Of the plans alone: the world's weights get none.
                (gradient,) = torch.autograd.grad(costs.sum(), [scaled]) if left else (None,)
            least, index = finite(costs.detach()).min(1)
            better = (least < lowest)[:, None, None]
            best = torch.where(better, torch.take_along_dim(plans.detach(), index[:, None, None, None], 1)[:, 0], best)
            lowest = torch.minimum(least, lowest)
            if gradient is not None:
                scaled.grad = torch.nan_to_num(gradient, nan=0.0, posinf=0.0, neginf=0.0)
                adam.step()
                with torch.no_grad():
                    scaled.clamp_(-1, 1)
        return best
