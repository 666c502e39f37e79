"""Numbers in declared units <-> numbers of about unit size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32

from praxia.core.errors import PraxiaError

__all__ = ["Normaliser"]

MIN_RANGE = 1e-4


@dataclass(frozen=True)
class Normaliser:
    """Maps [low, high] of each dim to [-1, 1] linearly, without clipping, and back.

    `low` and `high` are the 1% and 99% quantiles of the training data (pi0.5, OpenVLA). A dim whose range is below
    1e-4 of its unit is held constant in the data: it is shifted, not stretched.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]

    def __post_init__(self):
        if not np.isfinite([*self.low, *self.high]).all():
            raise PraxiaError("normalisation needs finite quantiles; run `praxia info DIR` on the data set")

    @classmethod
    def from_stats(cls, *stats: Mapping[str, Sequence[float]]) -> "Normaliser":
        """From one feature of one or more data sets' statistics: needs "q01" and "q99".

        Of several the lowest and the highest: a range that holds the bulk of each, however few frames one has.
        """
        low = np.min([one["q01"] for one in stats], axis=0)
        high = np.max([one["q99"] for one in stats], axis=0)
        return cls(tuple(map(float, low)), tuple(map(float, high)))

    @property
    def size(self) -> int:
        """How many dims it maps."""
        return len(self.low)

    def encode(self, value: Float32[np.ndarray, "*batch D"]) -> Float32[np.ndarray, "*batch D"]:
        """Declared units to about [-1, 1]."""
        centre, scale = self._centre_and_scale()
        return ((value - centre) / scale).astype(np.float32)

    def decode(self, value: Float32[np.ndarray, "*batch D"]) -> Float32[np.ndarray, "*batch D"]:
        """The inverse of `encode`."""
        centre, scale = self._centre_and_scale()
        return (value * scale + centre).astype(np.float32)

    def _centre_and_scale(self) -> tuple[np.ndarray, np.ndarray]:
        low, high = np.array(self.low), np.array(self.high)
        half = (high - low) / 2
        return (low + high) / 2, np.where(half < MIN_RANGE / 2, 1.0, half)

    def to_json(self) -> dict[str, Any]:
        return {"low": list(self.low), "high": list(self.high)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Normaliser":
        return cls(tuple(value["low"]), tuple(value["high"]))
