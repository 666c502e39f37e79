"""Features composed from dims of others: parts joined to one vector, or dims in another order."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from praxia.core.embodiment import dim_order
from praxia.core.errors import PraxiaError, UnknownName
from praxia.data.features import INDEX_FEATURES, declared_dim_names
from praxia.data.parquet import matrix, table
from praxia.datatools.edit.source import SourceDataset
from praxia.statistics.running import QUANTILES

__all__ = ["STATISTICS", "Dims", "VectorLayout", "huggingface_type", "join_vectors", "reorder_vectors"]

STATISTICS = ("min", "max", "mean", "std", "count", *QUANTILES)

# A feature of the source and the dims taken from it, in order.
Dims = tuple[str, tuple[int, ...]]


@dataclass(frozen=True)
class VectorLayout:
    """For each new feature the dims it is composed of, in order. The features they come from are dropped."""

    new_features: Mapping[str, tuple[Dims, ...]] = field(default_factory=dict)

    @property
    def used_features(self) -> frozenset[str]:
        """The features that the new ones are composed of."""
        return frozenset(name for dims in self.new_features.values() for name, _ in dims)

    def rows(self, rows: pa.Table) -> pa.Table:
        """Rows of data/ with the new columns."""
        if not self.new_features or not self.used_features <= set(rows.column_names):
            return rows  # the reader of the new columns names what is missing, and the file
        made = {
            new: np.concatenate([matrix(rows[name])[:, list(at)] for name, at in dims], axis=1)
            for new, dims in self.new_features.items()
        }
        columns = self._replace({name: rows[name] for name in rows.column_names}, {n: table(made)[n] for n in made})
        metadata = {key: value for key, value in (rows.schema.metadata or {}).items() if key != b"pandas"}
        if b"huggingface" in metadata:
            metadata[b"huggingface"] = self._huggingface_metadata(json.loads(metadata[b"huggingface"]), made)
        return pa.table(columns).replace_schema_metadata(metadata)

    def info(self, info: Mapping[str, Any]) -> dict[str, Any]:
        """info.json with the new features."""
        made = {new: _declaration(new, dims, info["features"]) for new, dims in self.new_features.items()}
        return {**info, "features": self._replace(info["features"], made)}

    def episodes(self, rows: pa.Table) -> pa.Table:
        """Rows of meta/episodes with empty columns for the statistics of the new features."""
        for new, dims in self.new_features.items():
            names = [name for name in STATISTICS if f"stats/{dims[0][0]}/{name}" in rows.column_names]
            rows = rows.drop_columns(_statistics_of({part for part, _ in dims} & set(self.new_features), rows))
            for name in names:
                kind = pa.int64() if name == "count" else pa.float64()
                rows = rows.append_column(f"stats/{new}/{name}", pa.nulls(len(rows), pa.list_(kind)))
        return rows.drop_columns(_statistics_of(self.used_features - set(self.new_features), rows))

    def _replace(self, old: Mapping[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
        """Replace the first part of each new feature by its entry in `made`, and drop the others."""
        at = {dims[0][0]: new for new, dims in self.new_features.items()}
        found: dict[str, Any] = {}
        for name, value in old.items():
            if name in at:
                found[at[name]] = made[at[name]]
            elif name not in self.used_features:
                found[name] = value
        return found

    def _huggingface_metadata(self, metadata: dict[str, Any], made: Mapping[str, np.ndarray]) -> bytes:
        """The schema metadata of `datasets` with the types of the new columns."""
        features = metadata.get("info", {}).get("features")
        if isinstance(features, dict) and self.used_features <= set(features):
            types = {new: huggingface_type(values) for new, values in made.items()}
            metadata["info"]["features"] = self._replace(features, types)
        return json.dumps(metadata).encode()


def _statistics_of(features: Iterable[str], rows: pa.Table) -> list[str]:
    """The columns of meta/episodes that describe `features`."""
    begins = tuple(f"stats/{name}/" for name in features)
    return [name for name in rows.column_names if name.startswith(begins)]


def huggingface_type(values: np.ndarray) -> dict[str, Any]:
    """How the library `datasets` describes a column of numbers [N, D]."""
    value_type = {"dtype": str(values.dtype), "_type": "Value"}
    return (
        value_type if values.shape[1] == 1 else {"feature": value_type, "length": values.shape[1], "_type": "Sequence"}
    )


def _declaration(new: str, dims: Sequence[Dims], features: Mapping[str, Any]) -> dict[str, Any]:
    """A feature of info.json. Unnamed dims are named after their part, with a number if it has several."""
    names = []
    for part, at in dims:
        names_of_part = declared_dim_names(features[part])
        short = part.removeprefix(f"{new}.")
        size = math.prod(features[part]["shape"])
        names_of_part = names_of_part or (
            (short,) if size == 1 else tuple(f"{short}.{number}" for number in range(size))
        )
        names += [names_of_part[number] for number in at]
    dtype = np.result_type(*(features[part]["dtype"] for part, _ in dims))
    return {**features[dims[0][0]], "dtype": str(dtype), "shape": [len(names)], "names": names}


def join_vectors(source: SourceDataset, features: Mapping[str, Sequence[str]]) -> VectorLayout:
    """A layout that joins all dims of the parts of each new feature.

    Raises:
        UnknownName: a part that is missing or not numeric.
        PraxiaError: nothing to join, a part twice, or a name that is taken.
    """
    _expect_foreign(source)
    declared, numeric = source.info["features"], _numeric_features(source)
    if not features:
        raise PraxiaError("expected something to join: --feature NEW=PART,PART")
    used = Counter(part for parts in features.values() for part in parts)
    for part, count in used.items():
        if part not in numeric:
            raise UnknownName("feature", part, numeric, f"praxia data info {source.root}")
        if count > 1:
            raise PraxiaError(f"expected each part once, got {part} {count} times")
    for new in features:
        if new in declared and new not in used:
            raise PraxiaError(f"expected a name that no other feature of {source.root} has, got {new}")
        if not new or "/" in new:
            raise PraxiaError(f"expected a name without '/' for {', '.join(features[new])}, got {new!r}")
    sizes = {part: math.prod(declared[part]["shape"]) for part in used}
    return VectorLayout(
        {new: tuple((part, tuple(range(sizes[part]))) for part in parts) for new, parts in features.items()}
    )


def reorder_vectors(source: SourceDataset, like: SourceDataset) -> VectorLayout:
    """A layout for every vector whose dims `like` has under the same names in another order.

    Raises:
        PraxiaError: there is none.
    """
    _expect_foreign(source)
    made = {}
    for name in _numeric_features(source):
        names, wanted = (
            declared_dim_names(dataset.info["features"].get(name, {"shape": ()})) for dataset in (source, like)
        )
        if names != wanted and (order := dim_order(names, wanted)):
            made[name] = ((name, order),)
    if not made:
        raise PraxiaError(
            f"nothing to reorder: no vector of {source.root} has the names of {like.root} in another order; compare "
            "`names` in meta/info.json of both"
        )
    return VectorLayout(made)


def _numeric_features(source: SourceDataset) -> list[str]:
    features = source.info["features"]
    dtypes = {name: feature["dtype"] for name, feature in features.items() if name not in INDEX_FEATURES}
    return [name for name, dtype in dtypes.items() if re.fullmatch(r"u?int\d+|float\d+", dtype)]


def _expect_foreign(source: SourceDataset) -> None:
    if source.written_by_praxia:
        raise PraxiaError(f"{source.root} was recorded by praxia: its vectors are fixed by its embodiment")
