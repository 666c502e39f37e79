"""Meta"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float64, Int64

from praxia.core.errors import MismatchError
from praxia.data.columns import matrix
from praxia.data.layout import CODEBASE_VERSION, DATA, VIDEO, VIDEO_FRAMES, place
from praxia.data.stats import QUANTILES
from praxia.datatools.edit.change import Change, EpisodeSlice
from praxia.datatools.edit.image_statistics import KNOTS, mixture
from praxia.datatools.edit.rows import Written

__all__ = ["new_episode_table", "new_info", "new_statistics"]

OLDER = ("total_chunks", "total_videos")  # v3.0 has no such counts
EpisodeValues = dict[str, Float64[np.ndarray, "E _"]]

NEEDED = ("min", "max", "mean", "std", "count")


def new_episode_table(change: Change, rows: Written, videos: Mapping[str, Mapping[str, Any]]) -> pa.Table:
    """One row an episode. `videos` are the columns of each video feature, by its new name.

    Columns that are not known here stay. Statistics of a trimmed episode's images stay too: they are those of all
    its images, for others cannot be had without decoding them.

    Raises:
        MismatchError: sources whose episode tables have columns of one name and different types.
    """
    table = _kept_rows(change)
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


def _kept_rows(change: Change) -> pa.Table:
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


def new_info(change: Change, video_frames: Mapping[str, int | None]) -> dict[str, Any]:
    """What is not known here stays as it is.

    Where no hashes vouch for the videos `video_frames` goes in as well: how many frames each has, with those that no
    episode has any more. A reader can then still tell a video that was altered.

    Raises:
        MismatchError: sources to be merged with splits that could not be told apart in one data set.
    """
    source, total = change.sources[0], len(change.lengths)
    kept = {name: value for name, value in change.names.info(source.info).items() if name not in OLDER}
    if not source.ours:
        kept[VIDEO_FRAMES] = dict(video_frames)
    return kept | {
        "codebase_version": CODEBASE_VERSION,
        "total_episodes": total,
        "total_frames": int(change.lengths.sum()),
        "total_tasks": len(change.tasks),
        "splits": _splits(change.parts[0]) if len(change.parts) == 1 else _one_split(change),
        "data_path": DATA,
        "video_path": VIDEO if source.features("video") else None,
    }


def _ranges(part: EpisodeSlice) -> dict[str, tuple[int, int]]:
    """The source's splits that are written as LeRobot writes them: "first:end"."""
    found = {name: re.fullmatch(r"(\d+):(\d+)", str(span)) for name, span in part.source.info.get("splits", {}).items()}
    return {name: (int(match[1]), int(match[2])) for name, match in found.items() if match}


def _splits(part: EpisodeSlice) -> dict[str, str]:
    """Each split where its episodes are now; without those that have none any more."""
    moved = {name: np.searchsorted(part.source.numbers[part.episode], span) for name, span in _ranges(part).items()}
    spans = {name: f"{first}:{end}" for name, (first, end) in moved.items() if first < end}
    return spans or {"train": f"0:{len(part.episode)}"}


def _one_split(change: Change) -> dict[str, str]:
    for part in change.parts:
        others = {name: span for name, span in _ranges(part).items() if span != (0, len(part.source.lengths))}
        if others:
            raise MismatchError(
                f"{part.source.root} is divided into {', '.join(_ranges(part))}: merged, they could not be told from"
                " other episodes. Split it into data sets first: `praxia data edit split --episodes`"
            )
    return {"train": f"0:{len(change.lengths)}"}


def new_statistics(change: Change, rows: Written, table: pa.Table) -> tuple[dict[str, Any], dict[str, float]]:
    """The statistics by feature, and how far the quantiles of each camera's images may be off, in levels of 0 to 1.

    Images whose episodes have no statistics get those of their whole sources, mixed. Features of a single source that
    are neither numbers nor images stay as they are in its stats.json; of numbers nothing does, for all of it may be
    wrong of the rows that are left.
    """
    names = change.names
    one = change.sources[0].stats if len(change.parts) == 1 else {}
    kept = {feature: described for feature, described in one.items() if feature not in names.vectors.parts}
    found = {names.feature(feature): dict(described) for feature, described in kept.items()}
    found |= rows.stats
    bounds = {}
    for old in change.sources[0].cameras:
        new = names.feature(old)
        values = _of_episodes(table, new) or _of_sources(change, old)
        if values is not None:
            described, bounds[new] = mixture(values)
            found[new] = found.get(new, {}) | described
    return found, bounds


def _of_episodes(table: pa.Table, feature: str) -> EpisodeValues | None:
    """The statistics of every episode's images; None where an episode lacks some."""
    columns = {name: f"stats/{feature}/{name}" for name in (*KNOTS, "mean", "std", "count")}
    found = {
        name: matrix(table[column]).astype(np.float64)
        for name, column in columns.items()
        if column in table.column_names and table[column].null_count == 0
    }
    return found if set(NEEDED) <= set(found) else None


def _of_sources(change: Change, feature: str) -> EpisodeValues | None:
    """The statistics of all images of every source; None where one lacks some."""
    described = [source.stats.get(feature, {}) for source in change.sources]
    names = [name for name in (*KNOTS, "mean", "std", "count") if all(name in one for one in described)]
    if not set(NEEDED) <= set(names):
        return None
    return {name: np.array([np.ravel(one[name]) for one in described], dtype=np.float64) for name in names}
