"""The words of a command as the options of its verb: every option once, and a list's words together."""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from itertools import pairwise
from typing import Any, get_args, get_origin

import tyro

from praxia.core.errors import PraxiaError

__all__ = ["parse"]


def parse(kind: Any, arguments: Sequence[str], prog: str, description: str | None = None) -> Any:
    """The options that `kind`, a dataclass, declares. Of an option that takes words, all occurrences count.

    Raises:
        PraxiaError: an option that takes one value is there twice: of two values the last alone would count.
        SystemExit: help was asked for, or a word or value that `kind` does not take.
    """
    return tyro.cli(kind, args=_gathered(arguments, _lists(kind)), prog=prog, description=description)


def _gathered(arguments: Sequence[str], lists: frozenset[str]) -> list[str]:
    """The same words; those of a list that is there several times behind its first place."""
    before, given = _split(arguments)
    found: dict[str, list[list[str]]] = {}
    for words in given:
        found.setdefault(_name(words[0]), []).append(words)
    kept = list(before)
    for name, occurrences in found.items():
        first, *others = occurrences
        if others and name not in lists:
            said = " and ".join(map(" ".join, occurrences))
            raise PraxiaError(f"expected {name} once, got {said}; give one (names or numbers with commas are one)")
        kept += first if not others else [name, *(word for words in occurrences for word in _values(words))]
    return kept


def _split(arguments: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """What stands before the first option, and every option with the words that follow it."""
    begins = [at for at, word in enumerate(arguments) if word.startswith("--")]
    if "--" in arguments:  # all that follows is words
        begins = begins[: begins.index(arguments.index("--")) + 1]
    ends = [*begins, len(arguments)]
    return list(arguments[: ends[0]]), [list(arguments[at:end]) for at, end in pairwise(ends)]


def _name(option: str) -> str:
    """However it is spelled, and whether it is turned on or off."""
    name = option.partition("=")[0].replace("_", "-")
    return f"--{name.removeprefix('--no-')}" if name.startswith("--no-") else name


def _values(words: Sequence[str]) -> list[str]:
    """The words that one occurrence brings."""
    _, given, value = words[0].partition("=")
    return [value, *words[1:]] if given else list(words[1:])


def _lists(kind: Any) -> frozenset[str]:
    """The options that take any number of words."""
    if is_dataclass(kind):
        return frozenset(f"--{one.name.replace('_', '-')}" for one in fields(kind) if get_origin(one.type) is tuple)
    return frozenset[str]().union(*map(_lists, get_args(kind)))
