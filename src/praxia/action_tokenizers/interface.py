"""The interface of action tokenizers: tokenized chunks, decoded chunks, and their conversion.

Axes: B batch, L tokens, H actions of a chunk, A action dims, N = H * A numbers of a chunk, V vocabulary. Chunks are
normalised: about [-1, 1] in each dim.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32, Int8, Int64

from praxia.core.errors import DataError, MismatchError

__all__ = [
    "ActionTokenizer",
    "DecodedChunks",
    "Status",
    "TokenizedChunks",
    "expect_chunks",
    "expect_in_range",
    "pad_rows",
]


class Status(IntEnum):
    """The outcome of decoding one row of tokens."""

    OK = 0
    TOO_SHORT = 1
    """Fewer actions than a chunk has."""
    TOO_LONG = 2
    UNKNOWN_TOKEN = 3
    """A token below 0, or beyond the vocabulary."""
    MALFORMED = 4
    """Known tokens that together encode no integers."""


@dataclass(frozen=True)
class TokenizedChunks:
    """B tokenized chunks: tokens, padded with 0 to the longest row, and which of them are valid.

    `clipped` marks those of a chunk's N numbers that were out of range and replaced by the nearest in range. The
    numbers are actions, step by step, for bins, and coefficients, from the lowest frequency on, for FAST.
    """

    tokens: Int64[np.ndarray, "B L"]
    valid: Bool[np.ndarray, "B L"]
    clipped: Bool[np.ndarray, "B N"]

    @property
    def num_clipped(self) -> Int64[np.ndarray, " B"]:
        """The number of clipped numbers in each chunk."""
        return self.clipped.sum(1)


@dataclass(frozen=True)
class DecodedChunks:
    """B chunks and the `Status` of each. A chunk whose status is not OK is NaN throughout, never an invented motion."""

    chunks: Float32[np.ndarray, "B H A"]
    status: Int8[np.ndarray, " B"]


@runtime_checkable
class ActionTokenizer(Protocol):
    """A fitted tokenizer of chunks of `horizon` actions with `action_dim` dims."""

    @property
    def horizon(self) -> int: ...

    @property
    def action_dim(self) -> int: ...

    @property
    def vocab_size(self) -> int:
        """The number of tokens, 0 .. vocab_size - 1. Start, end and padding tokens belong to the network."""
        ...

    def token_lengths(self) -> Int64[np.ndarray, " V"]:
        """How many of a chunk's N numbers each token encodes: tokens whose lengths add up to N can be decoded.

        All are 1 where token i of a chunk encodes its action entry i, step by step.

        Raises:
            MismatchError: a token may encode a fraction of a number.
        """
        ...

    @property
    def max_length(self) -> int:
        """The largest number of tokens per chunk; a tokenizer of fixed length always produces as many."""
        ...

    def encode(self, chunks: Float32[np.ndarray, "B H A"]) -> TokenizedChunks:
        """Tokens of normalised chunks; numbers out of range are clipped and marked.

        Raises:
            MismatchError: chunks of another shape.
            DataError: values that are not finite.
        """
        ...

    def decode(self, tokens: Int64[np.ndarray, "B L"], valid: Bool[np.ndarray, "B L"]) -> DecodedChunks:
        """Normalised chunks from tokens, which may be anything that a network generates."""
        ...

    def to_json(self) -> dict[str, Any]:
        """A JSON value from which `praxia.action_tokenizers.action_tokenizer_from_json` makes an equal tokenizer."""
        ...


def expect_chunks(chunks: Float32[np.ndarray, "B H A"], horizon: int, action_dim: int) -> None:
    """Refuse chunks that do not fit a tokenizer.

    Raises:
        MismatchError: another horizon or number of dims.
        DataError: values that are not finite.
    """
    if chunks.shape[1:] != (horizon, action_dim):
        raise MismatchError(
            f"the action tokenizer is for chunks of {horizon} actions x {action_dim} dims, "
            f"got {chunks.shape[1]} x {chunks.shape[2]}; fit one for these: `praxia tokenizer fit DATA --horizon H`"
        )
    if not np.isfinite(chunks).all():
        row, step, dim = np.argwhere(~np.isfinite(chunks))[0]
        raise DataError(
            f"expected finite actions, got {chunks[row, step, dim]} in chunk {row}, step {step}, dim {dim}; "
            "see `praxia info DATA`"
        )


def expect_in_range(tokenizer: ActionTokenizer, chunks: Float32[np.ndarray, "B H A"]) -> None:
    """Refuse, before training starts, chunks that `tokenizer` would clip.

    Raises:
        DataError: with the first such chunk and its range.
    """
    num_clipped = tokenizer.encode(chunks).num_clipped
    if num_clipped.any():
        first = int(np.flatnonzero(num_clipped)[0])
        raise DataError(
            f"expected actions within the action tokenizer's range, got {num_clipped.sum()} values outside in "
            f"{np.count_nonzero(num_clipped)} of {len(chunks)} chunks (chunk {first} spans {chunks[first].min():.3g} "
            f"to {chunks[first].max():.3g}, normalised); fit the tokenizer on this data: `praxia tokenizer fit DATA`"
        )


def pad_rows(rows: Sequence[Sequence[int]]) -> tuple[Int64[np.ndarray, "B L"], Bool[np.ndarray, "B L"]]:
    """Rows of tokens as one array, padded with 0 to the longest, and which entries are valid."""
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    valid = np.arange(lengths.max(initial=0)) < lengths[:, None]
    tokens = np.zeros(valid.shape, np.int64)
    tokens[valid] = np.fromiter(chain.from_iterable(rows), np.int64, lengths.sum())
    return tokens, valid
