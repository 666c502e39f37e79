"""What part of a training batch some rows are, where processes share it or its parts follow one another."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["WHOLE", "Share"]


@dataclass(frozen=True)
class Share:
    """Rows `number`, `number + count`, ... of a batch that `count` shares of equal size make up.

    Random numbers are drawn for the whole batch, of which each share takes its rows, so that a row's do not depend on
    how its batch is divided: every share has a generator in the same state. `weight` is by what a mean over the share's
    valid entries is multiplied, so that the mean over all shares is that over the batch's valid entries; None: by 1. A
    loss that is a sum of means over different entries has a weight for each of them (`of_mean`).
    """

    number: int = 0
    count: int = 1
    weight: Float[Tensor, "*M"] | None = None

    def part(self, number: int, count: int) -> "Share":
        """Rows `number`, `number + count`, ... of this share, as a share of the same batch. It has no weight yet."""
        return Share(self.number + self.count * number, self.count * count)

    def of_mean(self, number: int) -> "Share":
        """This share with the weight of the mean of that number alone."""
        return replace(self, weight=None if self.weight is None else self.weight[number])

    def normal(self, shape: Sequence[int], generator: torch.Generator) -> Float[Tensor, "B ..."]:
        """Standard normal draws of `shape`, rows first. The rows may be repeated: all of them, then all again."""
        drawn = torch.randn(self._whole(shape, 0), generator=generator, device=generator.device)
        return self._rows(drawn, 0)

    def uniform(self, shape: Sequence[int], generator: torch.Generator, axis: int = 0) -> Float[Tensor, "..."]:
        """Uniform draws in [0, 1) of `shape`, whose rows are along `axis`."""
        drawn = torch.rand(self._whole(shape, axis), generator=generator, device=generator.device)
        return self._rows(drawn, axis)

    def integers(self, low: int, high: int, shape: Sequence[int], generator: torch.Generator, axis: int = 0) -> Tensor:
        """Uniform draws in [low, high) of `shape`, whose rows are along `axis`."""
        drawn = torch.randint(low, high, self._whole(shape, axis), generator=generator, device=generator.device)
        return self._rows(drawn, axis)

    def _whole(self, shape: Sequence[int], axis: int) -> list[int]:
        return [size * self.count if at == axis else size for at, size in enumerate(shape)]

    def _rows(self, drawn: Tensor, axis: int) -> Tensor:
        return drawn[(slice(None),) * axis + (slice(self.number, None, self.count),)]


WHOLE = Share()
