"""Round trips of the same chunks through several codes, side by side."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32

from praxia.action_tokenizers.tokenizer import ActionTokenizer
from praxia.core.embodiment import Field, field_slices

__all__ = ["round_trips"]


def round_trips(
    codes: Mapping[str, ActionTokenizer],
    chunks: Float32[np.ndarray, "B H A"],
    valid: Bool[np.ndarray, "B H"],
    to_units: Callable[[np.ndarray], np.ndarray],
    fields: Sequence[Field],
) -> dict[str, dict[str, Any]]:
    """One JSON value a code, of normalised chunks; errors are over the valid steps.

    `to_units` maps normalised actions [B, H, A] to the units that `fields` declare.

    `mse` and `max_error` are normalised; `fields` holds both for each action field in its own unit, since dims of
    different units have no common mean. `tokens` is the mean number of ids a chunk, `compression` H * A over it,
    `clipped_share` that of the H * A numbers which the code could only say by clipping.
    """
    return {name: _round_trip(code, chunks, valid, to_units, fields) for name, code in codes.items()}


def _round_trip(
    code: ActionTokenizer,
    chunks: Float32[np.ndarray, "B H A"],
    valid: Bool[np.ndarray, "B H"],
    to_units: Callable[[np.ndarray], np.ndarray],
    fields: Sequence[Field],
) -> dict[str, Any]:
    coded = code.encode(chunks)
    decoded = code.decode(coded.ids, coded.valid)
    assert not decoded.status.any(), "what a code has written it can read"
    in_units = to_units(decoded.chunks)[valid] - to_units(chunks)[valid]
    tokens = float(coded.valid.sum(1).mean())
    num_values = code.horizon * code.action_dim
    return {
        **_errors((decoded.chunks - chunks)[valid]),
        "tokens": tokens,
        "compression": num_values / tokens,
        "clipped_share": float(coded.num_clipped.mean()) / num_values,
        "vocabulary": code.vocabulary,
        "fields": {
            field.name: {"unit": field.unit, **_errors(in_units[..., dims])} for field, dims in field_slices(fields)
        },
    }


def _errors(error: Float32[np.ndarray, "N D"]) -> dict[str, float]:
    return {"mse": float(np.mean(np.square(error, dtype=np.float64))), "max_error": float(np.abs(error).max())}
