"""Transforms as older policies hold them, in the form of today."""

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["with_shifted_dims"]

# Up to schema 3 a dim of a smaller range, in its own unit, was moved and not stretched.
MIN_RANGE = 1e-4


def with_shifted_dims(transforms: Mapping[str, Any]) -> dict[str, Any]:
    """The "transforms" of a policy.json of schema 3 with normalisers that say which dims they only shift.

    They compute what they computed, to the last bit.
    """
    return {**transforms, "embodiments": [_embodiment(embodiment) for embodiment in transforms["embodiments"]]}


def _embodiment(embodiment: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _normaliser(one) if name in ("state", "action") else one for name, one in embodiment.items()}


def _normaliser(value: Mapping[str, Any]) -> dict[str, Any]:
    half = (np.array(value["high"]) - np.array(value["low"])) / 2
    shifted = np.flatnonzero(half < MIN_RANGE / 2).tolist()
    return {**value, "shifted": shifted} if shifted else dict(value)
