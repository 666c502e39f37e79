"""Normalised actions <-> codes: what a network that predicts tokens reads and writes. numpy only, never torch.

A code is registered here by tag; outside packages use the group `praxia.action_tokenizers`. Every one travels in the
checkpoint as a JSON value.
"""

from collections.abc import Mapping
from typing import Any

from praxia.core.registry import lookup

__all__ = ["ACTION_TOKENIZERS", "action_tokenizer_from_json", "find_action_tokenizer"]

ACTION_TOKENIZERS = {
    "bins": "praxia.action_tokenizers.uniform_bins:UniformBins",
    "quantile-bins": "praxia.action_tokenizers.quantile_bins:QuantileBins",
    "fast": "praxia.action_tokenizers.fast:Fast",
}


def find_action_tokenizer(tag: str) -> Any:
    """The class of a code: `fit(chunks)` and `from_json(value)` make one.

    Raises:
        UnknownName: with the nearest tags.
    """
    return lookup("action_codes", ACTION_TOKENIZERS, tag, kind="action code", listing="praxia codes fit --help")


def action_tokenizer_from_json(value: Mapping[str, Any]) -> Any:
    """The code whose `to_json` gave `value`.

    Raises:
        UnknownName: it names a code that nobody registered.
    """
    return find_action_tokenizer(value["code"]).from_json(value)
