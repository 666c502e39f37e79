"""Writes the rows of a new data set file by file, with new indices."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Int64, Shaped

from praxia.core.errors import MismatchError
from praxia.data.features import TRAINING_FEATURES
from praxia.data.frame_files import FrameFile
from praxia.data.layout import DATA, MEGABYTE
from praxia.data.parquet import matrix
from praxia.datatools.edit.change import Change, EpisodeSlice, FileSlice
from praxia.datatools.edit.output import OutputFolder, ParquetFiles
from praxia.datatools.edit.source import SourceDataset
from praxia.statistics.running import FeatureStats, RunningStats, describe

__all__ = ["WrittenRows", "slice_rows", "write_rows"]

# Smaller files are merged with their neighbors even if their rows are unchanged.
MIN_LINKED_BYTES = MEGABYTE
GROUP_BYTES = 16 * MEGABYTE
BLOCK_ROWS = 65_536


@dataclass
class WrittenRows:
    """The position of each new episode's rows, and the statistics of all rows and of the changed episodes.

    `file_positions` has one entry per episode. `episode_stats` is by episode: all features of trimmed episodes,
    task_index of episodes with several tasks, and new vectors of all episodes. `image_paths` holds, per part, the paths
    of images that rows refer to.
    """

    file_positions: list[dict[str, int]] = field(default_factory=list)
    stats: dict[str, FeatureStats] = field(default_factory=dict)
    episode_stats: dict[int, dict[str, FeatureStats]] = field(default_factory=dict)
    image_paths: list[set[str]] = field(default_factory=list)


def write_rows(folder: OutputFolder, change: Change) -> WrittenRows:
    """Write data/ in one pass over every source file with kept rows.

    Raises:
        DataError: a file without the rows that meta/episodes lists, or with an unknown task.
        MismatchError: sources whose columns cannot be cast to the same types.
    """
    written, files = WrittenRows(), ParquetFiles(folder, DATA, "snappy")
    features = _numeric_shapes(change.info["features"])
    statistics: dict[str, RunningStats] = defaultdict(RunningStats)
    new_features = (*change.names.vectors.new_features, *change.computed.values)
    changed, schema = ChangedEpisodeStatistics(new_features), None
    # Features that nothing reads and that lack numbers in some rows get no statistics.
    incomplete: set[str] = set()
    for part in change.parts:
        written.image_paths.append(set())
        for file in part.source.files:
            file_slice = FileSlice.of(change, part, file)
            if len(file_slice) == 0:
                continue
            old = part.source.read(file)
            new = _renumbered(change, part, file, old, file_slice)
            schema = new.schema if schema is None else schema
            new = _cast(new, schema, part.source)
            reusable = part.source.row_files is None and file.path.stat().st_size >= MIN_LINKED_BYTES
            if reusable and new.equals(old) and new.schema.equals(old.schema):
                position = files.link(part.source, file.path, file_slice.span)
            else:
                position = files.add(new, file_slice.span, max(1, GROUP_BYTES * new.num_rows // max(1, new.nbytes)))
            written.file_positions += [position] * int((file_slice.first_frame_index == 0).sum())
            found = {name: _feature_values(new, name, shape, file) for name, shape in features.items()}
            values = {name: numbers for name, numbers in found.items() if numbers is not None}
            incomplete |= found.keys() - values.keys()
            _add_blocks(statistics, values)
            written.image_paths[-1].update(
                *(_image_paths(new[change.names.feature(key)]) for key in part.source.features("image"))
            )
            changed.add(part, file_slice, values)
    files.close()
    written.stats = _with_shape(
        {name: stats.describe() for name, stats in statistics.items() if name not in incomplete}, features
    )
    written.episode_stats = {
        number: _with_shape(described, features) for number, described in changed.described.items()
    }
    return written


def _numeric_shapes(features: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """The shape of every numeric feature."""
    return {
        name: tuple(feature["shape"])
        for name, feature in features.items()
        if feature["dtype"] not in ("video", "image") and _is_number(feature["dtype"])
    }


def _is_number(dtype: str) -> bool:
    try:
        return np.dtype(dtype).kind in "biuf"
    except TypeError:
        return False


def _renumbered(change: Change, part: EpisodeSlice, file: FrameFile, old: pa.Table, file_slice: FileSlice) -> pa.Table:
    """The kept rows of one file, with the columns that depend on an episode's position in the data set."""
    rows = change.names.rows(slice_rows(old, file_slice.start, file_slice.length))
    restarted = np.repeat(part.begin[file_slice.position] > 0, file_slice.length)
    times = (file_slice.frame_indices / part.source.fps).astype(np.float32)
    columns = {
        "timestamp": np.where(restarted, times, rows["timestamp"].to_numpy()),
        "frame_index": file_slice.frame_indices,
        "episode_index": np.repeat(file_slice.number, file_slice.length),
        "index": np.repeat(change.first_frames[file_slice.number], file_slice.length) + file_slice.frame_indices,
        "task_index": _new_task_indices(change, part.source, file, rows["task_index"].to_numpy()),
    }
    for name, values in columns.items():
        at = rows.schema.get_field_index(name)
        rows = rows.set_column(at, rows.schema.field(at), pa.array(values).cast(rows.schema.field(at).type))
    return change.computed.rows(rows, columns["index"])


