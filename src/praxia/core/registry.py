"""Registries are dict literals of strings, `{"name": "module:attribute"}`, one in each package's `__init__`.

An outside package adds entries with an entry point in the group `praxia.<room>`; nothing inside praxia is edited.
Only the module that a name points to is imported.
"""

import importlib
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from praxia.core.errors import UnknownName

__all__ = ["lookup", "names"]


def names(room: str, builtin: Mapping[str, str]) -> dict[str, str]:
    """All names of a package: its own dict literal and the entry points of the group `praxia.<room>`."""
    outside = {point.name: point.value for point in entry_points(group=f"praxia.{room}")}
    return {**outside, **builtin}


def lookup(room: str, builtin: Mapping[str, str], name: str, *, kind: str, listing: str) -> Any:
    """The object registered under `name`.

    Raises:
        UnknownName: with the nearest names and the command that lists all.
    """
    known = names(room, builtin)
    if name not in known:
        raise UnknownName(kind, name, known, listing)
    module, _, attribute = known[name].partition(":")
    return getattr(importlib.import_module(module), attribute)
