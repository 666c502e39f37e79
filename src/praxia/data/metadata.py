"""What `meta/` says about a data set, in v3.0's words whichever version of LeRobot's layout wrote it."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec import get_filesystem_class
from jaxtyping import Int64, Shaped
from upath import UPath

from praxia.core.errors import DataError
from praxia.core.files import AnyPath
from praxia.data.features import IMAGES, left_out, videos_read
from praxia.data.layout import (
    CODEBASE_VERSION,
    CODEBASE_VERSIONS,
    EPISODE_LINES,
    INFO,
    TASK_LINES,
    TASKS,
    num_staged,
    parquet_files,
)
from praxia.data.manifest import ADVICE, Manifest
from praxia.data.parquet import native
from praxia.data.placement import PlacedFile, integers, placed_files, seconds, video_ends

__all__ = ["Metadata", "columns_of_lines", "open_root"]


def open_root(root: str | AnyPath) -> AnyPath:
    """A folder, or a place that fsspec knows: "memory://...", "s3://...", "hf://datasets/...".

    Raises:
        DataError: a kind of place for which no package is installed.
    """
    if isinstance(root, AnyPath) or "://" not in root:
        return root if isinstance(root, UPath) else Path(root)
    try:
        get_filesystem_class(root.split("://")[0])
        return UPath(root)
    except (ImportError, ValueError) as error:
        raise DataError(f"{root} cannot be reached: {error}") from error


def _reached(root: AnyPath) -> bool:
    """Whether info.json is there.

    Raises:
        DataError: nobody knows, since the place cannot be reached. Drivers raise errors of their own kinds.
    """
    if not isinstance(root, UPath):
        return (root / INFO).is_file()
    try:
        return bool((root / INFO).read_bytes())  # `is_file` is False for whatever goes wrong
    except Exception as error:
        while isinstance(error, FileNotFoundError) and error.__cause__ is not None:
            error = error.__cause__  # HTTP's driver calls everything a missing file
        if isinstance(error, FileNotFoundError):
            return False
        said = (str(error).strip().splitlines() or [""])[0]
        raise DataError(
            f"{root} cannot be reached ({type(error).__name__}: {said}); check the address, the network and your login"
        ) from error


@dataclass(frozen=True)
class Metadata:
    """The episodes and files of one data set. `table` is meta/episodes of v3.0: one row an episode, without statistics.
    Columns about videos that are no cameras may be missing from it.

    `instructions` are in the order of their task_index, which `task_numbers` are and which may have gaps.

    Opening reads nothing but `meta/`; what it says is checked against itself, so that a reader may rely on it: lengths
    add up, and no two episodes share an image.
    """

    root: AnyPath
    manifest: Manifest
    info: Mapping[str, Any]
    table: pa.Table
    instructions: tuple[str, ...]
    task_numbers: Int64[np.ndarray, " T"]

    @classmethod
    def read(cls, root: str | AnyPath) -> "Metadata":
        """Raises:
        DataError: not a finished data set, or meta/ is missing, altered or contradicts itself; names the file.
        """
        place = open_root(root)
        _expect_finished(place)
        manifest = Manifest.read(place)
        for name in manifest.files:
            # What is small and concerns every episode; the rest is hashed before it is first used.
            manifest.check(place, name, full=name.startswith(("meta/", "praxia/e")))
        info = _info(place)
        version_3 = info["codebase_version"] == CODEBASE_VERSION
        table = _table(place, info) if version_3 else _table_of_lines(place, info)
        _expect_consistent(place, info, table)
        told = _instructions(place) if version_3 else _instructions_of_lines(place)
        numbers = np.array(sorted(told), dtype=np.int64)
        return cls(place, manifest, info, table, tuple(told[number] for number in numbers.tolist()), numbers)

    @property
    def fps(self) -> float:
        return float(self.info["fps"])

    def tasks_of(self, task_index: Int64[np.ndarray, " N"]) -> Int64[np.ndarray, " N"]:
        """Which of `instructions` each task_index means; -1: none."""
        numbers = self.task_numbers
        at = np.minimum(np.searchsorted(numbers, task_index), len(numbers) - 1)
        return np.where(numbers[at] == task_index, at, -1) if len(numbers) else np.full(len(task_index), -1)

    def images(self, key: str) -> list[PlacedFile]:
        """The files that hold the images of a feature, in frame order."""
        return placed_files(self.root, self.info, self.table, key)

    def video_ends(self, key: str) -> dict[AnyPath, int]:
        """How many images the episode table gives to each of these files."""
        return video_ends(self.root, self.info, self.table, key)

    def data(self) -> list[PlacedFile]:
        """The data files as the episode table places them.

        Of other writers only the order of rows can be relied on: LeRobot reads all files of `data/` by name and goes by
        the row, and its converter from v2.1 places some episodes in the file before theirs.
        """
        return placed_files(self.root, self.info, self.table, None)


def _expect_finished(root: AnyPath) -> None:
    if _reached(root):
        return
    if isinstance(root, Path) and num_staged(root):
        raise DataError(
            f"{root} holds an unfinished recording ({num_staged(root)} episodes staged); "
            "finish it: run the same `praxia collect` again with --resume"
        )
    raise DataError(f"expected a data set in {root}, but {INFO} is missing; make one with `praxia collect`")


def _damaged(path: AnyPath, reason: object) -> DataError:
    said = " ".join(str(reason).split())  # some libraries say it in several lines
    return DataError(f"{path} is damaged ({said}); in it: all episodes. {ADVICE}")


def _info(root: AnyPath) -> dict[str, Any]:
    path = root / INFO
    try:
        info = json.loads(path.read_bytes())
        version = info["codebase_version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(path, repr(error)) from error
    if version not in CODEBASE_VERSIONS:
        known = ", ".join(CODEBASE_VERSIONS)
        raise DataError(f"expected LeRobot layout {known} in {root}, got {version}; convert it first")
    try:
        fps, features = info["fps"], info["features"]
        for name, one in features.items():
            if one["dtype"] in IMAGES:
                left_out(name, one)  # raises where its shape is none
        numbers = [int(size) for one in features.values() for size in one["shape"]]
        known = isinstance(fps, int | float) and math.isfinite(fps) and 0 < fps < 1e6
        if not known or not all(0 < size < 2**31 for size in numbers):
            raise ValueError(f"fps {fps!r}, shapes {numbers}")
        if any(one["dtype"] == "video" for one in features.values()):
            info["video_path"].format(video_key="", chunk_index=0, file_index=0, episode_chunk=0, episode_index=0)
        info["data_path"].format(chunk_index=0, file_index=0, episode_chunk=0, episode_index=0)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
        raise _damaged(path, repr(error)) from error
    return info


# v3.0


def _table(root: AnyPath, info: Mapping[str, Any]) -> pa.Table:
    folder = root / "meta" / "episodes"
    paths = parquet_files(folder)
    if not paths:
        raise DataError(f"{folder} holds no parquet file. {ADVICE}")
    wanted = ["episode_index", "tasks", "length", "dataset_from_index", "dataset_to_index"]
    wanted += ["data/chunk_index", "data/file_index"]
    read = videos_read(info["features"])
    wanted += [name for key in read for name in _video_columns(key)]
    others = [name for key in _videos(info) if key not in read for name in _video_columns(key)]
    parts = []
    for path in paths:
        try:
            rows = pq.ParquetFile(native(path)).read(columns=[*wanted, *others])
            parts.append(rows.select([*wanted, *(name for name in others if name in rows.column_names)]))
        except (pa.ArrowException, OSError, KeyError, ValueError) as error:
            raise _damaged(path, error) from error
    try:  # a recording that was resumed may have been so by another version of its writer
        return pa.concat_tables(parts, promote_options="permissive")
    except pa.ArrowException as error:
        raise _damaged(folder, error) from error


def _instructions(root: AnyPath) -> dict[int, str]:
    path = root / TASKS
    try:
        rows = pq.read_table(native(path))
        text = next(name for name in rows.column_names if name != "task_index")
        return _by_index(zip(rows["task_index"].to_pylist(), rows[text].to_pylist(), strict=True))
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing; in it: all episodes. {ADVICE}") from error
    except (pa.ArrowException, OSError, KeyError, ValueError, TypeError, StopIteration) as error:
        raise _damaged(path, repr(error)) from error


def _by_index(rows: Iterable[tuple[int, str]]) -> dict[int, str]:
    by_index = dict(rows)
    for number, text in by_index.items():
        if type(number) is not int or number < 0:
            raise ValueError(f"expected instructions numbered from 0, got the number {number!r}")
        if not isinstance(text, str):
            raise ValueError(f"expected a text as instruction {number}, got {text!r}; where nothing was told, it is ''")
    return by_index


def _video_columns(key: str) -> list[str]:
    return [f"videos/{key}/{name}" for name in ("chunk_index", "file_index", "from_timestamp", "to_timestamp")]


def _videos(info: Mapping[str, Any]) -> list[str]:
    return [key for key, feature in info["features"].items() if feature["dtype"] == "video"]


# v2.1


def _lines(path: AnyPath) -> list[dict[str, Any]]:
    try:
        lines = path.read_bytes().decode().split("\n")  # instructions may hold what else `splitlines` splits at
        return [json.loads(line) for line in lines if line.strip()]
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing; in it: all episodes. {ADVICE}") from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, error) from error


def _table_of_lines(root: AnyPath, info: Mapping[str, Any]) -> pa.Table:
    """One data file and one video a camera each episode, in chunks of `chunks_size` episodes."""
    path = root / EPISODE_LINES
    lines = _lines(path)
    try:
        rows = sorted(lines, key=lambda row: row["episode_index"])
        length = np.array([row["length"] for row in rows], dtype=np.int64)
        number = np.array([row["episode_index"] for row in rows], dtype=np.int64)
        tasks = pa.array([row["tasks"] for row in rows], pa.list_(pa.string()))
        columns = columns_of_lines(info, number, length)
    except (KeyError, TypeError, ValueError, OverflowError, pa.ArrowException) as error:
        raise _damaged(path, repr(error)) from error
    return pa.table({**columns, "tasks": tasks})


def columns_of_lines(
    info: Mapping[str, Any], number: Int64[np.ndarray, " E"], length: Int64[np.ndarray, " E"]
) -> dict[str, Shaped[np.ndarray, " E"]]:
    """v3.0's columns of numbers for v2.1's episodes: an episode is a file, and `chunks_size` of them a folder.

    Raises:
        ValueError, KeyError, TypeError: info.json does not say how many are a folder.
    """
    size = int(info["chunks_size"])
    if size < 1:
        raise ValueError(f"expected chunks_size of at least 1, got {size}")
    end, chunk = np.cumsum(length), number // size
    columns = {"episode_index": number, "length": length, "dataset_from_index": end - length, "dataset_to_index": end}
    columns |= {"data/chunk_index": chunk, "data/file_index": number}
    for key in _videos(info):
        columns |= {f"videos/{key}/chunk_index": chunk, f"videos/{key}/file_index": number}
        columns[f"videos/{key}/from_timestamp"] = np.zeros(len(number))
        columns[f"videos/{key}/to_timestamp"] = length / float(info["fps"])
    return columns


def _instructions_of_lines(root: AnyPath) -> dict[int, str]:
    path = root / TASK_LINES
    lines = _lines(path)
    try:
        return _by_index((row["task_index"], row["task"]) for row in lines)
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, repr(error)) from error


# Both


def _expect_consistent(root: AnyPath, info: Mapping[str, Any], table: pa.Table) -> None:
    """Whether the episode table contradicts itself or info.json; then nothing in it can be relied on."""
    path = root / ("meta/episodes" if info["codebase_version"] == CODEBASE_VERSION else EPISODE_LINES)

    def expect(right: np.ndarray, what: str) -> None:
        if not right.all():
            raise DataError(f"{path}: {what} in episode {int(np.flatnonzero(~right)[0])}. {ADVICE}")

    if table.num_rows == 0:
        raise DataError(f"{path} lists no episode. {ADVICE}")
    try:
        number, length = integers(table, "episode_index"), integers(table, "length")
        first, last = integers(table, "dataset_from_index"), integers(table, "dataset_to_index")
        expect(number == np.arange(table.num_rows), "expected episodes numbered from 0, got another episode_index")
        expect((length >= 1) & (length < 2**40), "expected a length of at least one frame, got another")
        expect((first == np.cumsum(length) - length) & (last == first + length), "lengths do not add up to the index")
        for name in table.column_names:
            if name.endswith(("chunk_index", "file_index")):
                expect((integers(table, name) >= 0), f"expected {name} of at least 0, got less")
        for key in videos_read(info["features"]):
            _expect_apart(table, key, float(info["fps"]), expect)
        told = table["tasks"].to_pylist()
    except DataError:
        raise
    except (ValueError, TypeError, KeyError, pa.ArrowException) as error:
        raise _damaged(path, error) from error
    expect(np.array([bool(tasks) for tasks in told]), "expected an instruction, got none")
    for name, got in (("total_episodes", table.num_rows), ("total_frames", int(length.sum()))):
        if info.get(name, got) != got:
            raise DataError(f"{root / INFO} counts {info[name]} {name}, {path} has {got}. {ADVICE}")


def _expect_apart(table: pa.Table, key: str, fps: float, expect: Any) -> None:
    """Every episode has its own stretch of a video, whole frames long."""
    chunk, file = integers(table, f"videos/{key}/chunk_index"), integers(table, f"videos/{key}/file_index")
    length = integers(table, "length")
    begins, ends = (seconds(table, f"videos/{key}/{name}") * fps for name in ("from_timestamp", "to_timestamp"))
    expect(np.isfinite(begins) & (begins > -0.25) & (begins < 2**40), f"{key}: from_timestamp is no time of a frame")
    start = np.round(begins).astype(np.int64)
    expect(np.abs(begins - start) < 0.25, f"{key}: from_timestamp is no time of a frame")
    expect(ends < 2**40, f"{key}: to_timestamp is no time of a frame")
    expect(ends - begins > length - 0.5, f"{key}: to_timestamp - from_timestamp is less than the episode's length")
    order = np.lexsort((start, file, chunk))
    same = (np.diff(chunk[order]) == 0) & (np.diff(file[order]) == 0)
    shared = same & (start[order][:-1] + length[order][:-1] > start[order][1:])
    overlap = np.zeros(len(start), bool)
    overlap[order[1:][shared]] = True
    expect(~overlap, f"{key}: its images belong to another episode too")
