"""Bins of equal width over the range of each dim."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float32

from praxia.action_tokenizers.bins import NUM_BINS, Bins
from praxia.action_tokenizers.tokenizer import expect_chunks

__all__ = ["UniformBins"]


@dataclass(frozen=True)
class UniformBins(Bins):
    """`num_bins` bins that part [low, high] of each normalised dim; H * A ids, all dims of the first action first.

    A bin is decoded to its centre: inside the range no action is off by more than half a bin.

    Sources: RT-1 (Brohan et al. 2022, 256 bins a dim between its bounds) and OpenVLA (Kim et al. 2024). Deviations:
    RT-1's public code cuts off, and decodes to a bin's lower edge scaled over 255, so it is off by up to a whole bin;
    OpenVLA has 255 centres for its 256 ids, over [-1, 1] whatever the data. Here each of the 256 ids has a centre of
    its own, and the range is the lowest and the highest action of the data the code is fitted on.
    """

    tag: ClassVar[str] = "bins"

    num_bins: int = NUM_BINS

    @classmethod
    def fit(cls, chunks: Float32[np.ndarray, "B H A"]) -> "UniformBins":
        """The range is that of `chunks`, dim by dim."""
        expect_chunks(chunks, *chunks.shape[1:])
        low, high = chunks.min((0, 1)), chunks.max((0, 1))
        return cls(chunks.shape[1], tuple(low.tolist()), tuple(high.tolist()))

    def place_centres(self) -> Float32[np.ndarray, "A N"]:
        low, high = np.array(self.low)[:, None], np.array(self.high)[:, None]
        return (low + (high - low) * (np.arange(self.num_bins) + 0.5) / self.num_bins).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        return {
            "code": self.tag,
            "horizon": self.horizon,
            "low": list(self.low),
            "high": list(self.high),
            "num_bins": self.num_bins,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "UniformBins":
        return cls(value["horizon"], tuple(value["low"]), tuple(value["high"]), value["num_bins"])
