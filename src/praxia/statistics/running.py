"""Statistics of rows in one pass, in float64.

Mean and variance are merged block by block (Chan, Golub and LeVeque 1979), never as E[x^2] - E[x]^2. Quantiles are
exact over all rows up to a million, and off by at most 0.013% of the ranks up to a billion (`QuantileSketch`).
Merging the statistics of episodes or data sets equals one pass over all of their rows.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Shaped

from praxia.statistics.quantiles import QuantileSketch

__all__ = ["QUANTILES", "FeatureStats", "Moments", "RunningStats", "describe"]

QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}

FeatureStats = dict[str, list[Any]]


@dataclass(frozen=True)
class Moments:
    """Count, mean, sum of squared deviations, minimum and maximum of each dim."""

    count: int
    mean: Float64[np.ndarray, " D"]
    squares: Float64[np.ndarray, " D"]
    minimum: Float64[np.ndarray, " D"]
    maximum: Float64[np.ndarray, " D"]

    @classmethod
    def of(cls, values: Shaped[np.ndarray, "N D"]) -> "Moments":
        values = values.astype(np.float64)
        mean = values.mean(axis=0)
        return cls(len(values), mean, ((values - mean) ** 2).sum(axis=0), values.min(axis=0), values.max(axis=0))

    def merge(self, other: "Moments") -> "Moments":
        """The moments of both together."""
        count = self.count + other.count
        delta = other.mean - self.mean
        return Moments(
            count,
            self.mean + delta * (other.count / count),
            self.squares + other.squares + delta**2 * (self.count * other.count / count),
            np.minimum(self.minimum, other.minimum),
            np.maximum(self.maximum, other.maximum),
        )

    def describe(self) -> FeatureStats:
        """As LeRobot lists them: std is the population's."""
        return {
            "min": self.minimum.tolist(),
            "max": self.maximum.tolist(),
            "mean": self.mean.tolist(),
            "std": np.sqrt(self.squares / self.count).tolist(),
            "count": [self.count],
        }


class RunningStats:
    """Moments and quantiles of the rows added so far, growing block by block, in bounded memory."""

    def __init__(self) -> None:
        self._moments: Moments | None = None
        self._quantiles = QuantileSketch()

    @property
    def count(self) -> int:
        """The number of rows added."""
        return self._quantiles.count

    @property
    def rank_error(self) -> int:
        """The largest error of a quantile, in ranks; 0: quantiles are exact."""
        return self._quantiles.rank_error

    def add(self, rows: Shaped[np.ndarray, "N D"]) -> None:
        """Add rows."""
        if len(rows):
            self._join(Moments.of(rows))
            self._quantiles.add(rows)

    def merge(self, other: "RunningStats") -> None:
        """Add all rows that were added to `other`."""
        if other._moments is not None:
            self._join(other._moments)
            self._quantiles.merge(other._quantiles)

    def describe(self) -> FeatureStats:
        """As LeRobot lists them. At least one row was added."""
        assert self._moments is not None, "no rows"
        levels = self._quantiles.at(list(QUANTILES.values()))
        return {**self._moments.describe(), **dict(zip(QUANTILES, levels.tolist(), strict=True))}

    def _join(self, moments: Moments) -> None:
        self._moments = moments if self._moments is None else self._moments.merge(moments)


def describe(values: Shaped[np.ndarray, "N D"]) -> FeatureStats:
    """The statistics of one block of rows."""
    statistics = RunningStats()
    statistics.add(values)
    return statistics.describe()
