"""Normalised actions <-> codes: what a network that predicts tokens reads and writes. numpy only, never torch.

A code is registered here by tag; outside packages use the group `praxia.action_codes`. Every one travels in the
checkpoint as a JSON value.
"""

from collections.abc import Mapping
from typing import Any

from praxia.core.registry import lookup

__all__ = ["CODES", "code_from_json", "find_code"]

CODES = {
    "bins": "praxia.action_codes.uniform_bins:UniformBins",
    "quantile-bins": "praxia.action_codes.quantile_bins:QuantileBins",
    "fast": "praxia.action_codes.fast:Fast",
}


def find_code(tag: str) -> Any:
    """The class of a code: `fit(chunks)` and `from_json(value)` make one.

    Raises:
        UnknownName: with the nearest tags.
    """
    return lookup("action_codes", CODES, tag, kind="action code", listing="praxia codes fit --help")


def code_from_json(value: Mapping[str, Any]) -> Any:
    """The code whose `to_json` gave `value`.

    Raises:
        UnknownName: it names a code that nobody registered.
    """
    return find_code(value["code"]).from_json(value)
