"""meta/episodes of a new data set: the sources' rows, with other places, numbers and, where need be, statistics."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float64, Int64

from praxia.core.errors import MismatchError
from praxia.data.layout import place
from praxia.data.stats import QUANTILES
from praxia.datatools.edit.change import Change
from praxia.datatools.edit.rows import Written

__all__ = ["episode_table"]


def episode_table(change: Change, rows: Written, videos: Mapping[str, Mapping[str, Any]]) -> pa.Table:
    """One row an episode. `videos` are the columns of each video feature, by its new name.

    Columns that are not known here stay. Statistics of a trimmed episode's images stay too: they are those of all
    its images, for others cannot be had without decoding them.

    Raises:
        MismatchError: sources whose episode tables have columns of one name and different types.
    """
    table = _kept(change)
    lengths, firsts = change.lengths, change.firsts
    numbers = np.arange(len(lengths))
    tasks = [[change.names.instruction(text) for text in texts] for texts in table["tasks"].to_pylist()]
    columns: dict[str, Any] = {
        "episode_index": numbers,
        "tasks": [list(dict.fromkeys(texts)) for texts in tasks],
        "length": lengths,
        "data/chunk_index": [at["chunk_index"] for at in rows.places],
        "data/file_index": [at["file_index"] for at in rows.places],
        "dataset_from_index": firsts,
        "dataset_to_index": firsts + lengths,
    }
    for key, places in videos.items():
        columns |= {f"videos/{key}/{name}": values for name, values in places.items()}
    columns |= {f"meta/episodes/{name}": np.full(len(lengths), value) for name, value in place(0).items()}
    for name, values in columns.items():
        table = _set(table, name, pa.array(values))
    numbers_of_task = {text: number for number, text in enumerate(change.tasks)}
    of_task = np.array([numbers_of_task[texts[0]] for texts in columns["tasks"]])
    for feature, (low, high) in {
        "index": (firsts, firsts + lengths - 1),
        "episode_index": (numbers, numbers),
        "task_index": (of_task, of_task),
    }.items():
        for name, values in _of_a_ramp(low, high).items():
            if f"stats/{feature}/{name}" in table.column_names:
                table = _set(table, f"stats/{feature}/{name}", _lists(values))
    return _described_anew(table, rows)


def _kept(change: Change) -> pa.Table:
    tables = [change.names.episodes(part.source.table.take(pa.array(part.episode))) for part in change.parts]
    try:
        return pa.concat_tables(tables, promote_options="permissive").combine_chunks()
    except pa.ArrowException as error:
        roots = " and ".join(str(source.root) for source in change.sources)
        raise MismatchError(f"the episode tables of {roots} do not fit together: {error}") from error


def _set(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    """A column in place of the one of that name, in its type, or behind the others."""
    at = table.schema.get_field_index(name)
    if at < 0:
        return table.append_column(name, values)
    field = table.schema.field(at)
    return table.set_column(at, field, values.cast(field.type, safe=False))


def _of_a_ramp(low: Int64[np.ndarray, " E"], high: Int64[np.ndarray, " E"]) -> dict[str, Float64[np.ndarray, " E"]]:
    """The statistics of the numbers low, low + 1, ..., high, or of one number where both are the same."""
    span = (high - low).astype(np.float64)
    return {
        "min": low.astype(np.float64),
        "max": high.astype(np.float64),
        "mean": low + span / 2,
        "std": np.sqrt(span * (span + 2) / 12),
        **{name: low + span * level for name, level in QUANTILES.items()},
    }


def _lists(values: Float64[np.ndarray, " E"]) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array(np.arange(len(values) + 1, dtype=np.int32)), pa.array(values))


def _described_anew(table: pa.Table, rows: Written) -> pa.Table:
    """The statistics in `rows` in place of those of the episodes that are not as they were."""
    features = {feature for described in rows.episode_stats.values() for feature in described}
    for column in table.column_names:
        kind, _, feature_and_name = column.partition("/")
        feature, _, name = feature_and_name.rpartition("/")
        if kind != "stats" or feature not in features:
            continue
        values = table[column].to_pylist()
        for number, described in rows.episode_stats.items():
            if name in described.get(feature, {}):
                values[number] = described[feature][name]
        table = table.set_column(
            table.schema.get_field_index(column), table.schema.field(column), pa.array(values, table[column].type)
        )
    return table
