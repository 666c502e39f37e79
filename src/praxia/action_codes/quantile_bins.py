"""Bins that hold equally many training actions each."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float32, Int64

from praxia.action_codes.bins import NUM_BINS, decode_bins, encode_bins
from praxia.action_codes.codes import Codes, Decoded, expect_chunks

__all__ = ["QuantileBins"]


@dataclass(frozen=True)
class QuantileBins:
    """The medians of 256 bins of equally many training actions, dim by dim; H * A ids as of `UniformBins`.

    `centres` [A, N] rise, and repeat where many actions are the same (a gripper that is open or closed): such values
    are coded without any error. `low` and `high` are the range of the data.

    Deviation from bins with edges at quantiles: an action is given to the nearest median, so edges lie halfway
    between medians. That is never farther off, and keeps a repeated value apart from its neighbours.
    """

    tag: ClassVar[str] = "quantile-bins"

    horizon: int
    low: tuple[float, ...]
    high: tuple[float, ...]
    centres: tuple[tuple[float, ...], ...]

    @classmethod
    def fit(cls, chunks: Float32[np.ndarray, "B H A"]) -> "QuantileBins":
        """The quantiles of all actions of `chunks`, in whatever order they come."""
        expect_chunks(chunks, *chunks.shape[1:])
        actions = np.sort(chunks.reshape(-1, chunks.shape[2]), axis=0)
        # Quantiles that are actions of the data, not interpolated: a median between open and closed is neither.
        at = ((np.arange(NUM_BINS) + 0.5) / NUM_BINS * len(actions)).astype(np.int64)
        rows = (tuple(row) for row in actions[at].T.tolist())
        return cls(chunks.shape[1], tuple(actions[0].tolist()), tuple(actions[-1].tolist()), tuple(rows))

    @property
    def action_dim(self) -> int:
        return len(self.centres)

    @property
    def vocabulary(self) -> int:
        return len(self.centres[0])

    def lengths(self) -> Int64[np.ndarray, " V"]:
        return np.ones(self.vocabulary, np.int64)

    @property
    def max_length(self) -> int:
        return self.horizon * self.action_dim

    def encode(self, chunks: Float32[np.ndarray, "B H A"]) -> Codes:
        expect_chunks(chunks, self.horizon, self.action_dim)
        low, high = np.array(self.low, np.float32), np.array(self.high, np.float32)
        return encode_bins(chunks, low, high, self._table)

    def decode(self, ids: Int64[np.ndarray, "B L"], valid: Bool[np.ndarray, "B L"]) -> Decoded:
        return decode_bins(ids, valid, self.horizon, self._table)

    @cached_property
    def _table(self) -> Float32[np.ndarray, "A N"]:
        return np.array(self.centres, np.float32)

    def to_json(self) -> dict[str, Any]:
        return {
            "code": self.tag,
            "horizon": self.horizon,
            "low": list(self.low),
            "high": list(self.high),
            "centres": [list(row) for row in self.centres],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "QuantileBins":
        centres = tuple(tuple(row) for row in value["centres"])
        return cls(value["horizon"], tuple(value["low"]), tuple(value["high"]), centres)
