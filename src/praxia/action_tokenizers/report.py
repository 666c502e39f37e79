"""Round trips of the same chunks through several action tokenizers, side by side."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32

from praxia.action_tokenizers.interface import ActionTokenizer
from praxia.core.embodiment import Field, field_slices

__all__ = ["round_trips"]


def round_trips(
    tokenizers: Mapping[str, ActionTokenizer],
    chunks: Float32[np.ndarray, "B H A"],
    valid: Bool[np.ndarray, "B H"],
    to_units: Callable[[np.ndarray], np.ndarray],
    fields: Sequence[Field],
) -> dict[str, dict[str, Any]]:
    """One JSON value per tokenizer, of normalised chunks; errors are over the valid steps.

    `to_units` maps normalised actions [B, H, A] to the units that `fields` declare.

    `mse` and `max_error` are normalised; `fields` has both for each action field in its own unit, since dims of
    different units have no common mean. `tokens` is the mean number of tokens per chunk, `compression` H * A divided by
    it, and `clipped_share` the share of the H * A numbers that the tokenizer clipped.
    """
    return {name: _round_trip(one, chunks, valid, to_units, fields) for name, one in tokenizers.items()}


def _round_trip(
    tokenizer: ActionTokenizer,
    chunks: Float32[np.ndarray, "B H A"],
    valid: Bool[np.ndarray, "B H"],
    to_units: Callable[[np.ndarray], np.ndarray],
    fields: Sequence[Field],
) -> dict[str, Any]:
    encoded = tokenizer.encode(chunks)
    decoded = tokenizer.decode(encoded.tokens, encoded.valid)
    assert not decoded.status.any(), "a tokenizer can decode what it has encoded"
    in_units = to_units(decoded.chunks)[valid] - to_units(chunks)[valid]
    tokens = float(encoded.valid.sum(1).mean())
    num_values = tokenizer.horizon * tokenizer.action_dim
    return {
        **_errors((decoded.chunks - chunks)[valid]),
        "tokens": tokens,
        "compression": num_values / tokens,
        "clipped_share": float(encoded.num_clipped.mean()) / num_values,
        "vocab_size": tokenizer.vocab_size,
        "fields": {
            field.name: {"unit": field.unit, **_errors(in_units[..., dims])} for field, dims in field_slices(fields)
        },
    }


def _errors(error: Float32[np.ndarray, "N D"]) -> dict[str, float]:
    return {"mse": float(np.mean(np.square(error, dtype=np.float64))), "max_error": float(np.abs(error).max())}
