"""In what two fingerprints differ, in words."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

__all__ = ["differences"]


def differences(
    one: Mapping[str, Any],
    other: Mapping[str, Any],
    ignored: Collection[str] = (),
    words: tuple[str, str] = ("was", "is"),
) -> str:
    """Every entry in which two JSON objects differ, down to the innermost: "seed was 0, is 1"; "": none does.

    `words` go before the values of `one` and `other`; outermost entries named in `ignored` may differ. An entry that is
    not there is as good as None.
    """
    ours, theirs = ({name: value for name, value in each.items() if name not in ignored} for each in (one, other))
    return "; ".join(_entries(ours, theirs, words))


def _entries(one: Mapping[str, Any], other: Mapping[str, Any], words: tuple[str, str]) -> Iterator[str]:
    for name in {**one, **other}:
        ours, theirs = one.get(name), other.get(name)
        if isinstance(ours, dict) and isinstance(theirs, dict):
            if inner := ", ".join(_entries(ours, theirs, words)):
                yield f"{name} {inner}"
        elif ours != theirs:
            yield f"{name} {words[0]} {ours!r}, {words[1]} {theirs!r}"
