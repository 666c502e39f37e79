"""The rows of a new data set, file by file: what is kept of each source file, under new indices."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Int64, Shaped

from praxia.core.errors import MismatchError
from praxia.data.columns import matrix
from praxia.data.features import READ
from praxia.data.layout import DATA, MEGABYTE
from praxia.data.placement import PlacedFile
from praxia.data.stats import Described, Statistics, describe
from praxia.datatools.edit.change import Change, EpisodeSlice, Piece
from praxia.datatools.edit.output import Folder, ParquetFiles
from praxia.datatools.edit.source import SourceDataset

__all__ = ["Written", "cut", "write_rows"]

# Smaller files are joined with their neighbours even where their rows stay as they are.
MIN_LINKED_BYTES = MEGABYTE
GROUP_BYTES = 16 * MEGABYTE
BLOCK = 65_536


@dataclass
class Written:
    """Where the rows of each new episode went, the statistics of all, and of those episodes that are not as they were.

    `places` has one entry an episode; `episode_stats` is by episode, for those that were trimmed (all their features)
    or have several tasks (their task_index), and of vectors that are put together anew for all. `named` are, for each
    part, the paths by which its rows name images.
    """

    places: list[dict[str, int]] = field(default_factory=list)
    stats: dict[str, Described] = field(default_factory=dict)
    episode_stats: dict[int, dict[str, Described]] = field(default_factory=dict)
    named: list[set[str]] = field(default_factory=list)


def write_rows(folder: Folder, change: Change) -> Written:
    """Write data/ in one pass over every source file that holds something that is kept.

    Raises:
        DataError: a file that does not hold the rows that meta/episodes says, or a task that it does not name.
        MismatchError: sources whose columns cannot be brought into the same types.
    """
    done, files = Written(), ParquetFiles(folder, DATA, "snappy")
    features = _numeric(change.names.info(change.sources[0].info)["features"])
    gathered: dict[str, Statistics] = defaultdict(Statistics)
    changed, schema = Changed(tuple(change.names.vectors.made)), None
    lacking: set[str] = set()  # features that nothing reads and of which not every row has numbers: without statistics
    for part in change.parts:
        done.named.append(set())
        for file in part.source.files:
            piece = Piece.of(change, part, file)
            if len(piece) == 0:
                continue
            old = part.source.read(file)
            new = _renumbered(change, part, file, old, piece)
            schema = new.schema if schema is None else schema
            new = _conform(new, schema, part.source)
            entire = part.source.placed is None and file.path.stat().st_size >= MIN_LINKED_BYTES
            if entire and new.equals(old) and new.schema.equals(old.schema):
                place = files.take_over(part.source, file.path, piece.span)
            else:
                place = files.add(new, piece.span, max(1, GROUP_BYTES * new.num_rows // max(1, new.nbytes)))
            done.places += [place] * int((piece.step == 0).sum())
            found = {name: _values(new, name, shape, file) for name, shape in features.items()}
            values = {name: numbers for name, numbers in found.items() if numbers is not None}
            lacking |= found.keys() - values.keys()
            _gather(gathered, values)
            done.named[-1].update(*(_named(new[change.names.feature(key)]) for key in part.source.features("image")))
            changed.add(part, piece, values)
    files.close()
    done.stats = _shaped({name: one.describe() for name, one in gathered.items() if name not in lacking}, features)
    done.episode_stats = {number: _shaped(described, features) for number, described in changed.described.items()}
    return done


def _numeric(features: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """The shape of every feature that is a number, or several, a frame."""
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


def _renumbered(change: Change, part: EpisodeSlice, file: PlacedFile, old: pa.Table, piece: Piece) -> pa.Table:
    """What is kept of the rows of one file, with the columns that depend on an episode's place in the data set."""
    rows = change.names.rows(cut(old, piece.start, piece.length))
    restarted = np.repeat(part.begin[piece.place] > 0, piece.length)
    times = (piece.steps / part.source.fps).astype(np.float32)
    columns = {
        "timestamp": np.where(restarted, times, rows["timestamp"].to_numpy()),
        "frame_index": piece.steps,
        "episode_index": np.repeat(piece.number, piece.length),
        "index": np.repeat(change.firsts[piece.number], piece.length) + piece.steps,
        "task_index": _tasks(change, part.source, file, rows["task_index"].to_numpy()),
    }
    for name, values in columns.items():
        at = rows.schema.get_field_index(name)
        rows = rows.set_column(at, rows.schema.field(at), pa.array(values).cast(rows.schema.field(at).type))
    return rows


def cut(rows: pa.Table, starts: Int64[np.ndarray, " K"], lengths: Int64[np.ndarray, " K"]) -> pa.Table:
    """Slices of `rows`, one after the other, without copying; neighbours are one slice."""
    ends = starts + lengths
    breaks = np.flatnonzero(starts[1:] != ends[:-1])
    firsts, lasts = np.concatenate([[0], breaks + 1]), np.concatenate([breaks, [len(starts) - 1]])
    return pa.concat_tables(
        [rows.slice(starts[a], ends[b] - starts[a]) for a, b in zip(firsts.tolist(), lasts.tolist(), strict=True)]
    )


