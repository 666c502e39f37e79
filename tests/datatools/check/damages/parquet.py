"""Parquet files written again with something changed."""

import io
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
from damages.files import Files


def rewrite(files: Files, name: str, change: Callable[[pa.Table], pa.Table]) -> None:
    target = io.BytesIO()
    pq.write_table(change(pq.read_table(io.BytesIO(files[name]))), target)
    files[name] = target.getvalue()


def with_column(rows: pa.Table, column: str, values: object) -> pa.Table:
    values = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)
    return rows.set_column(rows.column_names.index(column), column, values)
