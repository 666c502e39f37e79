"""Writes info.json, the statistics and the episode table of a new data set."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float64, Int64

from praxia.core.errors import MismatchError
from praxia.data.layout import CODEBASE_VERSION, DATA, VIDEO, VIDEO_FRAMES, chunk_and_file
from praxia.data.parquet import matrix
from praxia.data.splits import read_splits
from praxia.datatools.edit.change import Change, EpisodeSlice
from praxia.datatools.edit.image_statistics import KNOTS, combine_image_statistics
from praxia.datatools.edit.rows import WrittenRows
from praxia.statistics.running import QUANTILES

__all__ = ["new_episode_table", "new_info", "new_statistics"]

REMOVED_COUNTS = ("total_chunks", "total_videos")  # counts of v2.1 that v3.0 does not have
StatisticsArrays = dict[str, Float64[np.ndarray, "E _"]]

REQUIRED = ("min", "max", "mean", "std", "count")


def new_episode_table(change: Change, rows: WrittenRows, videos: Mapping[str, Mapping[str, Any]]) -> pa.Table:
    """One row per episode. `videos` holds the columns of each video feature, by its new name.

    Unknown columns are kept. A trimmed episode keeps the statistics of all its images, because others would need
    decoding.

    Raises:
        MismatchError: the sources have columns of the same name and different types.
    """
    table = _source_rows(change)
    lengths, firsts = change.lengths, change.first_frames
    numbers = np.arange(len(lengths))
    tasks = [[change.names.instruction(text) for text in texts] for texts in table["tasks"].to_pylist()]
    columns: dict[str, Any] = {
        "episode_index": numbers,
        "tasks": [list(dict.fromkeys(texts)) for texts in tasks],
        "length": lengths,
        "data/chunk_index": [at["chunk_index"] for at in rows.file_positions],
        "data/file_index": [at["file_index"] for at in rows.file_positions],
        "dataset_from_index": firsts,
        "dataset_to_index": firsts + lengths,
    }
    for key, columns_of_video in videos.items():
        columns |= {f"videos/{key}/{name}": values for name, values in columns_of_video.items()}
    columns |= {f"meta/episodes/{name}": np.full(len(lengths), value) for name, value in chunk_and_file(0).items()}
    for name, values in columns.items():
        table = _set_column(table, name, pa.array(values))
    task_numbers = {text: number for number, text in enumerate(change.tasks)}
    task_of_episode = np.array([task_numbers[texts[0]] for texts in columns["tasks"]])
    for feature, (low, high) in {
        "index": (firsts, firsts + lengths - 1),
        "episode_index": (numbers, numbers),
        "task_index": (task_of_episode, task_of_episode),
    }.items():
        for name, values in _ramp_statistics(low, high).items():
            if f"stats/{feature}/{name}" in table.column_names:
                table = _set_column(table, f"stats/{feature}/{name}", _lists(values))
    return _replace_statistics(table, rows)


def _source_rows(change: Change) -> pa.Table:
    tables = [
        change.computed.episodes(change.names.episodes(part.source.table.take(pa.array(part.episode))))
        for part in change.parts
    ]
    try:
        return pa.concat_tables(tables, promote_options="permissive").combine_chunks()
    except pa.ArrowException as error:
        roots = " and ".join(str(source.root) for source in change.sources)
        raise MismatchError(f"the episode tables of {roots} have incompatible columns: {error}") from error


def _set_column(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    """Replace the column of that name, keeping its type, or append a new one."""
    at = table.schema.get_field_index(name)
    if at < 0:
        return table.append_column(name, values)
    field = table.schema.field(at)
    return table.set_column(at, field, values.cast(field.type, safe=False))


def _ramp_statistics(
    low: Int64[np.ndarray, " E"], high: Int64[np.ndarray, " E"]
) -> dict[str, Float64[np.ndarray, " E"]]:
    """The statistics of the numbers low, low + 1, ..., high."""
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


def _replace_statistics(table: pa.Table, rows: WrittenRows) -> pa.Table:
    """The table with the statistics in `rows` for the episodes that changed."""
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


def new_info(change: Change, video_frames: Mapping[str, int | None]) -> dict[str, Any]:
    """The first source's info.json with new counts, splits and names; unknown entries are kept.

    A data set without hashes also gets `video_frames`: the number of frames of each video, including those of removed
    episodes, so that a reader can still detect an altered video.

    Raises:
        MismatchError: the sources to be merged have splits that one data set cannot keep apart.
    """
    source, total = change.sources[0], len(change.lengths)
    kept = {name: value for name, value in change.info.items() if name not in REMOVED_COUNTS}
    if not source.written_by_praxia:
        kept[VIDEO_FRAMES] = dict(video_frames)
    return kept | {
        "codebase_version": CODEBASE_VERSION,
        "total_episodes": total,
        "total_frames": int(change.lengths.sum()),
        "total_tasks": len(change.tasks),
        "splits": _moved_splits(change.parts[0]) if len(change.parts) == 1 else _merged_split(change),
        "data_path": DATA,
        "video_path": VIDEO if source.features("video") else None,
    }


def _moved_splits(part: EpisodeSlice) -> dict[str, str]:
    """Each split with the new numbers of its episodes, without empty ones."""
    moved = {
        name: np.searchsorted(part.source.episode_numbers[part.episode], (span.start, span.stop))
        for name, span in read_splits(part.source.info).items()
    }
    spans = {name: f"{first}:{end}" for name, (first, end) in moved.items() if first < end}
    return spans or {"train": f"0:{len(part.episode)}"}


def _merged_split(change: Change) -> dict[str, str]:
    for part in change.parts:
        splits = read_splits(part.source.info)
        if any((span.start, span.stop) != (0, len(part.source.lengths)) for span in splits.values()):
            raise MismatchError(
                f"{part.source.root} has the splits {', '.join(splits)}, which cannot be kept apart"
                " in one data set. Split it into data sets first: `praxia data edit split --episodes`"
            )
    return {"train": f"0:{len(change.lengths)}"}


def new_statistics(change: Change, rows: WrittenRows, table: pa.Table) -> tuple[dict[str, Any], dict[str, float]]:
    """The statistics by feature, and the largest error of the quantiles of each camera, in levels of 0 to 1.

    Statistics of numbers come from the rows, those of images from the statistics of the episodes, or of the sources
    where episodes have none. Entries of a single source that are neither numbers nor images are kept; those of numbers
    never are, because they may all be wrong for the remaining rows.
    """
    names = change.names
    stats = change.sources[0].stats if len(change.parts) == 1 else {}
    kept = {feature: described for feature, described in stats.items() if feature not in names.vectors.used_features}
    found = {names.feature(feature): dict(described) for feature, described in kept.items()}
    found |= rows.stats
    bounds = {}
    for old in change.sources[0].cameras:
        new = names.feature(old)
        values = _from_episodes(table, new) or _from_sources(change, old)
        if values is not None:
            described, bounds[new] = combine_image_statistics(values)
            found[new] = found.get(new, {}) | described
    return found, bounds


def _from_episodes(table: pa.Table, feature: str) -> StatisticsArrays | None:
    """The image statistics of every episode; None if an episode lacks some."""
    columns = {name: f"stats/{feature}/{name}" for name in (*KNOTS, "mean", "std", "count")}
    found = {
        name: matrix(table[column]).astype(np.float64)
        for name, column in columns.items()
        if column in table.column_names and table[column].null_count == 0
    }
    return found if set(REQUIRED) <= set(found) else None


def _from_sources(change: Change, feature: str) -> StatisticsArrays | None:
    """The image statistics of every source; None if one lacks some."""
    described = [source.stats.get(feature, {}) for source in change.sources]
    names = [name for name in (*KNOTS, "mean", "std", "count") if all(name in stats for stats in described)]
    if not set(REQUIRED) <= set(names):
        return None
    return {name: np.array([np.ravel(stats[name]) for stats in described], dtype=np.float64) for name in names}
