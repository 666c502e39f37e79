"""Episodes drawn as fractions of a data set."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64

from praxia.core.errors import PraxiaError
from praxia.core.keys import generator

__all__ = ["drawn"]


def drawn(fractions: Sequence[float], total: int) -> list[Int64[np.ndarray, " _"]]:
    """For each fraction so many of `total` episodes, none twice, drawn at random and always the same ones.

    At random, because recordings go through their tasks in turn or one after the other: neither the last episodes nor
    every tenth need look like the rest. Numbers of episodes are rounded by largest remainder.

    Raises:
        PraxiaError: a fraction that is not positive or too small for one episode, or fractions of more than 1 together.
    """
    if min(fractions) <= 0 or sum(fractions) > 1 + 1e-9:
        raise PraxiaError(f"expected positive fractions of at most 1 together, got {', '.join(map(str, fractions))}")
    exact = np.array(fractions) * total
    counts = np.floor(exact + 1e-9).astype(np.int64)
    spare = round(exact.sum()) - counts.sum()
    counts[np.argsort(counts - exact, kind="stable")[:spare]] += 1
    if counts.min() < 1:
        small = fractions[int(counts.argmin())]
        raise PraxiaError(f"a fraction of {small} of {total} episodes is not one; choose larger fractions")
    order = generator("split", total).permutation(total)
    return [np.sort(part) for part in np.split(order, np.cumsum(counts))[: len(counts)]]
