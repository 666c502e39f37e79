"""Which vectors can be joined out of parts, or have their dims in another order."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from praxia.core.dims import order_of
from praxia.core.errors import PraxiaError, UnknownName
from praxia.data.features import INDEX_FEATURES, dim_names
from praxia.datatools.edit.source import SourceDataset
from praxia.datatools.edit.vectors import Vectors

__all__ = ["joined", "reordered"]


def joined(source: SourceDataset, features: Mapping[str, Sequence[str]]) -> Vectors:
    """By new feature all dims of its parts.

    Raises:
        UnknownName: a part that is not there, or is no number.
        PraxiaError: nothing to join, a part twice, or a name that is taken.
    """
    _expect_foreign(source)
    declared, there = source.info["features"], _numbers(source)
    if not features:
        raise PraxiaError("expected something to join: --feature NEW=PART,PART")
    used = Counter(part for parts in features.values() for part in parts)
    for part, times in used.items():
        if part not in there:
            raise UnknownName("feature", part, there, f"praxia data info {source.root}")
        if times > 1:
            raise PraxiaError(f"expected each part once, got {part} {times} times")
    for new in features:
        if new in declared and new not in used:
            raise PraxiaError(f"expected a name that no other feature of {source.root} has, got {new}")
        if not new or "/" in new:
            raise PraxiaError(f"expected a name without '/' for {', '.join(features[new])}, got {new!r}")
    sizes = {part: math.prod(declared[part]["shape"]) for part in used}
    return Vectors({new: tuple((one, tuple(range(sizes[one]))) for one in parts) for new, parts in features.items()})


def reordered(source: SourceDataset, like: SourceDataset) -> Vectors:
    """Every vector whose dims `like` has under the same names in another order.

    Raises:
        PraxiaError: there is none.
    """
    _expect_foreign(source)
    made = {}
    for name in _numbers(source):
        names, wanted = (dim_names(one.info["features"].get(name, {"shape": ()})) for one in (source, like))
        if names != wanted and (order := order_of(names, wanted)):
            made[name] = ((name, order),)
    if not made:
        raise PraxiaError(
            f"nothing to reorder: no vector of {source.root} has the names of {like.root} in another order; see "
            "`names` in meta/info.json of both"
        )
    return Vectors(made)


def _numbers(source: SourceDataset) -> list[str]:
    features = source.info["features"]
    kinds = {name: one["dtype"] for name, one in features.items() if name not in INDEX_FEATURES}
    return [name for name, kind in kinds.items() if re.fullmatch(r"u?int\d+|float\d+", kind)]


def _expect_foreign(source: SourceDataset) -> None:
    if source.ours:
        raise PraxiaError(f"{source.root} was recorded by praxia: its vectors are what its embodiment declares")
