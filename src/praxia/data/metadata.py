"""The contents of `meta/`, in v3.0's terms whichever version of LeRobot's layout wrote it."""

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
from praxia.core.files import AnyPath, relative_name
from praxia.data.features import IMAGE_DTYPES, camera_videos, unsupported_images
from praxia.data.frame_files import FrameFile, frame_files, integers, seconds, video_ends
from praxia.data.layout import (
    CODEBASE_VERSION,
    CODEBASE_VERSIONS,
    EPISODE_LINES,
    INFO,
    TASK_LINES,
    TASKS,
    VIDEO_FRAMES,
    num_staged,
    parquet_files,
)
from praxia.data.manifest import ADVICE, Manifest
from praxia.data.parquet import native

__all__ = ["Metadata", "columns_from_lines", "open_root"]


def open_root(root: str | AnyPath) -> AnyPath:
    """A folder, or an address that fsspec opens: "memory://...", "s3://...", "hf://datasets/...".

    Raises:
        DataError: no package for that kind of address is installed.
    """
    if isinstance(root, AnyPath) or "://" not in root:
        return root if isinstance(root, UPath) else Path(root)
    try:
        get_filesystem_class(root.split("://")[0])
        return UPath(root)
    except (ImportError, ValueError) as error:
        raise DataError(f"{root} cannot be reached: {error}") from error


def _has_info(root: AnyPath) -> bool:
    """Whether info.json exists.

    Raises:
        DataError: the address cannot be reached. Drivers raise errors of their own kinds.
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
        reason = (str(error).strip().splitlines() or [""])[0]
        raise DataError(
            f"{root} cannot be reached ({type(error).__name__}: {reason}); "
            "check the address, the network and your login"
        ) from error


@dataclass(frozen=True)
class Metadata:
    """The episodes and files of one data set.

    `table` is meta/episodes of v3.0: one row per episode, without statistics. It may lack columns of videos that are
    not cameras. `instructions` are in the order of `task_numbers`, their task_index, which may have gaps.

    Reading touches nothing but `meta/` and checks that it is consistent, so that a reader can rely on it: lengths add
    up, and no two episodes share an image.
    """

    root: AnyPath
    manifest: Manifest
    info: Mapping[str, Any]
    table: pa.Table
    instructions: tuple[str, ...]
    task_numbers: Int64[np.ndarray, " T"]

    @classmethod
    def read(cls, root: str | AnyPath) -> "Metadata":
        """Read `meta/` of a data set of any version.

        Raises:
            DataError: not a finished data set, or meta/ is missing, altered or contradicts itself; names the file.
        """
        root = open_root(root)
        _expect_finished(root)
        manifest = Manifest.read(root)
        for name in manifest.files:
            # The small files that concern every episode in full; the others are hashed before their first use.
            manifest.check(root, name, full=name.startswith(("meta/", "praxia/e")))
        info = _info(root)
        version_3 = info["codebase_version"] == CODEBASE_VERSION
        table = _table(root, info) if version_3 else _table_from_lines(root, info)
        _expect_consistent(root, info, table)
        by_index = _instructions(root) if version_3 else _instructions_from_lines(root)
        numbers = np.array(sorted(by_index), dtype=np.int64)
        return cls(root, manifest, info, table, tuple(by_index[number] for number in numbers.tolist()), numbers)

    @property
    def fps(self) -> float:
        return float(self.info["fps"])

    def tasks_of(self, task_index: Int64[np.ndarray, " N"]) -> Int64[np.ndarray, " N"]:
        """The position in `instructions` of each task_index; -1: there is none."""
        numbers = self.task_numbers
        at = np.minimum(np.searchsorted(numbers, task_index), len(numbers) - 1)
        return np.where(numbers[at] == task_index, at, -1) if len(numbers) else np.full(len(task_index), -1)

    def video_files(self, key: str) -> list[FrameFile]:
        """The files that hold the images of a video feature, in frame order."""
        return frame_files(self.root, self.info, self.table, key)

    def video_frame_counts(self, key: str) -> dict[AnyPath, int | None]:
        """How many frames each video of a feature should have, by the episode table and info.json; None: unknown.

        An edit of a data set without hashes leaves images that no episode has, and info.json counts them. In v2.1 more
        images may follow an episode's last one.

        Raises:
            DataError: info.json counts them in another form than an object.
        """
        ends = video_ends(self.root, self.info, self.table, key)
        if self.info["codebase_version"] != CODEBASE_VERSION:
            return dict.fromkeys(ends)
        counts = self.info.get(VIDEO_FRAMES, {})
        if not isinstance(counts, Mapping):
            raise _damaged(self.root / INFO, f"expected {VIDEO_FRAMES} as an object, got {counts!r}")
        return {path: counts.get(relative_name(self.root, path), end) for path, end in ends.items()}

    def data_files(self) -> list[FrameFile]:
        """The data files as the episode table assigns them.

        In data sets of other writers only the order of rows can be relied on: LeRobot reads all files of `data/` by
        name and counts rows, and its converter from v2.1 assigns some episodes to the file before theirs.
        """
        return frame_files(self.root, self.info, self.table, None)


def _expect_finished(root: AnyPath) -> None:
    if _has_info(root):
        return
    if isinstance(root, Path) and num_staged(root):
        raise DataError(
            f"{root} holds an unfinished recording ({num_staged(root)} episodes staged); "
            "finish it: run the same `praxia collect` again with --resume"
        )
    raise DataError(f"expected a data set in {root}, but {INFO} is missing; make one with `praxia collect`")


def _damaged(path: AnyPath, reason: object) -> DataError:
    one_line = " ".join(str(reason).split())  # some libraries use several lines
    return DataError(f"{path} is damaged ({one_line}); in it: all episodes. {ADVICE}")


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
            if one["dtype"] in IMAGE_DTYPES:
                unsupported_images(name, one)  # raises if its shape is not that of images
        numbers = [int(size) for one in features.values() for size in one["shape"]]
        valid = isinstance(fps, int | float) and math.isfinite(fps) and 0 < fps < 1e6
        if not valid or not all(0 < size < 2**31 for size in numbers):
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
    cameras = camera_videos(info["features"])
    wanted += [name for key in cameras for name in _video_columns(key)]
    others = [name for key in _videos(info) if key not in cameras for name in _video_columns(key)]
    parts = []
    for path in paths:
        try:
            rows = pq.ParquetFile(native(path)).read(columns=[*wanted, *others])
            parts.append(rows.select([*wanted, *(name for name in others if name in rows.column_names)]))
        except (pa.ArrowException, OSError, KeyError, ValueError) as error:
            raise _damaged(path, error) from error
    try:  # another version of the writer may have resumed the recording
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
            raise ValueError(f"expected a text as instruction {number}, got {text!r}; an empty instruction is ''")
    return by_index


def _video_columns(key: str) -> list[str]:
    return [f"videos/{key}/{name}" for name in ("chunk_index", "file_index", "from_timestamp", "to_timestamp")]


def _videos(info: Mapping[str, Any]) -> list[str]:
    return [key for key, feature in info["features"].items() if feature["dtype"] == "video"]


# v2.1


def _lines(path: AnyPath) -> list[dict[str, Any]]:
    try:
        lines = (
            path.read_bytes().decode().split("\n")
        )  # instructions may contain other characters that `splitlines` splits at
        return [json.loads(line) for line in lines if line.strip()]
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing; in it: all episodes. {ADVICE}") from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, error) from error


def _table_from_lines(root: AnyPath, info: Mapping[str, Any]) -> pa.Table:
    """Each episode has one data file and one video per camera, in chunks of `chunks_size` episodes."""
    path = root / EPISODE_LINES
    lines = _lines(path)
    try:
        rows = sorted(lines, key=lambda row: row["episode_index"])
        length = np.array([row["length"] for row in rows], dtype=np.int64)
        number = np.array([row["episode_index"] for row in rows], dtype=np.int64)
        tasks = pa.array([row["tasks"] for row in rows], pa.list_(pa.string()))
        columns = columns_from_lines(info, number, length)
    except (KeyError, TypeError, ValueError, OverflowError, pa.ArrowException) as error:
        raise _damaged(path, repr(error)) from error
    return pa.table({**columns, "tasks": tasks})


def columns_from_lines(
    info: Mapping[str, Any], number: Int64[np.ndarray, " E"], length: Int64[np.ndarray, " E"]
) -> dict[str, Shaped[np.ndarray, " E"]]:
    """v3.0's numeric columns for v2.1's episodes: one file per episode, `chunks_size` files per folder.

    Raises:
        ValueError, KeyError, TypeError: info.json has no valid chunks_size.
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