def slice_rows(rows: pa.Table, starts: Int64[np.ndarray, " K"], lengths: Int64[np.ndarray, " K"]) -> pa.Table:
    """Slices of `rows`, one after the other, without copying; adjacent slices are merged."""
    ends = starts + lengths
    breaks = np.flatnonzero(starts[1:] != ends[:-1])
    firsts, lasts = np.concatenate([[0], breaks + 1]), np.concatenate([breaks, [len(starts) - 1]])
    return pa.concat_tables(
        [rows.slice(starts[a], ends[b] - starts[a]) for a, b in zip(firsts.tolist(), lasts.tolist(), strict=True)]
    )


def _new_task_indices(
    change: Change, source: SourceDataset, file: FrameFile, old: Int64[np.ndarray, " N"]
) -> Int64[np.ndarray, " N"]:
    at, numbers = source.metadata.tasks_of(old), change.task_numbers(source)
    new = np.where(at < 0, -1, numbers[at]) if len(numbers) else np.full(len(old), -1)
    if (new < 0).any():
        wrong = int(old[np.argmin(new)])
        raise file.read_error(
            f"it has rows with task_index {wrong}, which is not a task of their episode in meta/episodes"
        )
    return new


def _cast(rows: pa.Table, schema: pa.Schema, source: SourceDataset) -> pa.Table:
    """`rows` with the columns, types and order of `schema`; missing columns that nothing reads become null.

    Raises:
        MismatchError: names the data set with other columns.
    """
    if rows.schema.equals(schema):
        return rows
    for name in schema.names:
        if name not in rows.column_names and name not in TRAINING_FEATURES:
            rows = rows.append_column(name, pa.nulls(rows.num_rows, schema.field(name).type))
    try:
        return rows.select(schema.names).cast(schema)
    except (KeyError, ValueError, pa.ArrowException) as error:
        raise MismatchError(
            f"the columns of {source.root} differ from those of the rows before them: {error}"
        ) from error


def _feature_values(
    rows: pa.Table, name: str, shape: tuple[int, ...], file: FrameFile
) -> Shaped[np.ndarray, "N D"] | None:
    """The numbers of a feature; None if nothing reads it and some rows lack them."""
    if name not in TRAINING_FEATURES and (name not in rows.column_names or rows[name].null_count > 0):
        return None
    if name not in rows.column_names:
        raise file.read_error(f"it has no column {name!r}, which info.json declares")
    try:
        values = matrix(rows[name]).reshape(rows.num_rows, prod(shape))
        if values.dtype.kind not in "fiub":
            raise ValueError(f"expected numbers, got {values.dtype}")
    except (ValueError, pa.ArrowException) as error:
        if name not in TRAINING_FEATURES:
            return None
        raise file.read_error(
            f"its column {name!r} does not have the shape {list(shape)} per frame, as info.json declares"
        ) from error
    return values


def _image_paths(images: pa.ChunkedArray) -> list[str]:
    """The paths of images in files of their own."""
    if not pa.types.is_struct(images.type):
        return []
    fields = {field.name: values for field, values in zip(images.type, images.flatten(), strict=True)}
    if not {"bytes", "path"} <= set(fields):
        return []
    return fields["path"].filter(fields["bytes"].is_null()).drop_null().to_pylist()


def _add_blocks(statistics: Mapping[str, RunningStats], values: Mapping[str, Shaped[np.ndarray, "N _"]]) -> None:
    """Add values in blocks: float64 copies of a whole file would not stay in the processor's cache."""
    for name, rows in values.items():
        for at in range(0, len(rows), BLOCK_ROWS):
            statistics[name].add(rows[at : at + BLOCK_ROWS])


class ChangedEpisodeStatistics:
    """New statistics of changed episodes, by number; for `new_features`, of every episode."""

    def __init__(self, new_features: tuple[str, ...]) -> None:
        self._new_features = new_features
        self.described: dict[int, dict[str, FeatureStats]] = {}
        self._partial: dict[int, list[dict[str, np.ndarray]]] = {}

    def add(self, part: EpisodeSlice, file_slice: FileSlice, values: Mapping[str, Shaped[np.ndarray, "N _"]]) -> None:
        """Add the rows of one file; an episode that spans two files is complete with the second."""
        tasks, offset = values["task_index"][:, 0], file_slice.offset
        has_several_tasks = np.minimum.reduceat(tasks, offset) < np.maximum.reduceat(tasks, offset)
        is_partial = file_slice.length < part.length[file_slice.position]
        changed = part.trimmed[file_slice.position] | has_several_tasks | is_partial | bool(self._new_features)
        for at in np.flatnonzero(changed).tolist():
            names = values if part.trimmed[file_slice.position[at]] else ("task_index", *self._new_features)
            here = slice(offset[at], offset[at] + file_slice.length[at])
            number, length = int(file_slice.number[at]), int(part.length[file_slice.position[at]])
            partial = self._partial.setdefault(number, [])
            partial.append({name: values[name][here] for name in names})
            if sum(len(values["task_index"]) for values in partial) == length:
                del self._partial[number]
                rows_of = {name: np.concatenate([values[name] for values in partial]) for name in names}
                self.described[number] = {name: describe(rows) for name, rows in rows_of.items()}


def _with_shape(
    described: Mapping[str, FeatureStats], features: Mapping[str, tuple[int, ...]]
) -> dict[str, FeatureStats]:
    """Statistics nested as LeRobot nests them for features of several axes."""
    return {
        feature: {
            name: v if name == "count" else np.reshape(v, features[feature]).tolist() for name, v in stats.items()
        }
        if len(features[feature]) > 1
        else stats
        for feature, stats in described.items()
    }
