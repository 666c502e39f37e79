"""Registries are dict literals, `{"name": "module:attribute"}`, one in each package's `__init__`.

Other packages add entries with an entry point in the group `praxia.<group>`, without an edit inside praxia. Only the
module that a name points to is imported.
"""

import importlib
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from praxia.core.errors import PraxiaError, UnknownName, crash_text

__all__ = ["lookup", "names"]


def names(group: str, builtin: Mapping[str, str]) -> dict[str, str]:
    """All entries of a registry: its dict literal and the entry points of the group `praxia.<group>`."""
    external = {point.name: point.value for point in entry_points(group=f"praxia.{group}")}
    return {**external, **builtin}


def lookup(group: str, builtin: Mapping[str, str], name: str, *, kind: str, listing: str) -> Any:
    """The object registered under `name`. `kind` names it in messages, and the command `listing` lists all names.

    Raises:
        UnknownName: with the nearest names and `listing`.
        PraxiaError: the package that registered it cannot be imported, or does not have it.
    """
    # Entry points are files of every installed package, which take milliseconds to read.
    known = builtin if name in builtin else names(group, builtin)
    if name not in known:
        raise UnknownName(kind, name, known, listing)
    module, _, attribute = known[name].partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:
        if name in builtin or isinstance(error, PraxiaError):
            raise
        raise PraxiaError(
            f"{kind} {name!r} is {known[name]} of another package, and importing that failed with {crash_text(error)}; "
            "update or uninstall that package"
        ) from error