def _instructions_from_lines(root: AnyPath) -> dict[int, str]:
    path = root / TASK_LINES
    lines = _lines(path)
    try:
        return _by_index((row["task_index"], row["task"]) for row in lines)
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, repr(error)) from error


# Both


def _expect_consistent(root: AnyPath, info: Mapping[str, Any], table: pa.Table) -> None:
    """Refuse an episode table that contradicts itself or info.json: nothing in it can be relied on."""
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
        for key in camera_videos(info["features"]):
            _expect_apart(table, key, float(info["fps"]), expect)
        instructions = table["tasks"].to_pylist()
    except DataError:
        raise
    except (ValueError, TypeError, KeyError, pa.ArrowException) as error:
        raise _damaged(path, error) from error
    expect(np.array([bool(tasks) for tasks in instructions]), "expected an instruction, got none")
    for name, got in (("total_episodes", table.num_rows), ("total_frames", int(length.sum()))):
        if info.get(name, got) != got:
            raise DataError(f"{root / INFO} counts {info[name]} {name}, {path} has {got}. {ADVICE}")


def _expect_apart(table: pa.Table, key: str, fps: float, expect: Any) -> None:
    """Refuse episodes that share images of a video, or whose times are not those of frames."""
    chunk, file = integers(table, f"videos/{key}/chunk_index"), integers(table, f"videos/{key}/file_index")
    length = integers(table, "length")
    begins, ends = (seconds(table, f"videos/{key}/{name}") * fps for name in ("from_timestamp", "to_timestamp"))
    expect(
        np.isfinite(begins) & (begins > -0.25) & (begins < 2**40), f"{key}: from_timestamp is not the time of a frame"
    )
    start = np.round(begins).astype(np.int64)
    expect(np.abs(begins - start) < 0.25, f"{key}: from_timestamp is not the time of a frame")
    expect(ends < 2**40, f"{key}: to_timestamp is not the time of a frame")
    expect(ends - begins > length - 0.5, f"{key}: to_timestamp - from_timestamp is less than the episode's length")
    order = np.lexsort((start, file, chunk))
    same = (np.diff(chunk[order]) == 0) & (np.diff(file[order]) == 0)
    shared = same & (start[order][:-1] + length[order][:-1] > start[order][1:])
    overlap = np.zeros(len(start), bool)
    overlap[order[1:][shared]] = True
    expect(~overlap, f"{key}: its images belong to another episode too")
