"""Reads rows and metadata of results files that an earlier version of Praxia wrote, by their schema.

Row v4 and evaluation v3 have the names of the field: `path_length` (was `path`), `execution.execution_horizon` (was
`pace.executed_steps`), and the benchmark `tabletop/embodiment` (was `tabletop/body`). The summary of a benchmark, which
is a sentence for people, is no longer part of its definition. Values and hashes are the same.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from praxia.core.errors import DataError

__all__ = ["META_SCHEMA", "ROW_SCHEMA", "migrate_meta", "migrate_row"]

ROW_SCHEMA, META_SCHEMA = "praxia.row.v4", "praxia.evaluation.v3"

# The first metadata had no schema.
_EARLIER_METAS = (None, "praxia.evaluation.v1", "praxia.evaluation.v2")

_BENCHMARKS = {"tabletop/body": "tabletop/embodiment"}
_AXES = {"body": "embodiment"}


def migrate_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of schema v3 in the current schema; rows of other schemas unchanged."""
    if row.get("schema") != "praxia.row.v3":
        return dict(row)
    renamed = {"path_length" if name == "path" else name: value for name, value in row.items()}
    if "benchmark" in renamed:
        renamed["benchmark"] = _BENCHMARKS.get(renamed["benchmark"], renamed["benchmark"])
    return {**renamed, "schema": ROW_SCHEMA}


def migrate_meta(path: Path, meta: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata in the file `path` in the current schema.

    Raises:
        DataError: it has an unknown schema, such as one of a later version.
    """
    schema = meta.get("schema")
    if schema == META_SCHEMA:
        return dict(meta)
    if schema not in _EARLIER_METAS:
        raise DataError(
            f"{path} has schema {schema!r}, expected {META_SCHEMA!r}: another version of praxia wrote it; read it with"
            " that version, or evaluate again with `praxia eval`"
        )
    fingerprint = _with_execution(meta["fingerprint"])
    benchmark = _with_execution(fingerprint["benchmark"])
    benchmark.pop("summary", None)
    benchmark["name"] = _BENCHMARKS.get(benchmark["name"], benchmark["name"])
    if "axis" in benchmark:
        benchmark["axis"] = _AXES.get(benchmark["axis"], benchmark["axis"])
    return {**meta, "schema": META_SCHEMA, "fingerprint": {**fingerprint, "benchmark": benchmark}}


def _with_execution(entry: Mapping[str, Any]) -> dict[str, Any]:
    """`entry` with `{"execution": {"execution_horizon": ...}}` in place of `{"pace": {"executed_steps": ...}}`."""
    renamed = {"execution" if name == "pace" else name: value for name, value in entry.items()}
    if "pace" in entry:
        names = {"executed_steps": "execution_horizon"}
        renamed["execution"] = {names.get(name, name): value for name, value in entry["pace"].items()}
    return renamed
