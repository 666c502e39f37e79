"""In what two fingerprints differ, in words."""

from collections.abc import Collection, Mapping
from typing import Any

__all__ = ["differences"]


def differences(
    one: Mapping[str, Any],
    other: Mapping[str, Any],
    ignored: Collection[str] = (),
    words: tuple[str, str] = ("was", "is"),
) -> str:
    """Every entry in which two JSON objects differ, down to the innermost: "seed was 0, is 1"; "": none does.

    `words` go before the values of `one` and `other`; outermost entries named in `ignored` may differ.
    """
    names = [name for name in {**one, **other} if one.get(name) != other.get(name) and name not in ignored]
    return "; ".join(f"{name} {_difference(one.get(name), other.get(name), words)}" for name in names)


def _difference(one: Any, other: Any, words: tuple[str, str]) -> str:
    if isinstance(one, dict) and isinstance(other, dict):
        names = [name for name in {**one, **other} if one.get(name) != other.get(name)]
        return ", ".join(f"{name} {_difference(one.get(name), other.get(name), words)}" for name in names)
    return f"{words[0]} {one!r}, {words[1]} {other!r}"
