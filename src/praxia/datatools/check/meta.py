"""What `meta/` says about a data set, read leniently."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int64, Shaped

from praxia.core.files import name_within
from praxia.data.episode_numbers import format_episodes
from praxia.data.features import IMAGES, left_out, videos_read
from praxia.data.layout import (
    CODEBASE_VERSION,
    CODEBASE_VERSIONS,
    EPISODE_LINES,
    INFO,
    TASK_LINES,
    TASKS,
    VIDEO_FRAMES,
    parquet_files,
)
from praxia.data.metadata import columns_of_lines
from praxia.data.parquet import native
from praxia.data.placement import integers, seconds
from praxia.datatools.check.problems import Problems

__all__ = ["DAMAGED_PARQUET", "Described", "describe", "episodes_of_lines", "tasks_of_lines"]

# What pyarrow raises on damaged bytes.
DAMAGED_PARQUET = (pa.ArrowException, OSError, ValueError, KeyError, MemoryError, OverflowError)
WHOLE = ("episode_index", "length", "dataset_from_index", "dataset_to_index", "data/chunk_index", "data/file_index")
TIMES = ("from_timestamp", "to_timestamp")
# What a line that is no JSON, or is of another kind than it should be, leads to.
DAMAGED_LINE = (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True)
class Described:
    """E episodes as LeRobot v3.0's episode table has them (or would, of v2.1), and what info.json declares.

    `episodes` are the table's columns, [E] each: whole numbers, and times in seconds. Where the table numbers its
    episodes with gaps (`gapped`) their frames count as if there were none. `tasks` is the instruction by
    task_index, `instructions` those of each episode; both empty where the tables of them are damaged. `table_file` is
    where the episode table lies.
    """

    root: Path
    info: Mapping[str, Any]
    episodes: Mapping[str, Shaped[np.ndarray, " E"]]
    instructions: tuple[tuple[str, ...], ...]
    tasks: Mapping[int, str]
    table_file: str

    def __len__(self) -> int:
        return len(self.episodes["length"])

    @property
    def fps(self) -> float:
        return float(self.info["fps"])

    @property
    def features(self) -> Mapping[str, Mapping[str, Any]]:
        return self.info["features"]

    @property
    def numbers(self) -> Int64[np.ndarray, " E"]:
        """What each episode is called: its own number, or its place in the table where own ones do not rise."""
        own = self.episodes["episode_index"]
        return own if _rising(own) else np.arange(len(own))

    def placed(self, own: Int64[np.ndarray, " N"]) -> Int64[np.ndarray, " N"]:
        """The place in the table of the episodes with these numbers, -1 where it has none."""
        numbers = self.numbers
        at = np.minimum(np.searchsorted(numbers, own), max(0, len(numbers) - 1))
        return np.where(numbers[at] == own, at, -1) if len(numbers) else np.full(len(own), -1)

    @property
    def gapped(self) -> bool:
        return not np.array_equal(self.numbers, np.arange(len(self)))

    def keys(self, dtype: str) -> list[str]:
        """The features of images that lie in videos ("video") or among the rows ("image"), as far as known where."""
        found = [key for key, feature in self.features.items() if feature["dtype"] == dtype]
        return [key for key in found if dtype != "video" or self.episodes.keys() >= set(_places(key))]

    def left_out(self, key: str) -> str | None:
        """What a feature of images is if it is no camera."""
        return left_out(key, self.features[key])

    def files(self, key: str | None) -> Iterator[tuple[str, Int64[np.ndarray, " K"]]]:
        """The files of the rows (None) or of a video feature, relative to the root, and the episodes in each."""
        prefix = "data" if key is None else f"videos/{key}"
        template = self.info["data_path" if key is None else "video_path"]
        places = np.stack([self.episodes[f"{prefix}/chunk_index"], self.episodes[f"{prefix}/file_index"]], axis=1)
        order = np.lexsort((places[:, 1], places[:, 0]))
        ends = np.flatnonzero(np.diff(places[order], axis=0).any(axis=1)) + 1
        for episodes in np.split(order, ends) if len(order) else ():
            chunk, file = places[episodes[0]].tolist()
            yield _filled(template, key, chunk, file), np.sort(episodes)


def _filled(template: str, key: str | None, chunk: int, file: int) -> str:
    """A path of v3.0, or of v2.1 where a file is an episode: each template takes the names it knows."""
    return template.format(video_key=key, chunk_index=chunk, file_index=file, episode_chunk=chunk, episode_index=file)


def describe(root: Path, problems: Problems) -> Described | None:
    """Read `meta/`. None where info.json or the episode table is too damaged to know what else to expect."""
    info = _info(root, problems)
    if info is None:
        return None
    if info["codebase_version"] != CODEBASE_VERSION:
        lines = episodes_of_lines(root, info, problems)
        if lines is None:
            return None
        columns, instructions = lines
        columns = _closed(columns, EPISODE_LINES, problems)
        return Described(root, info, columns, instructions, tasks_of_lines(root, problems), EPISODE_LINES)
    names = [name_within(root, path) for path in parquet_files(root / "meta/episodes")]
    if not names:
        problems.add("meta/episodes", "missing-file", "there is no episode table")
        return None
    tables = [_table(root, name, problems) for name in names]
    table = _joined([one for one in tables if one is not None], names[0], problems)
    if table is None or None in tables:
        return None
    needed = [*WHOLE, *(name for key in videos_read(info["features"]) for name in _places(key))]
    others = [name for key, one in info["features"].items() if one["dtype"] == "video" for name in _places(key)]
    columns = {name: _numbers(table, name, names[0], problems) for name in needed}
    columns |= {name: _numbers(table, name, names[0], Problems()) for name in others if name not in columns}
    known = {name: column for name, column in columns.items() if column is not None}
    if not known.keys() >= set(needed):
        return None
    known = _closed(known, names[0], problems)
    return Described(root, info, known, _instructions(table, names[0], problems), _tasks(root, problems), names[0])


def _places(key: str) -> list[str]:
    """The columns of the episode table that say where the images of a video feature are."""
    return [f"videos/{key}/{name}" for name in ("chunk_index", "file_index", *TIMES)]


def _rising(numbers: Int64[np.ndarray, " E"]) -> bool:
    return bool((numbers[:1] >= 0).all() and (np.diff(numbers) > 0).all())


def _closed(
    columns: Mapping[str, Shaped[np.ndarray, " E"]], file: str, problems: Problems
) -> Mapping[str, Shaped[np.ndarray, " E"]]:
    """Frames counted as if the episodes were numbered without gaps, and a problem where they are not."""
    number, length = columns["episode_index"], columns["length"]
    if np.array_equal(number, np.arange(len(number))) or not _rising(number):
        return columns
    problems.add(file, "numbering", f"expected episodes 0 to {len(number) - 1}, got {format_episodes(number)}")
    end = np.cumsum(length)
    return {**columns, "dataset_from_index": end - length, "dataset_to_index": end}


def _info(root: Path, problems: Problems) -> dict[str, Any] | None:
    if not (root / INFO).is_file():
        problems.add(INFO, "missing-file", "it says what the data set holds")
        return None
    try:
        info = json.loads((root / INFO).read_bytes())
        wrong = _wrong(info)
    except (OSError, ValueError, RecursionError) as error:
        problems.add(INFO, "json", str(error))
        return None
    if wrong is None:
        return info
    problems.add(INFO, *wrong)
    return None


def _wrong(info: Any) -> tuple[str, str] | None:
    """The first reason why nothing can be read by this info.json: a kind of problem and what it is."""
    if not isinstance(info, dict):
        return "json", "expected an object"
    if info.get("codebase_version") not in CODEBASE_VERSIONS:
        return "version", f"expected {', '.join(CODEBASE_VERSIONS)}, got {info.get('codebase_version')!r}"
    fps, features = info.get("fps"), info.get("features")
    if not isinstance(fps, int | float) or isinstance(fps, bool) or not (math.isfinite(fps) and 0 < fps < 1e6):
        return "json", f"expected a positive fps, got {fps!r}"
    if not isinstance(features, dict) or not features:
        return "json", "expected features, got none"
    for name, feature in features.items():
        if not isinstance(feature, dict) or not isinstance(feature.get("dtype"), str):
            return "json", f"feature {name!r} has no dtype"
        shape = feature.get("shape")
        if not isinstance(shape, list) or not all(type(size) is int and 0 < size < 2**31 for size in shape):
            return "json", f"feature {name!r} has the shape {shape!r}"
        if feature["dtype"] in IMAGES:
            try:
                left_out(name, feature)
            except ValueError as error:
                return "json", f"feature {name!r}: {error}"
    has_videos = any(feature["dtype"] == "video" for feature in features.values())
    for name in ("data_path", "video_path") if has_videos else ("data_path",):
        try:
            _filled(info[name], "", 0, 0)
        except (KeyError, AttributeError, IndexError, ValueError):
            return "json", f"expected a {name} with chunk_index and file_index, got {info.get(name)!r}"
    told = info.get(VIDEO_FRAMES, {})
    if not isinstance(told, dict) or not all(count is None or type(count) is int for count in told.values()):
        return "json", f"expected {VIDEO_FRAMES} with a number for each video, got {told!r}"
    return None


def _table(root: Path, name: str, problems: Problems) -> pa.Table | None:
    """The episode table without the statistics in it, which are most of its bytes."""
    try:
        file = pq.ParquetFile(native(root / name))
        return file.read(columns=[column for column in file.schema_arrow.names if not column.startswith("stats/")])
    except DAMAGED_PARQUET as error:
        problems.add(name, "unreadable", str(error))
        return None


def _joined(tables: list[pa.Table], name: str, problems: Problems) -> pa.Table | None:
    try:
        return pa.concat_tables(tables, promote_options="permissive") if tables else None
    except pa.ArrowException as error:
        problems.add(name, "wrong-shape", f"the episode tables have different columns: {error}")
        return None


def _numbers(table: pa.Table, name: str, file: str, problems: Problems) -> Shaped[np.ndarray, " E"] | None:
    """A column; -1, or a time that is none, where an episode has nothing there."""
    if name not in table.column_names:
        problems.add(file, "wrong-shape", f"it has no column {name}")
        return None
    read, none = (seconds, np.nan) if name.endswith(TIMES) else (integers, -1)
    empty = table[name].is_null(nan_is_null=True).to_numpy()
    if empty.any():
        problems.add(file, "wrong-shape", f"column {name} is empty", np.flatnonzero(empty))
    try:
        found = np.full(len(empty), none)
        found[~empty] = read(table.filter(pa.array(~empty)), name)
        return found
    except ValueError as error:
        problems.add(file, "wrong-shape", str(error))
        return None


def _instructions(table: pa.Table, name: str, problems: Problems) -> tuple[tuple[str, ...], ...]:
    try:
        return tuple(tuple(str(text) for text in tasks) for tasks in table["tasks"].to_pylist())
    except (TypeError, *DAMAGED_PARQUET) as error:
        problems.add(name, "wrong-shape", f"expected lists of instructions in the column tasks ({error})")
        return ()


def _tasks(root: Path, problems: Problems) -> dict[int, str]:
    if not (root / TASKS).is_file():
        problems.add(TASKS, "missing-file", "it holds the instructions")
        return {}
    try:
        rows = pq.ParquetFile(native(root / TASKS)).read()
        (text,) = (name for name in rows.column_names if name != "task_index")
        tasks = dict(zip(rows["task_index"].to_pylist(), rows[text].to_pylist(), strict=True))
    except DAMAGED_PARQUET as error:
        problems.add(TASKS, "unreadable", str(error))
        return {}
    if not all(type(index) is int and isinstance(task, str) for index, task in tasks.items()):
        problems.add(TASKS, "wrong-shape", "expected a task_index and an instruction in every row")
        return {}
    if not tasks:
        problems.add(TASKS, "unknown-task", "it has no instruction")
    if len(tasks) < rows.num_rows:
        problems.add(TASKS, "unknown-task", f"{rows.num_rows - len(tasks)} task_index occur twice")
    return tasks


def episodes_of_lines(
    root: Path, info: Mapping[str, Any], problems: Problems
) -> tuple[dict[str, Shaped[np.ndarray, " E"]], tuple[tuple[str, ...], ...]] | None:
    """The columns of the episode table, and the instructions of each episode; None where they cannot be told."""
    try:
        rows = sorted(_lines(root / EPISODE_LINES), key=lambda row: row["episode_index"])
        number, length = (
            np.array([_integer(row[name]) for row in rows], dtype=np.int64) for name in ("episode_index", "length")
        )
        instructions = tuple(tuple(str(task) for task in row["tasks"]) for row in rows)
        columns = columns_of_lines(info, number, length)
    except DAMAGED_LINE as error:
        kind = "json" if (root / EPISODE_LINES).is_file() else "missing-file"
        problems.add(EPISODE_LINES, kind, f"{type(error).__name__}: {error}")
        return None
    return columns, instructions


def tasks_of_lines(root: Path, problems: Problems) -> dict[int, str]:
    """The instruction by task_index; nothing where they cannot be told."""
    try:
        tasks = {_integer(row["task_index"]): str(row["task"]) for row in _lines(root / TASK_LINES)}
    except DAMAGED_LINE as error:
        kind = "json" if (root / TASK_LINES).is_file() else "missing-file"
        problems.add(TASK_LINES, kind, f"{type(error).__name__}: {error}")
        return {}
    if not tasks:
        problems.add(TASK_LINES, "unknown-task", "it has no instruction")
    return tasks


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().decode().split("\n") if line.strip()]


def _integer(value: Any) -> int:
    if type(value) is not int:
        raise ValueError(f"expected a whole number, got {value!r}")
    return value
