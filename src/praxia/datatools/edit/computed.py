"""Features whose numbers an edit computes, in place of those of its source or beside them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Int64

from praxia.data.parquet import table
from praxia.datatools.edit.vectors import STATISTICS, huggingface_type

__all__ = ["ComputedColumns"]


@dataclass(frozen=True, eq=False)
class ComputedColumns:
    """The numbers [N, D] of every frame of the new data set by feature, and the declarations of the features.

    They take the place of the source's features of these names.
    """

    values: Mapping[str, np.ndarray] = field(default_factory=dict)
    declarations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def info(self, info: Mapping[str, Any]) -> dict[str, Any]:
        """info.json with the features."""
        return {**info, "features": {**info["features"], **self.declarations}}

    def rows(self, rows: pa.Table, frames: Int64[np.ndarray, " M"]) -> pa.Table:
        """Rows of data/ with the columns, of which they have the numbers of `frames`."""
        if not self.values:
            return rows
        new = table({name: values[frames] for name, values in self.values.items()})
        for name in new.column_names:
            at = rows.schema.get_field_index(name)
            rows = rows.append_column(name, new[name]) if at < 0 else rows.set_column(at, name, new[name])
        metadata = {key: value for key, value in (rows.schema.metadata or {}).items() if key != b"pandas"}
        if b"huggingface" in metadata:
            described = json.loads(metadata[b"huggingface"])
            if isinstance(features := described.get("info", {}).get("features"), dict):
                features |= {name: huggingface_type(values) for name, values in self.values.items()}
            metadata[b"huggingface"] = json.dumps(described).encode()
        return rows.replace_schema_metadata(metadata or None)

    def episodes(self, rows: pa.Table) -> pa.Table:
        """Rows of meta/episodes with empty columns for the statistics of the features, if the others have some."""
        described = any(name.startswith("stats/") for name in rows.column_names)
        replaced = tuple(f"stats/{name}/" for name in self.values)
        rows = rows.drop_columns([name for name in rows.column_names if name.startswith(replaced)])
        for name in self.values if described else ():
            for statistic in STATISTICS:
                kind = pa.int64() if statistic == "count" else pa.float64()
                rows = rows.append_column(f"stats/{name}/{statistic}", pa.nulls(len(rows), pa.list_(kind)))
        return rows
