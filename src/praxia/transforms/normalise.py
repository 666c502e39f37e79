"""Numbers in declared units <-> numbers of about unit size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float32

from praxia.core.errors import PraxiaError

__all__ = ["REACH", "Normalisation", "Normaliser", "is_constant"]

# What becomes [-1, 1]: the range between two quantiles, all values, or one standard deviation around the mean.
Normalisation = Literal["quantiles", "min-max", "mean-std"]

# What differs by no more than this part of its size is one value with rounding errors: 8 times float32's precision.
ROUNDING = 8 * float(np.finfo(np.float32).eps)
# float32 has less precision for what is smaller.
SMALLEST = float(np.finfo(np.float32).tiny)
# Training values are at most this far out. At most 2% of them are beyond 1, so they add at most 2 to the mean square
# of their dim, as much as a few ordinary dims.
REACH = 10.0


@dataclass(frozen=True)
class Normaliser:
    """Maps [low, high] of each dim to [-1, 1] linearly, without clipping, and back.

    `low` and `high` are by default the 1% and 99% quantiles of the training data (pi0.5, OpenVLA), see `from_stats`.
    Where they are equal the dim is constant: it is encoded as 0 whatever its value, and decoded to that constant
    whatever the network predicts. The dims `shifted` are moved by the middle of their range and not stretched: policies
    from before constant dims were recognised by the size of their values have those whose range was below 1e-4.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    shifted: tuple[int, ...] = ()

    def __post_init__(self):
        if not np.isfinite([*self.low, *self.high]).all():
            raise PraxiaError(
                "normalisation needs finite quantiles, got NaN or infinity; run `praxia data stats DIR` on the data set"
            )

    @classmethod
    def from_stats(
        cls, *stats: Mapping[str, Sequence[float]], normalisation: Normalisation = "quantiles"
    ) -> "Normaliser":
        """From one feature of one or more data sets' statistics: needs "min", "max" and those of the `normalisation`.

        Of several the lowest and the highest: a range that holds the bulk of each, however few frames one has. A dim
        that is the same up to rounding gets one value. A range of quantiles that leaves values more than 10 times as
        far from its middle as its ends (a dim that is nearly still but for rare moves) is widened until the farthest is
        just that.
        """
        low, high = _range(stats, normalisation)
        least, most = _lowest(stats, "min"), _highest(stats, "max")
        middle = (low + high) / 2
        half = np.maximum(most - middle, middle - least) / REACH
        wide = (half > (high - low) / 2) & (normalisation == "quantiles")
        constant = is_constant(least, most)
        low = np.where(constant, middle, np.where(wide, middle - half, low))
        high = np.where(constant, middle, np.where(wide, middle + half, high))
        return cls(tuple(low.tolist()), tuple(high.tolist()))

    @property
    def size(self) -> int:
        """The number of dims."""
        return len(self.low)

    @property
    def constant(self) -> Bool[np.ndarray, " D"]:
        """Which dims were constant in training."""
        return (np.array(self.low) == np.array(self.high)) | np.isin(np.arange(self.size), self.shifted)

    def encode(self, value: Float32[np.ndarray, "*batch D"]) -> Float32[np.ndarray, "*batch D"]:
        """Declared units to about [-1, 1]."""
        centre, scale = self._centre_and_scale()
        moved = (value - centre) / np.where(scale == 0, 1, scale)
        return np.where(scale == 0, 0, moved).astype(np.float32)

    def decode(self, value: Float32[np.ndarray, "*batch D"]) -> Float32[np.ndarray, "*batch D"]:
        """The inverse of `encode`, and the constants."""
        centre, scale = self._centre_and_scale()
        return (value * scale + centre).astype(np.float32)

    def outside(self, value: Float32[np.ndarray, "*batch D"]) -> Bool[np.ndarray, "*batch D"]:
        """Which values, in declared units, become less than -1 or more than 1; of a constant dim, all other values."""
        centre, scale = self._centre_and_scale()
        rounding = ROUNDING * np.maximum(np.abs(self.low), np.abs(self.high))
        return np.abs(value - centre) > np.where(self.constant, 0, scale) + rounding

    def _centre_and_scale(self) -> tuple[np.ndarray, np.ndarray]:
        low, high = np.array(self.low), np.array(self.high)
        half = (high - low) / 2
        half[list(self.shifted)] = 1.0
        return (low + high) / 2, half

    def to_json(self) -> dict[str, Any]:
        ranges = {"low": list(self.low), "high": list(self.high)}
        return {**ranges, "shifted": list(self.shifted)} if self.shifted else ranges

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Normaliser":
        return cls(tuple(value["low"]), tuple(value["high"]), tuple(value.get("shifted", ())))


def is_constant(lowest: Any, highest: Any) -> Any:
    """Whether dims between these values are constant, up to rounding at their size: of any unit."""
    return highest - lowest <= np.maximum(ROUNDING * np.maximum(np.abs(lowest), np.abs(highest)), SMALLEST)


def _range(
    stats: Sequence[Mapping[str, Sequence[float]]], normalisation: Normalisation
) -> tuple[np.ndarray, np.ndarray]:
    if normalisation != "mean-std":
        least, most = ("min", "max") if normalisation == "min-max" else ("q01", "q99")
        return _lowest(stats, least), _highest(stats, most)
    mean, std = (np.array([one[name] for one in stats], dtype=np.float64) for name in ("mean", "std"))
    return (mean - std).min(axis=0), (mean + std).max(axis=0)


def _lowest(stats: Sequence[Mapping[str, Sequence[float]]], name: str) -> np.ndarray:
    return np.min([one[name] for one in stats], axis=0).astype(np.float64)


def _highest(stats: Sequence[Mapping[str, Sequence[float]]], name: str) -> np.ndarray:
    return np.max([one[name] for one in stats], axis=0).astype(np.float64)
