"""Rows of ids as one array."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int64

__all__ = ["padded"]


def padded(rows: Sequence[Sequence[int]]) -> tuple[Int64[np.ndarray, "B L"], Bool[np.ndarray, "B L"]]:
    """Ids, padded with 0 to the longest row, and which of them count. L is at least 1, where all rows are empty too."""
    ids = np.zeros((len(rows), max(1, *map(len, rows))), dtype=np.int64)
    valid = np.zeros(ids.shape, dtype=bool)
    for row, tokens in enumerate(rows):
        ids[row, : len(tokens)] = tokens
        valid[row, : len(tokens)] = True
    return ids, valid
