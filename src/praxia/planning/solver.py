"""What a solver is given and gives: it searches the plan of least cost, and knows neither world nor task.

Axes: B rows (one per episode), N candidates, H blocks, V numbers of a block.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from praxia.core.config import Config
from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError, PraxiaError, expect_positive
from praxia.core.keys import generator

__all__ = ["Bounds", "Cost", "Noise", "Solver", "around", "expect_above_zero", "expect_counts", "finite"]

# The cost of each candidate; a candidate's depends on no other.
Cost = Callable[[Float[Tensor, "B N H V"]], Float[Tensor, "B N"]]


@dataclass(frozen=True)
class Bounds:
    """The lowest and highest value of each number of a block, in declared units."""

    low: Float[Tensor, " V"]
    high: Float[Tensor, " V"]

    @classmethod
    def of(cls, embodiment: Embodiment, device: torch.device | str = "cpu") -> "Bounds":
        """The declared ranges of an embodiment's action.

        Raises:
            MismatchError: a field has no range.
        """
        low, high = embodiment.action_range
        if not np.isfinite([low, high]).all():
            field = next(one.name for one in embodiment.action if one.low is None or one.high is None)
            raise MismatchError(
                f"a planner searches within declared ranges, but action field {field!r} of {embodiment.name!r} has"
                " none; declare its low and high"
            )
        return cls(*(torch.tensor(limit, dtype=torch.float32, device=device) for limit in (low, high)))

    @property
    def middle(self) -> Float[Tensor, " V"]:
        return (self.low + self.high) / 2

    @property
    def half(self) -> Float[Tensor, " V"]:
        """Half of each range: the unit in which solvers measure spreads and steps."""
        return (self.high - self.low) / 2

    def clip(self, plans: Float[Tensor, "*B V"]) -> Float[Tensor, "*B V"]:
        return torch.clamp(plans, self.low, self.high)

    def repeated(self, times: int) -> "Bounds":
        """Those of so many actions one after the other."""
        return Bounds(self.low.repeat(times), self.high.repeat(times))


class Noise:
    """Standard normal numbers for B rows: those of a row depend on its key alone, (episode, step), and on how many were
    drawn before. They are drawn on the CPU.
    """

    def __init__(self, keys: Sequence[tuple[str, int]], device: torch.device | str = "cpu"):
        self._generators = [generator("plan", episode, step) for episode, step in keys]
        self._device = device

    def normal(self, *shape: int) -> Float[Tensor, "B ..."]:
        """New numbers, of that shape for each row."""
        drawn = np.stack([one.standard_normal(shape, dtype=np.float32) for one in self._generators])
        return torch.from_numpy(drawn).to(self._device)


@dataclass(frozen=True)
class Solver(Config, ABC):
    """Searches plans of least cost. It has no state and no weights, so it is its own config, registered by its tag.

    With `needs_gradient` it searches in differentiable worlds alone.
    """

    needs_gradient: ClassVar[bool] = False

    @abstractmethod
    def solve(self, cost: Cost, guess: Float[Tensor, "B H V"], bounds: Bounds, noise: Noise) -> Float[Tensor, "B H V"]:
        """A plan for each row, within `bounds`. The search begins at `guess`; all randomness comes from `noise`.

        Rows do not influence each other, but for the last bits of a cost whose arithmetic depends on the batch.
        """


def around(
    mean: Float[Tensor, "B H V"], std: Float[Tensor, "B H V"], num: int, bounds: Bounds, noise: Noise
) -> Float[Tensor, "B N H V"]:
    """`num` candidates: the mean, and normal draws around it, clipped to `bounds`. `std` is in declared units."""
    drawn = mean[:, None] + std[:, None] * noise.normal(num - 1, *mean.shape[1:])
    return bounds.clip(torch.cat([mean[:, None], drawn], 1))


def finite(costs: Float[Tensor, "B N"]) -> Float[Tensor, "B N"]:
    """Costs to compare: one that is infinite or not a number is larger than any other."""
    largest = torch.finfo(costs.dtype).max
    return torch.nan_to_num(costs, nan=largest, posinf=largest, neginf=-largest)


def expect_above_zero(**numbers: float) -> None:
    """Raises PraxiaError for the first of `numbers` that is not above 0, and names it."""
    for name, number in numbers.items():
        if not number > 0:
            raise PraxiaError(f"expected {name} above 0, got {number:g}")


def expect_counts(**numbers: object) -> None:
    """Raises PraxiaError for the first of `numbers` that is no whole number, as JSON can have it, or below 1."""
    for name, number in numbers.items():
        if not isinstance(number, int) or isinstance(number, bool):
            raise PraxiaError(f"expected {name} to be a whole number, got {number!r}")
        expect_positive(**{name: number})
