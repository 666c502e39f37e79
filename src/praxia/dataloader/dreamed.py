"""Caps on dreamed data, so that what learns from its own output does not collapse."""

from collections.abc import Sequence

import numpy as np

from praxia.core.errors import MismatchError
from praxia.data.generation import generations
from praxia.dataloader.windows import Windows

__all__ = ["MOST_DREAMED", "MOST_GENERATIONS", "dreamed_share", "expect_capped", "newest_generation"]

# Where nothing else is said: half of what training reads, and dreams of worlds that saw none.
MOST_DREAMED, MOST_GENERATIONS = 0.5, 1


def dreamed_share(entries: Sequence[Windows], shares: Sequence[float]) -> float:
    """The share of rows that training reads that are dreamed, where the entries have these `shares` of all rows."""
    found = 0.0
    for one, share in zip(entries, shares, strict=True):
        length = one.dataset.episodes.length[one.episodes]
        found += share * float(length[generations(one.dataset)[one.episodes] > 0].sum() / length.sum())
    return found


def newest_generation(entries: Sequence[Windows]) -> int:
    """The highest generation of the episodes that training reads."""
    return max(int(np.max(generations(one.dataset)[one.episodes])) for one in entries)


def expect_capped(entries: Sequence[Windows], shares: Sequence[float], most: float, most_generations: int) -> None:
    """Refuse more dreamed rows, or later generations, than a mixture allows.

    Source: replacing real data by generated ones lets errors grow with every generation, and adding to it bounds them
    (Gerstgrasser et al. 2024, arXiv 2404.01413).

    Raises:
        MismatchError: names the data set.
    """
    dreamed = [str(one.root) for one in entries if newest_generation([one]) > 0]
    if not dreamed:
        return
    share, newest = dreamed_share(entries, shares), newest_generation(entries)
    # The shares are quotients of whole numbers: half may come out a rounding error above it.
    if share > most + 1e-9:
        raise MismatchError(
            f"expected at most {most:.0%} of what training reads to be dreamed, got {share:.0%} with {dreamed[0]}: add"
            ' real data or weights, or raise "dreamed" in a mixture file'
        )
    if newest > most_generations:
        raise MismatchError(
            f"expected dreams of generation {most_generations} at most, got generation {newest} in {dreamed[0]}: dream"
            ' in a world and with a policy that learned from real data, or raise "generations" in a mixture file'
        )
