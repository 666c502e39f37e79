"""Numbers of episodes: as they are typed, as they are written down, and as fractions of a data set."""

import re
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64

from praxia.core.errors import PraxiaError
from praxia.core.keys import generator

__all__ = ["chosen", "drawn", "spelled"]


def chosen(text: str, total: int) -> Int64[np.ndarray, " K"]:
    """The episodes that "3,7-9" names, of 0 to total - 1, in rising order.

    Raises:
        PraxiaError: not of that form, or an episode that is not there.
    """
    numbers: set[int] = set()
    for item in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", item)
        if match is None:
            raise PraxiaError(f"expected numbers of episodes like 3,7-9, got {text!r}")
        first, last = int(match[1]), int(match[2] or match[1])
        if first > last:
            raise PraxiaError(f"expected a range of episodes that rises, got {item.strip()!r}")
        if last >= total:
            raise PraxiaError(f"there is no episode {last}: the data set has episodes 0 to {total - 1}")
        numbers |= set(range(first, last + 1))
    return np.array(sorted(numbers), dtype=np.int64)


def spelled(numbers: Sequence[int] | Int64[np.ndarray, " K"]) -> str:
    """The inverse of `chosen`: the shortest text that names these episodes."""
    rising = np.asarray(numbers, dtype=np.int64)
    if len(rising) == 0:
        return ""
    runs = np.split(rising, np.flatnonzero(np.diff(rising) > 1) + 1)
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


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
