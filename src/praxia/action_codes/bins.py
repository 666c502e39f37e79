"""What all bins share: one id an action and dim, in the order step by step, and a table of centres."""

import numpy as np
from jaxtyping import Bool, Float32, Int64

from praxia.action_codes.codes import Codes, Decoded, Status

__all__ = ["NUM_BINS", "decode_bins", "encode_bins"]

NUM_BINS = 256  # RT-1, RT-2, OpenVLA


def encode_bins(
    chunks: Float32[np.ndarray, "B H A"],
    low: Float32[np.ndarray, " A"],
    high: Float32[np.ndarray, " A"],
    centres: Float32[np.ndarray, "A N"],
) -> Codes:
    """Each action by the number of the centre nearest to it; of two as near, or equal, the first."""
    edges = (centres[:, :-1] + centres[:, 1:]) / 2
    ids = np.empty(chunks.shape, np.int64)
    for dim, between in enumerate(edges):
        ids[..., dim] = np.searchsorted(between, chunks[..., dim])
    outside = (chunks < low) | (chunks > high)
    flat = ids.reshape(len(chunks), chunks.shape[1] * len(centres))
    return Codes(flat, np.ones(flat.shape, bool), outside.sum((1, 2)))


def decode_bins(
    ids: Int64[np.ndarray, "B L"], valid: Bool[np.ndarray, "B L"], horizon: int, centres: Float32[np.ndarray, "A N"]
) -> Decoded:
    """The centres behind the ids that count."""
    action_dim, num_bins = centres.shape
    length = valid.sum(1)
    status = np.full(len(ids), Status.OK, np.int8)
    status[length < horizon * action_dim] = Status.TOO_SHORT
    status[length > horizon * action_dim] = Status.TOO_LONG
    status[(((ids < 0) | (ids >= num_bins)) & valid).any(1)] = Status.UNKNOWN_ID
    ok = status == Status.OK
    chunks = np.full((len(ids), horizon, action_dim), np.nan, np.float32)
    chunks[ok] = centres[np.arange(action_dim), ids[ok][valid[ok]].reshape(-1, horizon, action_dim)]
    return Decoded(chunks, status)
