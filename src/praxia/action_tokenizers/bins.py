"""Tokenizers with one token per action entry: the nearest of a table of centres, uniform or at quantiles."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float32, Int64

from praxia.action_tokenizers.interface import DecodedChunks, Status, TokenizedChunks, expect_chunks
from praxia.action_tokenizers.migration import SCHEMA

__all__ = ["Bins", "QuantileBins", "UniformBins"]

NUM_BINS = 256  # RT-1, RT-2, OpenVLA


@dataclass(frozen=True)
class Bins(ABC):
    """Tokens for chunks of `horizon` actions, step by step, dim by dim; `low` and `high` are the range of the data.

    A subclass defines where its centres are, how it is fitted, and its JSON.
    """

    horizon: int
    low: tuple[float, ...]
    high: tuple[float, ...]

    @abstractmethod
    def place_centres(self) -> Float32[np.ndarray, "A N"]:
        """The value that each token of a dim is decoded to, in rising order."""

    @cached_property
    def table(self) -> Float32[np.ndarray, "A N"]:
        """The centres, computed once."""
        return self.place_centres()

    @property
    def action_dim(self) -> int:
        return len(self.low)

    @property
    def vocab_size(self) -> int:
        return self.table.shape[1]

    def token_lengths(self) -> Int64[np.ndarray, " V"]:
        return np.ones(self.vocab_size, np.int64)

    @property
    def max_length(self) -> int:
        return self.horizon * self.action_dim

    def encode(self, chunks: Float32[np.ndarray, "B H A"]) -> TokenizedChunks:
        """The number of the centre nearest to each action; of two equally near ones the first."""
        expect_chunks(chunks, self.horizon, self.action_dim)
        edges = (self.table[:, :-1] + self.table[:, 1:]) / 2
        tokens = np.empty(chunks.shape, np.int64)
        for dim, dim_edges in enumerate(edges):
            tokens[..., dim] = np.searchsorted(dim_edges, chunks[..., dim])
        clipped = (chunks < np.array(self.low, np.float32)) | (chunks > np.array(self.high, np.float32))
        flat = tokens.reshape(len(chunks), self.max_length)
        return TokenizedChunks(flat, np.ones(flat.shape, bool), clipped.reshape(flat.shape))

    def decode(self, tokens: Int64[np.ndarray, "B L"], valid: Bool[np.ndarray, "B L"]) -> DecodedChunks:
        """The centres of the valid tokens."""
        length = valid.sum(1)
        status = np.full(len(tokens), Status.OK, np.int8)
        status[length < self.max_length] = Status.TOO_SHORT
        status[length > self.max_length] = Status.TOO_LONG
        status[(((tokens < 0) | (tokens >= self.vocab_size)) & valid).any(1)] = Status.UNKNOWN_TOKEN
        ok = status == Status.OK
        chunks = np.full((len(tokens), self.horizon, self.action_dim), np.nan, np.float32)
        complete = tokens[ok][valid[ok]].reshape(-1, self.horizon, self.action_dim)
        chunks[ok] = self.table[np.arange(self.action_dim), complete]
        return DecodedChunks(chunks, status)


@dataclass(frozen=True)
class UniformBins(Bins):
    """`num_bins` bins of equal width that divide [low, high] of each normalised dim.

    A bin is decoded to its centre: inside the range no action is off by more than half a bin.

    Sources: RT-1 (Brohan et al. 2022, 256 bins per dim between its bounds) and OpenVLA (Kim et al. 2024). Deviations:
    RT-1's public code truncates, and decodes to a bin's lower edge scaled over 255, so it is off by up to a full bin;
    OpenVLA has 255 centres for its 256 tokens, over [-1, 1] whatever the data. Here each of the 256 tokens has its own
    centre, and the range is from the lowest to the highest action of the data that the tokenizer is fitted on.
    """

    tag: ClassVar[str] = "bins"

    num_bins: int = NUM_BINS

    @classmethod
    def fit(cls, chunks: Float32[np.ndarray, "B H A"]) -> "UniformBins":
        """With the range of `chunks`, dim by dim."""
        expect_chunks(chunks, *chunks.shape[1:])
        low, high = chunks.min((0, 1)), chunks.max((0, 1))
        return cls(chunks.shape[1], tuple(low.tolist()), tuple(high.tolist()))

    def place_centres(self) -> Float32[np.ndarray, "A N"]:
        low, high = np.array(self.low)[:, None], np.array(self.high)[:, None]
        return (low + (high - low) * (np.arange(self.num_bins) + 0.5) / self.num_bins).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "type": self.tag,
            "horizon": self.horizon,
            "low": list(self.low),
            "high": list(self.high),
            "num_bins": self.num_bins,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "UniformBins":
        return cls(value["horizon"], tuple(value["low"]), tuple(value["high"]), value["num_bins"])


@dataclass(frozen=True)
class QuantileBins(Bins):
    """The medians of 256 bins that hold equally many training actions, dim by dim.

    `centres` [A, N] rise, and repeat where many actions are the same (a gripper that is open or closed): such values
    are encoded without error.

    Deviation from bins with edges at quantiles: an action is assigned to the nearest median, so edges lie halfway
    between medians. That is never less accurate, and keeps a repeated value apart from its neighbours.
    """

    tag: ClassVar[str] = "quantile-bins"

    centres: tuple[tuple[float, ...], ...]

    @classmethod
    def fit(cls, chunks: Float32[np.ndarray, "B H A"]) -> "QuantileBins":
        """With the quantiles of all actions of `chunks`, in any order."""
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
            "schema": SCHEMA,
            "type": self.tag,
            "horizon": self.horizon,
            "low": list(self.low),
            "high": list(self.high),
            "centres": [list(row) for row in self.centres],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "QuantileBins":
        centres = tuple(tuple(row) for row in value["centres"])
        return cls(value["horizon"], tuple(value["low"]), tuple(value["high"]), centres)
