"""Reads `meta/` leniently: a problem is noted, and whatever can still be known is kept.

LeRobot v2.1 describes episodes and tasks in lines of JSON, with one data file and one video per camera and episode, in
chunks of `chunks_size`. They are read into the columns of v3.0.
"""

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

from praxia.core.files import relative_name
from praxia.data.episode import format_episodes
from praxia.data.features import IMAGE_DTYPES, camera_videos, unsupported_images
from praxia.data.frame_files import integers, seconds
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
from praxia.data.metadata import columns_from_lines
from praxia.data.parquet import native
from praxia.datatools.check.problems import Problems

__all__ = ["DAMAGED_PARQUET", "LenientMetadata", "read_episode_lines", "read_meta", "read_task_lines"]

# What pyarrow raises on damaged bytes.
DAMAGED_PARQUET = (pa.ArrowException, OSError, ValueError, KeyError, MemoryError, OverflowError)
INTEGER_COLUMNS = (
    "episode_index",
    "length",
    "dataset_from_index",
    "dataset_to_index",
    "data/chunk_index",
    "data/file_index",
)
TIME_COLUMNS = ("from_timestamp", "to_timestamp")
# What a line raises that is not JSON, or has values of another type.
DAMAGED_LINE = (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True)
class LenientMetadata:
    """The declarations of info.json and E episodes in the columns of LeRobot v3.0's episode table (v2.1 is converted).

    `episodes` holds the table's columns, [E] each: integers, and times in seconds. If the table numbers its episodes
    with gaps (`has_gaps`), frame indices count only the episodes present. `tasks` maps task_index to instruction,
    `instructions` holds those of each episode; both are empty where their table is damaged. `table_file` is the path of
    the episode table.
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
    def episode_numbers(self) -> Int64[np.ndarray, " E"]:
        """The number of each episode: its own, or its row in the table where own numbers do not increase."""
        numbers = self.episodes["episode_index"]
        return numbers if _is_increasing(numbers) else np.arange(len(numbers))

    def positions_of(self, wanted: Int64[np.ndarray, " N"]) -> Int64[np.ndarray, " N"]:
        """The rows in the table of the episodes with these numbers; -1 for unknown numbers."""
        numbers = self.episode_numbers
        at = np.minimum(np.searchsorted(numbers, wanted), max(0, len(numbers) - 1))
        return np.where(numbers[at] == wanted, at, -1) if len(numbers) else np.full(len(wanted), -1)

    @property
    def has_gaps(self) -> bool:
        return not np.array_equal(self.episode_numbers, np.arange(len(self)))

    def image_features(self, dtype: str) -> list[str]:
        """The image features stored as "video" or, among the rows, as "image". Videos without a known position are
        omitted.
        """
        found = [key for key, feature in self.features.items() if feature["dtype"] == dtype]
        return [key for key in found if dtype != "video" or self.episodes.keys() >= set(_video_columns(key))]

    def unsupported_images(self, key: str) -> str | None:
        """What an image feature holds if it is not a camera, else None."""
        return unsupported_images(key, self.features[key])

    def files(self, key: str | None) -> Iterator[tuple[str, Int64[np.ndarray, " K"]]]:
        """The data files (`key` None) or the videos of a feature, relative to the root, with the episodes in each."""
        prefix = "data" if key is None else f"videos/{key}"
        template = self.info["data_path" if key is None else "video_path"]
        files = np.stack([self.episodes[f"{prefix}/chunk_index"], self.episodes[f"{prefix}/file_index"]], axis=1)
        order = np.lexsort((files[:, 1], files[:, 0]))
        ends = np.flatnonzero(np.diff(files[order], axis=0).any(axis=1)) + 1
        for episodes in np.split(order, ends) if len(order) else ():
            chunk, file = files[episodes[0]].tolist()
            yield _format_path(template, key, chunk, file), np.sort(episodes)


def _format_path(template: str, key: str | None, chunk: int, file: int) -> str:
    """A path of v3.0, or of v2.1 with one file per episode: each template uses the names that it knows."""
    return template.format(video_key=key, chunk_index=chunk, file_index=file, episode_chunk=chunk, episode_index=file)


def read_meta(root: Path, problems: Problems) -> LenientMetadata | None:
    """Read `meta/`. None if info.json or the episode table is too damaged to know what else to expect."""
    info = _read_info(root, problems)
    if info is None:
        return None
    if info["codebase_version"] != CODEBASE_VERSION:
        lines = read_episode_lines(root, info, problems)
        if lines is None:
            return None
        columns, instructions = lines
        columns = _without_gaps(columns, EPISODE_LINES, problems)
        return LenientMetadata(root, info, columns, instructions, read_task_lines(root, problems), EPISODE_LINES)
    names = [relative_name(root, path) for path in parquet_files(root / "meta/episodes")]
    if not names:
        problems.add("meta/episodes", "missing-file", "there is no episode table")
        return None
    tables = [_read_table(root, name, problems) for name in names]
    table = _concatenated([part for part in tables if part is not None], names[0], problems)
    if table is None or None in tables:
        return None
    needed = [*INTEGER_COLUMNS, *(name for key in camera_videos(info["features"]) for name in _video_columns(key))]
    others = [
        name for key, feature in info["features"].items() if feature["dtype"] == "video" for name in _video_columns(key)
    ]
    columns = {name: _number_column(table, name, names[0], problems) for name in needed}
    columns |= {name: _number_column(table, name, names[0], Problems()) for name in others if name not in columns}
    known = {name: column for name, column in columns.items() if column is not None}
    if not known.keys() >= set(needed):
        return None
    known = _without_gaps(known, names[0], problems)
    instructions = _episode_instructions(table, names[0], problems)
    return LenientMetadata(root, info, known, instructions, _read_tasks(root, problems), names[0])


def _video_columns(key: str) -> list[str]:
    """The columns of the episode table that locate the images of a video feature."""
    return [f"videos/{key}/{name}" for name in ("chunk_index", "file_index", *TIME_COLUMNS)]


def _is_increasing(numbers: Int64[np.ndarray, " E"]) -> bool:
    return bool((numbers[:1] >= 0).all() and (np.diff(numbers) > 0).all())


def _without_gaps(
    columns: Mapping[str, Shaped[np.ndarray, " E"]], file: str, problems: Problems
) -> Mapping[str, Shaped[np.ndarray, " E"]]:
    """The columns with frame indices that count only the episodes present, and a problem if numbers have gaps."""
    number, length = columns["episode_index"], columns["length"]
    if np.array_equal(number, np.arange(len(number))) or not _is_increasing(number):
        return columns
    problems.add(file, "numbering", f"expected episodes 0 to {len(number) - 1}, got {format_episodes(number)}")
    end = np.cumsum(length)
    return {**columns, "dataset_from_index": end - length, "dataset_to_index": end}


def _read_info(root: Path, problems: Problems) -> dict[str, Any] | None:
    if not (root / INFO).is_file():
        problems.add(INFO, "missing-file", "it describes the data set")
        return None
    try:
        info = json.loads((root / INFO).read_bytes())
        wrong = _info_error(info)
    except (OSError, ValueError, RecursionError) as error:
        problems.add(INFO, "json", str(error))
        return None
    if wrong is None:
        return info
    problems.add(INFO, *wrong)
    return None


def _info_error(info: Any) -> tuple[str, str] | None:
    """The first reason why info.json is unusable, as kind of problem and detail; None if it is usable."""
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
        if feature["dtype"] in IMAGE_DTYPES:
            try:
                unsupported_images(name, feature)
            except ValueError as error:
                return "json", f"feature {name!r}: {error}"
    has_videos = any(feature["dtype"] == "video" for feature in features.values())
    for name in ("data_path", "video_path") if has_videos else ("data_path",):
        try:
            _format_path(info[name], "", 0, 0)
        except (KeyError, AttributeError, IndexError, ValueError):
            return "json", f"expected a {name} with chunk_index and file_index, got {info.get(name)!r}"
    video_frames = info.get(VIDEO_FRAMES, {})
    if not isinstance(video_frames, dict) or not all(
        count is None or type(count) is int for count in video_frames.values()
    ):
        return "json", f"expected {VIDEO_FRAMES} with a number per video, got {video_frames!r}"
    return None


def _read_table(root: Path, name: str, problems: Problems) -> pa.Table | None:
    """The episode table without statistics, which are most of its bytes."""
    try:
        file = pq.ParquetFile(native(root / name))
        return file.read(columns=[column for column in file.schema_arrow.names if not column.startswith("stats/")])
    except DAMAGED_PARQUET as error:
        problems.add(name, "unreadable", str(error))
        return None


def _concatenated(tables: list[pa.Table], name: str, problems: Problems) -> pa.Table | None:
    try:
        return pa.concat_tables(tables, promote_options="permissive") if tables else None
    except pa.ArrowException as error:
        problems.add(name, "wrong-shape", f"the episode tables have different columns: {error}")
        return None


def _number_column(table: pa.Table, name: str, file: str, problems: Problems) -> Shaped[np.ndarray, " E"] | None:
    """A column of numbers; -1 or NaN where an episode has no value."""
    if name not in table.column_names:
        problems.add(file, "wrong-shape", f"it has no column {name}")
        return None
    read, none = (seconds, np.nan) if name.endswith(TIME_COLUMNS) else (integers, -1)
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


def _episode_instructions(table: pa.Table, name: str, problems: Problems) -> tuple[tuple[str, ...], ...]:
    try:
        return tuple(tuple(str(text) for text in tasks) for tasks in table["tasks"].to_pylist())
    except (TypeError, *DAMAGED_PARQUET) as error:
        problems.add(name, "wrong-shape", f"expected lists of instructions in the column tasks ({error})")
        return ()


def _read_tasks(root: Path, problems: Problems) -> dict[int, str]:
    if not (root / TASKS).is_file():
        problems.add(TASKS, "missing-file", "it lists the instructions")
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
        problems.add(TASKS, "unknown-task", "it lists no instructions")
    if len(tasks) < rows.num_rows:
        problems.add(TASKS, "unknown-task", f"{rows.num_rows - len(tasks)} task_index values occur twice")
    return tasks


def read_episode_lines(
    root: Path, info: Mapping[str, Any], problems: Problems
) -> tuple[dict[str, Shaped[np.ndarray, " E"]], tuple[tuple[str, ...], ...]] | None:
    """The columns of the episode table and the instructions of each episode; None if they cannot be read."""
    try:
        rows = sorted(_json_lines(root / EPISODE_LINES), key=lambda row: row["episode_index"])
        number, length = (
            np.array([_integer(row[name]) for row in rows], dtype=np.int64) for name in ("episode_index", "length")
        )
        instructions = tuple(tuple(str(task) for task in row["tasks"]) for row in rows)
        columns = columns_from_lines(info, number, length)
    except DAMAGED_LINE as error:
        kind = "json" if (root / EPISODE_LINES).is_file() else "missing-file"
        problems.add(EPISODE_LINES, kind, f"{type(error).__name__}: {error}")
        return None
    return columns, instructions


def read_task_lines(root: Path, problems: Problems) -> dict[int, str]:
    """The instructions by task_index; empty if they cannot be read."""
    try:
        tasks = {_integer(row["task_index"]): str(row["task"]) for row in _json_lines(root / TASK_LINES)}
    except DAMAGED_LINE as error:
        kind = "json" if (root / TASK_LINES).is_file() else "missing-file"
        problems.add(TASK_LINES, kind, f"{type(error).__name__}: {error}")
        return {}
    if not tasks:
        problems.add(TASK_LINES, "unknown-task", "it lists no instructions")
    return tasks


def _json_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().decode().split("\n") if line.strip()]


def _integer(value: Any) -> int:
    if type(value) is not int:
        raise ValueError(f"expected an integer, got {value!r}")
    return value
