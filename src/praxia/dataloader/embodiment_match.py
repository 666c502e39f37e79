"""That the data sets of one embodiment mean the same by its numbers."""

from shlex import quote

from praxia.core.dims import Difference
from praxia.core.errors import MismatchError
from praxia.core.files import AnyPath

__all__ = ["other_numbers"]


def other_numbers(embodiment: str, one: AnyPath, other: AnyPath, found: Difference | None = None) -> MismatchError:
    """The error of two data sets of one embodiment with other numbers, and what makes them fit."""
    what = f": {found.text}" if found else ""
    way = (
        "see `praxia data stats` on each and give one of the embodiments another name, or its fields, in a mixture file"
    )
    if found and found.reordered:
        command = f"praxia data edit reorder {quote(str(other))} --like {quote(str(one))} --out NEW"
        way = f"`{command}` gives both one order"
    return MismatchError(f"embodiment {embodiment!r} has other numbers in {one} than in {other}{what}; {way}")
