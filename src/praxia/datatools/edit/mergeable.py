"""Mergeable"""

from collections.abc import Mapping
from shlex import quote
from typing import Any

from praxia.core.dims import order_of
from praxia.core.errors import MismatchError
from praxia.data.features import dim_names
from praxia.datatools.edit.source import SourceDataset

__all__ = ["expect_alike"]


def expect_alike(a: SourceDataset, b: SourceDataset) -> None:
    """Refuse data sets that cannot be merged.

    Raises:
        MismatchError: naming both, and the first thing that differs.
    """
    if a.ours != b.ours:
        mine, theirs = (a, b) if a.ours else (b, a)
        raise MismatchError(
            f"{mine.root} was recorded by praxia, with starts and outcomes of its episodes, and {theirs.root} was not:"
            " merged, its episodes would have none. Merge data sets of one kind"
        )
    if different := _different(a.info["features"], b.info["features"]):
        raise MismatchError(
            f"{a.root} and {b.root} do not have the same features: {'; '.join(different)}. {_way(a, b)}"
        )
    for what, mine, theirs in (
        ("frames a second", a.info["fps"], b.info["fps"]),
        ("robot", a.info.get("robot_type"), b.info.get("robot_type")),
        ("embodiment", a.embodiment, b.embodiment),
    ):
        if mine != theirs:
            said = "" if what == "embodiment" else f": {mine!r} and {theirs!r}"
            raise MismatchError(
                f"{a.root} and {b.root} do not have the same {what}{said}; only alike data sets are merged"
            )


def _way(a: SourceDataset, b: SourceDataset) -> str:
    """What can make their features the same."""
    mine, theirs = a.info["features"], b.info["features"]
    orders = [(dim_names(mine[name]), dim_names(theirs[name])) for name in mine if name in theirs]
    if any(one != other and order_of(other, one) for one, other in orders):
        command = f"praxia data edit reorder {quote(str(b.root))} --like {quote(str(a.root))} --out NEW"
        return f"Names in another order: `{command}`"
    if mine.keys() != theirs.keys():
        return "A name alone can be changed: `praxia data edit rename --feature`"
    return "They stay two data sets, which can be trained on together: `praxia data mix --help`"


def _different(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """What is said of features that only one has, or that are not of one type, shape and meaning.

    The same names of dims may be nested otherwise: `dim_names`.
    """
    found = [f"only the first has {name}" for name in mine if name not in theirs]
    found += [f"only the second has {name}" for name in theirs if name not in mine]
    for name in (name for name in mine if name in theirs):
        same = dim_names(mine[name])
        named_alike = bool(same) and same == dim_names(theirs[name])
        for what in ("dtype", "shape") if named_alike else ("dtype", "shape", "names"):
            if (one := mine[name].get(what)) != (other := theirs[name].get(what)):
                found.append(f"{what} of {name} is {one} and {other}")
    return found