def _tasks(
    change: Change, source: SourceDataset, file: PlacedFile, old: Int64[np.ndarray, " N"]
) -> Int64[np.ndarray, " N"]:
    at, numbers = source.catalogue.tasks_of(old), change.task_numbers(source)
    new = np.where(at < 0, -1, numbers[at]) if len(numbers) else np.full(len(old), -1)
    if (new < 0).any():
        wrong = int(old[np.argmin(new)])
        raise file.broken(f"it has rows with task_index {wrong}, which is no task of their episode in meta/episodes")
    return new


def _conform(rows: pa.Table, schema: pa.Schema, source: SourceDataset) -> pa.Table:
    """`rows` with the columns, types and order of `schema`; what nothing reads and is not there is null.

    Raises:
        MismatchError: naming the data set whose columns are others.
    """
    if rows.schema.equals(schema):
        return rows
    for name in schema.names:
        if name not in rows.column_names and name not in READ:
            rows = rows.append_column(name, pa.nulls(rows.num_rows, schema.field(name).type))
    try:
        return rows.select(schema.names).cast(schema)
    except (KeyError, ValueError, pa.ArrowException) as error:
        raise MismatchError(f"the columns of {source.root} are not those of the rows before them: {error}") from error


def _values(rows: pa.Table, name: str, shape: tuple[int, ...], file: PlacedFile) -> Shaped[np.ndarray, "N D"] | None:
    """The numbers of a feature; None where nothing reads it and not every row has such numbers."""
    if name not in READ and (name not in rows.column_names or rows[name].null_count > 0):
        return None
    if name not in rows.column_names:
        raise file.broken(f"it has no column {name!r}, which info.json declares")
    try:
        values = matrix(rows[name]).reshape(rows.num_rows, prod(shape))
        if values.dtype.kind not in "fiub":
            raise ValueError(f"expected numbers, got {values.dtype}")
    except (ValueError, pa.ArrowException) as error:
        if name not in READ:
            return None
        raise file.broken(
            f"its column {name!r} is not of shape {list(shape)} a frame, as info.json declares"
        ) from error
    return values


def _named(images: pa.ChunkedArray) -> list[str]:
    """The paths of images that are files of their own."""
    if not pa.types.is_struct(images.type):
        return []
    fields = {field.name: values for field, values in zip(images.type, images.flatten(), strict=True)}
    if not {"bytes", "path"} <= set(fields):
        return []
    return fields["path"].filter(fields["bytes"].is_null()).drop_null().to_pylist()


def _gather(gathered: Mapping[str, Statistics], values: Mapping[str, Shaped[np.ndarray, "N _"]]) -> None:
    """Block by block: float64 copies of a whole file would not stay in the processor's cache."""
    for name, rows in values.items():
        for at in range(0, len(rows), BLOCK):
            gathered[name].add(rows[at : at + BLOCK])


class Changed:
    """The statistics of the episodes that need them anew, by number; of the features `made` every episode does."""

    def __init__(self, made: tuple[str, ...]) -> None:
        self._made = made
        self.described: dict[int, dict[str, Described]] = {}
        self._begun: dict[int, list[dict[str, np.ndarray]]] = {}

    def add(self, part: EpisodeSlice, piece: Piece, values: Mapping[str, Shaped[np.ndarray, "N _"]]) -> None:
        """Take what changed of the rows of one file; of an episode that reaches over two files, all at the second."""
        tasks, offset = values["task_index"][:, 0], piece.offset
        several = np.minimum.reduceat(tasks, offset) < np.maximum.reduceat(tasks, offset)
        torn = piece.length < part.length[piece.place]
        for at in np.flatnonzero(part.trimmed[piece.place] | several | torn | bool(self._made)).tolist():
            names = values if part.trimmed[piece.place[at]] else ("task_index", *self._made)
            here = slice(offset[at], offset[at] + piece.length[at])
            number, whole = int(piece.number[at]), int(part.length[piece.place[at]])
            begun = self._begun.setdefault(number, [])
            begun.append({name: values[name][here] for name in names})
            if sum(len(one["task_index"]) for one in begun) == whole:
                del self._begun[number]
                rows_of = {name: np.concatenate([one[name] for one in begun]) for name in names}
                self.described[number] = {name: describe(rows) for name, rows in rows_of.items()}


def _shaped(described: Mapping[str, Described], features: Mapping[str, tuple[int, ...]]) -> dict[str, Described]:
    """Statistics a dim as LeRobot nests them for features of several axes."""
    return {
        feature: {name: v if name == "count" else np.reshape(v, features[feature]).tolist() for name, v in one.items()}
        if len(features[feature]) > 1
        else one
        for feature, one in described.items()
    }
