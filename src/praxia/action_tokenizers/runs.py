"""A table from ids to runs of integers."""

from collections.abc import Sequence
from itertools import chain

import numpy as np
from jaxtyping import Int64

__all__ = ["RunTable"]


class RunTable:
    """Run i is what id i stands for; `length[i]` is its length."""

    def __init__(self, runs: Sequence[Sequence[int]]):
        self.length = np.array([len(run) for run in runs], np.int64)
        self._begin = np.cumsum(self.length) - self.length
        self._integers = np.fromiter(chain.from_iterable(runs), np.int64)

    def join(self, ids: Int64[np.ndarray, " L"]) -> Int64[np.ndarray, " N"]:
        """The runs of `ids`, one after another."""
        length = self.length[ids]
        before = np.cumsum(length) - length
        return self._integers[np.repeat(self._begin[ids] - before, length) + np.arange(length.sum())]
