"""Normalised actions <-> tokens, for networks that predict tokens. numpy only, never torch.

Tokenizers are registered here by tag; outside packages use the group `praxia.action_tokenizers`. A fitted tokenizer is
stored in the checkpoint as JSON.
"""

from collections.abc import Mapping
from typing import Any

from praxia.action_tokenizers.interface import ActionTokenizer
from praxia.action_tokenizers.migration import migrate
from praxia.core.registry import lookup

__all__ = ["ACTION_TOKENIZERS", "action_tokenizer_from_json", "find_action_tokenizer"]

ACTION_TOKENIZERS = {
    "bins": "praxia.action_tokenizers.bins:UniformBins",
    "fast": "praxia.action_tokenizers.fast:Fast",
    "quantile-bins": "praxia.action_tokenizers.bins:QuantileBins",
}


def find_action_tokenizer(tag: str) -> Any:
    """The class of an action tokenizer, with the constructors `fit(chunks)` and `from_json(value)`.

    Raises:
        UnknownName: with the nearest tags.
    """
    listing = "praxia tokenizer fit --help"
    return lookup("action_tokenizers", ACTION_TOKENIZERS, tag, kind="action tokenizer", listing=listing)


def action_tokenizer_from_json(value: Mapping[str, Any]) -> ActionTokenizer:
    """The inverse of `ActionTokenizer.to_json`. Files of earlier schemas are migrated.

    Raises:
        UnknownName: the tokenizer's type is not registered. PraxiaError: a newer schema.
    """
    current = migrate(value)
    return find_action_tokenizer(current["type"]).from_json(current)
