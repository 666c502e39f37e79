"""Bins that hold equally many training actions each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float32

from praxia.action_tokenizers.bins import NUM_BINS, Bins
from praxia.action_tokenizers.tokenizer import expect_chunks

__all__ = ["QuantileBins"]


@dataclass(frozen=True)
class QuantileBins(Bins):
    """The medians of 256 bins of equally many training actions, dim by dim; H * A ids as of `UniformBins`.

    `centres` [A, N] rise, and repeat where many actions are the same (a gripper that is open or closed): such values
    are coded without any error. `low` and `high` are the range of the data.

    Deviation from bins with edges at quantiles: an action is given to the nearest median, so edges lie halfway
    between medians. That is never farther off, and keeps a repeated value apart from its neighbours.
    """

    tag: ClassVar[str] = "quantile-bins"

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

    def place_centres(self) -> Float32[np.ndarray, "A N"]:
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
