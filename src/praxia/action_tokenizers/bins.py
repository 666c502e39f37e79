"""What all bins share: one id an action and dim, in the order step by step, and a table of centres."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float32, Int64

from praxia.action_tokenizers.tokenizer import DecodedChunks, Status, TokenizedChunks, expect_chunks

__all__ = ["NUM_BINS", "Bins"]

NUM_BINS = 256  # RT-1, RT-2, OpenVLA


@dataclass(frozen=True)
class Bins(ABC):
    """A code of chunks of `horizon` actions by the nearest centre, dim by dim; `low` and `high` are the data's range.

    A code of this kind says where its centres are, and how it is fitted and written down.
    """

    horizon: int
    low: tuple[float, ...]
    high: tuple[float, ...]

    @abstractmethod
    def place_centres(self) -> Float32[np.ndarray, "A N"]:
        """What each id of a dim is decoded to, rising."""

    @cached_property
    def table(self) -> Float32[np.ndarray, "A N"]:
        """The centres, computed once."""
        return self.place_centres()

    @property
    def action_dim(self) -> int:
        return len(self.low)

    @property
    def vocabulary(self) -> int:
        return self.table.shape[1]

    def lengths(self) -> Int64[np.ndarray, " V"]:
        return np.ones(self.vocabulary, np.int64)

    @property
    def max_length(self) -> int:
        return self.horizon * self.action_dim

    def encode(self, chunks: Float32[np.ndarray, "B H A"]) -> TokenizedChunks:
        """Each action by the number of the centre nearest to it; of two as near, or equal, the first."""
        expect_chunks(chunks, self.horizon, self.action_dim)
        edges = (self.table[:, :-1] + self.table[:, 1:]) / 2
        ids = np.empty(chunks.shape, np.int64)
        for dim, between in enumerate(edges):
            ids[..., dim] = np.searchsorted(between, chunks[..., dim])
        outside = (chunks < np.array(self.low, np.float32)) | (chunks > np.array(self.high, np.float32))
        flat = ids.reshape(len(chunks), self.max_length)
        return TokenizedChunks(flat, np.ones(flat.shape, bool), outside.reshape(flat.shape))

    def decode(self, ids: Int64[np.ndarray, "B L"], valid: Bool[np.ndarray, "B L"]) -> DecodedChunks:
        """The centres behind the ids that count."""
        length = valid.sum(1)
        status = np.full(len(ids), Status.OK, np.int8)
        status[length < self.max_length] = Status.TOO_SHORT
        status[length > self.max_length] = Status.TOO_LONG
        status[(((ids < 0) | (ids >= self.vocabulary)) & valid).any(1)] = Status.UNKNOWN_ID
        ok = status == Status.OK
        chunks = np.full((len(ids), self.horizon, self.action_dim), np.nan, np.float32)
        spelled = ids[ok][valid[ok]].reshape(-1, self.horizon, self.action_dim)
        chunks[ok] = self.table[np.arange(self.action_dim), spelled]
        return DecodedChunks(chunks, status)
