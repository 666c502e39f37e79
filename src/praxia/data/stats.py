"""Statistics of a data set in one pass, in float64.

Mean and variance are merged block by block (Chan, Golub and LeVeque 1979), never as E[x^2] - E[x]^2. Quantiles are
exact over all rows up to a million, and off by at most 0.013% of the ranks up to a thousand million (`data.quantiles`).
Merging episodes or data sets gives what one pass over all of their rows gives. Images are counted in 256 bins a
channel, so theirs are exact over the sampled frames.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64, Shaped, UInt8

from praxia.data.quantiles import Quantiles

__all__ = ["QUANTILES", "Described", "Moments", "Pixels", "Statistics", "describe", "sampled_frames"]

QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}

Described = dict[str, list[Any]]


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

    def describe(self) -> Described:
        """As LeRobot lists them: std is the population's."""
        return {
            "min": self.minimum.tolist(),
            "max": self.maximum.tolist(),
            "mean": self.mean.tolist(),
            "std": np.sqrt(self.squares / self.count).tolist(),
            "count": [self.count],
        }


class Statistics:
    """Moments and quantiles of the rows added so far, growing block by block, in bounded memory."""

    def __init__(self) -> None:
        self._moments: Moments | None = None
        self._quantiles = Quantiles()

    @property
    def count(self) -> int:
        """How many rows were added."""
        return self._quantiles.count

    @property
    def rank_error(self) -> int:
        """By how many of the ranks a quantile may be off; 0: none."""
        return self._quantiles.rank_error

    def add(self, rows: Shaped[np.ndarray, "N D"]) -> None:
        """Count these rows too."""
        if len(rows):
            self._join(Moments.of(rows))
            self._quantiles.add(rows)

    def merge(self, other: "Statistics") -> None:
        """Count all that `other` has counted."""
        if other._moments is not None:
            self._join(other._moments)
            self._quantiles.merge(other._quantiles)

    def describe(self) -> Described:
        """As LeRobot lists them. At least one row was added."""
        assert self._moments is not None, "no rows"
        levels = self._quantiles.at(list(QUANTILES.values()))
        return {**self._moments.describe(), **dict(zip(QUANTILES, levels.tolist(), strict=True))}

    def _join(self, moments: Moments) -> None:
        self._moments = moments if self._moments is None else self._moments.merge(moments)


def describe(values: Shaped[np.ndarray, "N D"]) -> Described:
    """The statistics of one block of rows."""
    statistics = Statistics()
    statistics.add(values)
    return statistics.describe()


def sampled_frames(length: int) -> Int64[np.ndarray, " K"]:
    """Which frames of an episode enter image statistics: evenly spaced, as many as LeRobot takes."""
    number = max(min(100, length), min(int(length**0.75), 10_000))
    return np.round(np.linspace(0, length - 1, number)).astype(np.int64)


@dataclass(frozen=True)
class Pixels:
    """How often each level 0..255 occurs in each channel, over `frames` images."""

    frames: int
    levels: Int64[np.ndarray, "C 256"]

    @classmethod
    def of(cls, images: UInt8[np.ndarray, "N Y X C"]) -> "Pixels":
        channels = [np.bincount(images[..., c].ravel(), minlength=256) for c in range(images.shape[-1])]
        return cls(len(images), np.stack(channels))

    @classmethod
    def total(cls, parts: Sequence["Pixels"]) -> "Pixels":
        return cls(sum(part.frames for part in parts), np.sum([part.levels for part in parts], axis=0))

    def describe(self) -> Described:
        """Statistics a channel, of levels scaled to 0..1, each of LeRobot's shape [C, 1, 1]."""
        found = [self._channel(counts) for counts in self.levels]
        described: Described = {name: [[[channel[name] / 255]] for channel in found] for name in found[0]}
        return {**described, "count": [self.frames]}

    @staticmethod
    def _channel(counts: Int64[np.ndarray, " 256"]) -> dict[str, float]:
        grey = np.arange(256, dtype=np.float64)
        present, total = np.flatnonzero(counts), counts.sum()
        mean = (counts * grey).sum() / total
        std = np.sqrt((counts * (grey - mean) ** 2).sum() / total)
        cumulative = np.cumsum(counts)

        def quantile(level: float) -> float:
            at = level * (total - 1)
            low, high = np.searchsorted(cumulative, [np.floor(at), np.ceil(at)], side="right")
            return float(low + (high - low) * (at - np.floor(at)))

        return {
            "min": float(present[0]),
            "max": float(present[-1]),
            "mean": float(mean),
            "std": float(std),
            **{name: quantile(level) for name, level in QUANTILES.items()},
        }

    def to_json(self) -> dict[str, Any]:
        return {"frames": self.frames, "levels": self.levels.tolist()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Pixels":
        return cls(value["frames"], np.array(value["levels"], dtype=np.int64))
