"""Quantiles of any number of rows in one pass and bounded memory, with a known bound on the error."""

import numpy as np
from jaxtyping import Float64, Shaped

__all__ = ["QuantileSketch"]

HELD_ROWS = 1 << 20
BLOCK_ROWS = 1 << 16


class QuantileSketch:
    """Quantiles of each dim of the rows added so far, growing block by block.

    Up to `held_rows` rows (1,048,576) they are exact, linearly interpolated as numpy does. Beyond that a quantile is
    one of the values, at most `rank_error` ranks from its position among all N rows, and `rank_error` / N is at most
    (3 + log2(N / block_rows)) / (2 block_rows): 0.0065% for 3 million rows, 0.013% for a billion (their q99 lies
    between the true quantiles 0.98987 and 0.99013); twice that where sketches were merged.

    Memory is at most `held_rows` rows of the added type (and one added block), up to two billion rows. The sketch is a
    deterministic function of the rows in their order.

    Source: Munro and Paterson 1980; Manku, Rajagopalan and Lindsay 1998: rows of one weight are sorted dim by dim, and
    every second is kept at twice the weight. Deviation: that is put off until memory is full, and then done to as many
    rows at once as there are of the lowest weight that has `block_rows` of them (as KLL does, Karnin, Lang and Liberty
    2016, but deterministically). The halves are kept in turn: a rank counted too high in one turn is not in the next.
    """

    def __init__(self, held_rows: int = HELD_ROWS, block_rows: int = BLOCK_ROWS):
        assert block_rows % 2 == 0, block_rows
        self.count = 0
        self._held_rows, self._block_rows = held_rows, block_rows
        self._levels: list[list[Shaped[np.ndarray, "D _"]]] = [[]]  # rows of weight 2 ** level, in blocks
        self._turns: list[int] = [0]
        self._num_rows = 0
        self._above, self._below = 0, 0  # by how many ranks a value may be counted too high, and too low

    @property
    def rank_error(self) -> int:
        """The largest error of a quantile, in ranks of `count`; 0: quantiles are exact."""
        return max(self._above, self._below)

    def add(self, rows: Shaped[np.ndarray, "N D"]) -> None:
        """Add rows."""
        self.count += len(rows)
        self._num_rows += len(rows)
        self._levels[0].append(rows.T.copy())
        self._compact()

    def merge(self, other: "QuantileSketch") -> None:
        """Add all rows that were added to `other`."""
        for level, blocks in enumerate(other._levels):
            self._reach(level)
            self._levels[level].extend(blocks)
            self._turns[level] += other._turns[level]
        self.count += other.count
        self._num_rows += other._num_rows
        self._above += other._above
        self._below += other._below
        self._compact()

    def at(self, levels: list[float]) -> Float64[np.ndarray, "Q D"]:
        """The quantiles `levels`, each in [0, 1], of every dim. At least one row was added."""
        if self.rank_error == 0:
            return np.quantile(np.concatenate(self._levels[0], axis=1).astype(np.float64), levels, axis=1)
        values = np.concatenate([block for blocks in self._levels for block in blocks], axis=1)
        weights = [np.full(_size(blocks), 1 << level, np.int64) for level, blocks in enumerate(self._levels)]
        order = np.argsort(values, axis=1, kind="stable")
        ranks = np.cumsum(np.concatenate(weights)[order], axis=1)
        positions = [(ranks <= level * (self.count - 1)).sum(axis=1, keepdims=True) for level in levels]
        found = [np.take_along_axis(values, np.take_along_axis(order, one, axis=1), axis=1)[:, 0] for one in positions]
        return np.stack(found).astype(np.float64)

    def _compact(self) -> None:
        """Halve the rows of one weight after another until they fit the memory limit."""
        while self._num_rows > max(self._held_rows, self._block_rows * len(self._levels)):
            level = next(at for at, blocks in enumerate(self._levels) if _size(blocks) >= self._block_rows)
            rows = np.concatenate(self._levels[level], axis=1)
            rows.sort(axis=1)
            even = rows.shape[1] // 2 * 2
            turn = self._turns[level] % 2
            self._reach(level + 1)
            self._levels[level + 1].append(rows[:, turn:even:2].copy())
            self._levels[level] = [rows[:, even:].copy()]
            self._turns[level] += 1
            self._num_rows -= even // 2
            # Of the first r sorted rows, the first turn keeps ceil(r / 2) at twice the weight, the other floor(r / 2).
            self._above += (1 - turn) << level
            self._below += turn << level

    def _reach(self, level: int) -> None:
        while len(self._levels) <= level:
            self._levels.append([])
            self._turns.append(0)


def _size(blocks: list[Shaped[np.ndarray, "D _"]]) -> int:
    return sum(block.shape[1] for block in blocks)
