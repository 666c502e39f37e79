"""Checks that data sets can be merged."""

from collections.abc import Mapping
from shlex import quote
from typing import Any

from praxia.core.embodiment import dim_order
from praxia.core.errors import MismatchError
from praxia.data.features import declared_dim_names
from praxia.datatools.edit.source import SourceDataset

__all__ = ["expect_mergeable"]


def expect_mergeable(a: SourceDataset, b: SourceDataset) -> None:
    """Refuse data sets that cannot be merged.

    Raises:
        MismatchError: names both, and the first difference.
    """
    if a.written_by_praxia != b.written_by_praxia:
        mine, theirs = (a, b) if a.written_by_praxia else (b, a)
        raise MismatchError(
            f"{mine.root} was recorded by praxia, with starts and outcomes of its episodes, and {theirs.root} was not:"
            " after a merge its episodes would have none. Merge data sets of one kind"
        )
    if differences := _differences(a.info["features"], b.info["features"]):
        raise MismatchError(
            f"{a.root} and {b.root} do not have the same features: {'; '.join(differences)}. {_advice(a, b)}"
        )
    for what, mine, theirs in (
        ("frames per second", a.info["fps"], b.info["fps"]),
        ("robot", a.info.get("robot_type"), b.info.get("robot_type")),
        ("embodiment", a.embodiment, b.embodiment),
    ):
        if mine != theirs:
            values = "" if what == "embodiment" else f": {mine!r} and {theirs!r}"
            raise MismatchError(
                f"{a.root} and {b.root} do not have the same {what}{values}; merge only data sets of the same kind"
            )


def _advice(a: SourceDataset, b: SourceDataset) -> str:
    """How to make their features the same."""
    mine, theirs = a.info["features"], b.info["features"]
    orders = [(declared_dim_names(mine[name]), declared_dim_names(theirs[name])) for name in mine if name in theirs]
    if any(names != other and dim_order(other, names) for names, other in orders):
        command = f"praxia data edit reorder {quote(str(b.root))} --like {quote(str(a.root))} --out NEW"
        return f"The order of names differs: `{command}`"
    if mine.keys() != theirs.keys():
        return "To rename a feature: `praxia data edit rename --feature`"
    return "To train on both without merging: `praxia data mix --help`"


def _differences(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """Features that only one has, or whose type, shape or dim names differ.

    Equal names of dims may be nested differently: see `declared_dim_names`.
    """
    found = [f"only the first has {name}" for name in mine if name not in theirs]
    found += [f"only the second has {name}" for name in theirs if name not in mine]
    for name in (name for name in mine if name in theirs):
        same = declared_dim_names(mine[name])
        same_names = bool(same) and same == declared_dim_names(theirs[name])
        for what in ("dtype", "shape") if same_names else ("dtype", "shape", "names"):
            if (first := mine[name].get(what)) != (second := theirs[name].get(what)):
                found.append(f"{what} of {name} is {first} and {second}")
    return found
