"""The nouns of this package: coded chunks, decoded chunks, and what every code can do.

Axes: B batch, L ids, H actions ahead, A action dims. Chunks are normalised: about [-1, 1] in each dim.
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
    "padded",
]


class Status(IntEnum):
    """What became of one row of ids."""

    OK = 0
    TOO_SHORT = 1
    """Fewer actions than a chunk has."""
    TOO_LONG = 2
    UNKNOWN_ID = 3
    """An id below 0, or one that the vocabulary does not have."""
    MALFORMED = 4
    """Known ids that together spell no integers."""


@dataclass(frozen=True)
class TokenizedChunks:
    """B coded chunks: ids, padded with 0 to the longest, and which of them count.

    `clipped` says which of the H * A numbers of each chunk were outside of what the code can say and were moved to the
    nearest that it can: actions step by step for bins, coefficients from the lowest frequency on for FAST.
    """

    ids: Int64[np.ndarray, "B L"]
    valid: Bool[np.ndarray, "B L"]
    clipped: Bool[np.ndarray, "B N"]

    @property
    def num_clipped(self) -> Int64[np.ndarray, " B"]:
        """How many numbers of each chunk were clipped."""
        return self.clipped.sum(1)


@dataclass(frozen=True)
class DecodedChunks:
    """B chunks and the `Status` of each; a chunk whose status is not OK is NaN throughout, never a made-up motion."""

    chunks: Float32[np.ndarray, "B H A"]
    status: Int8[np.ndarray, " B"]


@runtime_checkable
class ActionTokenizer(Protocol):
    """A fitted code for chunks of `horizon` actions of `action_dim` dims."""

    @property
    def horizon(self) -> int: ...

    @property
    def action_dim(self) -> int: ...

    @property
    def vocabulary(self) -> int:
        """How many ids there are: 0 .. vocabulary - 1. Start, end and padding are the network's own."""
        ...

    def lengths(self) -> Int64[np.ndarray, " V"]:
        """How many of a chunk's H * A numbers each id stands for: ids that add up to all of them can be decoded.

        All 1 where id i of a chunk says its action entry i, step by step.

        Raises:
            MismatchError: ids of this code do not stand for whole numbers.
        """
        ...

    @property
    def max_length(self) -> int:
        """The most ids that a chunk can take; codes of fixed length always take as many."""
        ...

    def encode(self, chunks: Float32[np.ndarray, "B H A"]) -> TokenizedChunks:
        """Ids of normalised chunks; what is out of range is clipped and counted.

        Raises:
            MismatchError: chunks of another shape.
            DataError: values that are not finite.
        """
        ...

    def decode(self, ids: Int64[np.ndarray, "B L"], valid: Bool[np.ndarray, "B L"]) -> DecodedChunks:
        """Normalised chunks out of ids, which may be anything that a network has generated."""
        ...

    def to_json(self) -> dict[str, Any]:
        """A JSON value that `praxia.action_tokenizers.action_tokenizer_from_json` turns back into an equal code."""
        ...


def expect_chunks(chunks: Float32[np.ndarray, "B H A"], horizon: int, action_dim: int) -> None:
    """Refuse chunks that a code cannot hold.

    Raises:
        MismatchError: another horizon or number of dims.
        DataError: values that are not finite.
    """
    if chunks.shape[1:] != (horizon, action_dim):
        raise MismatchError(
            f"the action code holds chunks of {horizon} actions x {action_dim} dims, "
            f"got {chunks.shape[1]} x {chunks.shape[2]}; fit one for these: `praxia codes fit DATA --horizon H`"
        )
    if not np.isfinite(chunks).all():
        row, step, dim = np.argwhere(~np.isfinite(chunks))[0]
        raise DataError(
            f"expected finite actions, got {chunks[row, step, dim]} in chunk {row}, step {step}, dim {dim}; "
            "see `praxia info DATA`"
        )


def expect_in_range(code: ActionTokenizer, chunks: Float32[np.ndarray, "B H A"]) -> None:
    """Refuse chunks that `code` can only say by clipping: to be called before training starts.

    Raises:
        DataError: naming the first such chunk and its range.
    """
    clipped = code.encode(chunks).num_clipped
    if clipped.any():
        first = int(np.flatnonzero(clipped)[0])
        raise DataError(
            f"expected actions within the action code's range, got {clipped.sum()} values outside of it in "
            f"{np.count_nonzero(clipped)} of {len(chunks)} chunks (chunk {first} spans {chunks[first].min():.3g} to "
            f"{chunks[first].max():.3g}, normalised); fit the code on this data: `praxia codes fit DATA`"
        )


def padded(rows: Sequence[Sequence[int]]) -> tuple[Int64[np.ndarray, "B L"], Bool[np.ndarray, "B L"]]:
    """Rows of ids as one array, padded with 0 to the longest, and which of it counts."""
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    valid = np.arange(lengths.max(initial=0)) < lengths[:, None]
    ids = np.zeros(valid.shape, np.int64)
    ids[valid] = np.fromiter(chain.from_iterable(rows), np.int64, lengths.sum())
    return ids, valid
