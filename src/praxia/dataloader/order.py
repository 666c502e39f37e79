"""Which windows a training step reads: a pure function of (seed, step). The step counter is the only state."""

from functools import lru_cache

import numpy as np
from jaxtyping import Int64

from praxia.core.errors import DataError
from praxia.core.keys import generator

__all__ = ["WeightedOrder", "batch_indices", "epoch_order"]

# Positions of a round of a weighted order; more if an entry would not occur in it once.
ROUND_SIZE = 1024


@lru_cache(maxsize=2)
def epoch_order(seed: int, epoch: int, num: int) -> Int64[np.ndarray, " num"]:
    """The permutation of `num` windows in epoch `epoch`. Cached and read-only."""
    return _permutation(num, "order", seed, epoch)


def batch_indices(seed: int, step: int, batch_size: int, num: int) -> Int64[np.ndarray, " B"]:
    """The windows of batch `step` (from 0). Epochs follow without a gap: a batch may extend into the next."""
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
    """Windows of entries of `sizes`, numbered one entry after the other, drawn in proportion to whole `weights`.

    Positions come in rounds of R. Of the first m rounds entries 0 to i have floor(m R (w_0 + ... + w_i) / W) positions
    together: each entry within one of its exact share, at every m. Within a round they are shuffled by (seed, round).
    The positions of an entry follow its own permutations, keyed by (seed, entry, epoch), one after the other without a
    gap: no window is read a second time before all of its entry were read once. The state between calls is a cache.
    """

    def __init__(self, sizes: tuple[int, ...], weights: tuple[int, ...]):
        assert len(sizes) == len(weights)
        assert min(sizes) > 0
        assert min(weights) > 0
        self.sizes, self.weights = sizes, weights
        self.round_size = max(ROUND_SIZE, -(-sum(weights) // min(weights)))
        # Python's integers, because positions times weights can pass 64 bits.
        self._up_to = [sum(weights[: entry + 1]) for entry in range(len(weights))]
        self._first = np.cumsum([0, *sizes[:-1]])
        self._cached_rounds: dict[int, tuple[tuple[int, int], np.ndarray, np.ndarray]] = {}
        self._cached_permutations: dict[tuple[int, int], tuple[tuple[int, int], np.ndarray]] = {}

    def __reduce__(self) -> tuple[type["WeightedOrder"], tuple[tuple[int, ...], tuple[int, ...]]]:
        """Without the cache: another process has its own."""
        return WeightedOrder, (self.sizes, self.weights)

    def positions_before(self, rounds: int) -> Int64[np.ndarray, " P"]:
        """How many of the positions before round `rounds` belong to each entry."""
        ends = [rounds * self.round_size * weight // self._up_to[-1] for weight in self._up_to]
        return np.diff([0, *ends])

    def batch(self, seed: int, step: int, batch_size: int) -> Int64[np.ndarray, " B"]:
        """The windows of batch `step` (from 0)."""
        rounds, offsets = np.divmod(step * batch_size + np.arange(batch_size), self.round_size)
        entry, number_of = np.empty(batch_size, dtype=np.int64), np.empty(batch_size, dtype=np.int64)
        for number in range(rounds[0], rounds[-1] + 1):
            rows = rounds == number
            entries, numbers = self._round(seed, number)
            entry[rows], number_of[rows] = entries[offsets[rows]], numbers[offsets[rows]]
        indices = np.empty(batch_size, dtype=np.int64)
        for number in np.unique(entry):
            rows = np.flatnonzero(entry == number)
            epochs, offsets = np.divmod(number_of[rows], self.sizes[number])
            for epoch in np.unique(epochs):
                inside = epochs == epoch
                order = self._entry_order(seed, int(number), int(epoch))
                indices[rows[inside]] = self._first[number] + order[offsets[inside]]
        return indices

    def _round(self, seed: int, number: int) -> tuple[Int64[np.ndarray, " R"], Int64[np.ndarray, " R"]]:
        """The entry of each position of a round, and the number of that position among all of that entry."""
        kept = self._cached_rounds.get(number % 2)
        if kept is None or kept[0] != (seed, number):
            begun = self.positions_before(number)
            counts = self.positions_before(number + 1) - begun
            entries = np.repeat(np.arange(len(counts)), counts)[_permutation(self.round_size, "rounds", seed, number)]
            numbers = np.empty(self.round_size, dtype=np.int64)
            for entry, count in enumerate(counts):
                numbers[entries == entry] = begun[entry] + np.arange(count)
            kept = self._cached_rounds[number % 2] = ((seed, number), entries, numbers)
        return kept[1], kept[2]

    def _entry_order(self, seed: int, entry: int, epoch: int) -> Int64[np.ndarray, " n"]:
        """The permutation of an entry's windows in its epoch `epoch`."""
        kept = self._cached_permutations.get((entry, epoch % 2))
        if kept is None or kept[0] != (seed, epoch):
            # The keys of a generator never change: they decide the order of training.
            order = _permutation(self.sizes[entry], "part", seed, entry, epoch)
            kept = self._cached_permutations[entry, epoch % 2] = ((seed, epoch), order)
        return kept[1]


def _permutation(num: int, *key: str | int) -> Int64[np.ndarray, " num"]:
    permutation = generator(*key).permutation(num).astype(np.int64)
    permutation.setflags(write=False)
    return permutation
