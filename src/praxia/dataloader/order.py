"""Which windows a training step reads: a pure function of (seed, step). The step counter is the only data state."""

from functools import lru_cache

import numpy as np
from jaxtyping import Int64

from praxia.core.errors import DataError
from praxia.core.keys import generator

__all__ = ["WeightedOrder", "batch_indices", "epoch_order"]

# A round of a weighted order has so many positions, or more if a part would not come once in it.
ROUND = 1024


@lru_cache(maxsize=2)
def epoch_order(seed: int, epoch: int, num: int) -> Int64[np.ndarray, " num"]:
    """The permutation of `num` windows that epoch `epoch` walks. Cached and read-only."""
    return _permutation(num, "order", seed, epoch)


def batch_indices(seed: int, step: int, batch_size: int, num: int) -> Int64[np.ndarray, " B"]:
    """The windows of batch `step` (from 0). Epochs follow each other without a gap: a batch may reach into the next."""
    if num < 1:
        raise DataError("expected at least one window to draw batches from, got none: no episode was selected")
    position = step * batch_size + np.arange(batch_size)
    epochs, offsets = np.divmod(position, num)
    indices = np.empty(batch_size, dtype=np.int64)
    for epoch in range(epochs[0], epochs[-1] + 1):
        rows = epochs == epoch
        indices[rows] = epoch_order(seed, epoch, num)[offsets[rows]]
    return indices


class WeightedOrder:
    """Windows of parts of `sizes`, one part numbered after the other, drawn in proportion to whole `weights`.

    Positions come in rounds of R. Of the first m rounds parts 0 to i have floor(m R (w_0 + ... + w_i) / W) positions
    together: each part within one of its exact share, at every m. Inside a round they are shuffled by (seed, round).
    The positions of a part walk its own permutations, keyed by (seed, part, epoch), one after the other without a gap:
    no window comes a second time before all of its part came once. What is kept between calls is a cache.
    """

    def __init__(self, sizes: tuple[int, ...], weights: tuple[int, ...]):
        assert len(sizes) == len(weights)
        assert min(sizes) > 0
        assert min(weights) > 0
        self.sizes, self.weights = sizes, weights
        self.round = max(ROUND, -(-sum(weights) // min(weights)))
        # Python's integers, because positions times weights can pass 64 bits.
        self._up_to = [sum(weights[: part + 1]) for part in range(len(weights))]
        self._first = np.cumsum([0, *sizes[:-1]])
        self._rounds: dict[int, tuple[tuple[int, int], np.ndarray, np.ndarray]] = {}
        self._walks: dict[tuple[int, int], tuple[tuple[int, int], np.ndarray]] = {}

    def __reduce__(self) -> tuple[type["WeightedOrder"], tuple[tuple[int, ...], tuple[int, ...]]]:
        """Another process has a cache of its own."""
        return WeightedOrder, (self.sizes, self.weights)

    def begun(self, rounds: int) -> Int64[np.ndarray, " P"]:
        """How many of the positions before round `rounds` are each part's."""
        ends = [rounds * self.round * weight // self._up_to[-1] for weight in self._up_to]
        return np.diff([0, *ends])

    def batch(self, seed: int, step: int, batch_size: int) -> Int64[np.ndarray, " B"]:
        """The windows of batch `step` (from 0)."""
        rounds, offsets = np.divmod(step * batch_size + np.arange(batch_size), self.round)
        part, place = np.empty(batch_size, dtype=np.int64), np.empty(batch_size, dtype=np.int64)
        for number in range(rounds[0], rounds[-1] + 1):
            rows = rounds == number
            parts, places = self._arranged(seed, number)
            part[rows], place[rows] = parts[offsets[rows]], places[offsets[rows]]
        indices = np.empty(batch_size, dtype=np.int64)
        for number in np.unique(part):
            rows = np.flatnonzero(part == number)
            epochs, offsets = np.divmod(place[rows], self.sizes[number])
            for epoch in np.unique(epochs):
                inside = epochs == epoch
                walk = self._walk(seed, int(number), int(epoch))
                indices[rows[inside]] = self._first[number] + walk[offsets[inside]]
        return indices

    def _arranged(self, seed: int, number: int) -> tuple[Int64[np.ndarray, " R"], Int64[np.ndarray, " R"]]:
        """The part of each position of a round, and which of that part's positions, from the beginning, it is."""
        kept = self._rounds.get(number % 2)
        if kept is None or kept[0] != (seed, number):
            begun = self.begun(number)
            counts = self.begun(number + 1) - begun
            parts = np.repeat(np.arange(len(counts)), counts)[_permutation(self.round, "rounds", seed, number)]
            places = np.empty(self.round, dtype=np.int64)
            for part, count in enumerate(counts):
                places[parts == part] = begun[part] + np.arange(count)
            kept = self._rounds[number % 2] = ((seed, number), parts, places)
        return kept[1], kept[2]

    def _walk(self, seed: int, part: int, epoch: int) -> Int64[np.ndarray, " n"]:
        """The permutation of its windows that a part walks in its epoch `epoch`."""
        kept = self._walks.get((part, epoch % 2))
        if kept is None or kept[0] != (seed, epoch):
            walk = _permutation(self.sizes[part], "part", seed, part, epoch)
            kept = self._walks[part, epoch % 2] = ((seed, epoch), walk)
        return kept[1]


def _permutation(num: int, *key: str | int) -> Int64[np.ndarray, " num"]:
    permutation = generator(*key).permutation(num).astype(np.int64)
    permutation.setflags(write=False)
    return permutation
