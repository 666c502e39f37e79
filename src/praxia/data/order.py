"""Which windows a training step reads: a pure function of (seed, step). The step counter is the only data state."""

from functools import lru_cache

import numpy as np
from jaxtyping import Int64

from praxia.core.errors import DataError
from praxia.core.keys import generator

__all__ = ["batch_indices", "order"]


@lru_cache(maxsize=2)
def order(seed: int, epoch: int, num: int) -> Int64[np.ndarray, " num"]:
    """The permutation of `num` windows that epoch `epoch` walks. Cached and read-only."""
    permutation = generator("order", seed, epoch).permutation(num).astype(np.int64)
    permutation.setflags(write=False)
    return permutation


def batch_indices(seed: int, step: int, batch_size: int, num: int) -> Int64[np.ndarray, " B"]:
    """The windows of batch `step` (from 0). Epochs follow each other without a gap: a batch may reach into the next."""
    if num < 1:
        raise DataError("expected at least one window to draw batches from, got none: no episode was selected")
    position = step * batch_size + np.arange(batch_size)
    epochs, offsets = np.divmod(position, num)
    indices = np.empty(batch_size, dtype=np.int64)
    for epoch in range(epochs[0], epochs[-1] + 1):
        rows = epochs == epoch
        indices[rows] = order(seed, epoch, num)[offsets[rows]]
    return indices
