"""The numeric features of every frame, read from the data files in one pass."""

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int64, Shaped

from praxia.core.errors import DataError
from praxia.core.files import AnyPath, relative_name
from praxia.data.frame_files import FrameFile, integers
from praxia.data.layout import parquet_files
from praxia.data.manifest import ADVICE
from praxia.data.metadata import Metadata
from praxia.data.parquet import count_rows, matrix, native

__all__ = ["Columns"]

# Features with more values per frame are read one by one, on demand: point clouds, depth.
MAX_TOGETHER = 1024
# The features that locate a row.
INDEX_COLUMNS = ("episode_index", "frame_index", "index", "task_index")
NOT_NUMERIC = ("video", "image", "string")


class Columns:
    """Features [N, D] by name, rows in frame order, kept in memory once read.

    The order of rows is that of the files' names, as LeRobot reads them, and is checked against the index columns of
    every row (`episode_index`, `frame_index`, `index`): missing, repeated or reordered rows are an error.
    """

    def __init__(self, metadata: Metadata):
        self._metadata = metadata
        declared = metadata.info["features"]
        self._sizes = {n: math.prod(f["shape"]) for n, f in declared.items() if f["dtype"] not in NOT_NUMERIC}
        self._read: dict[str, np.ndarray] = {}
        self._faults: dict[str, DataError] = {}  # raised when the column is first read
        self._finite: set[str] = set()  # columns that were checked
        table = metadata.table
        self._first, self._length = integers(table, "dataset_from_index"), integers(table, "length")

    @property
    def features(self) -> tuple[str, ...]:
        return tuple(self._sizes)

    def __getitem__(self, feature: str) -> Shaped[np.ndarray, "N D"]:
        """The values of a feature in every frame.

        Raises:
            DataError: rows are missing, out of order, not finite or of another size than declared.
        """
        if feature not in self._read and feature not in self._faults:
            together = [name for name, size in self._sizes.items() if size <= MAX_TOGETHER and not self._read]
            self._load(sorted({feature, *together}))
        if feature in self._faults:
            raise self._faults[feature]
        if feature not in self._finite:
            self._expect_finite(feature)
            self._finite.add(feature)
        return self._read[feature]

    @cached_property
    def files(self) -> list[FrameFile]:
        """The data files and the frames in each, by its number of rows; an episode may span two files."""
        folder = self._metadata.root / "data"
        placed, first, total = [], 0, int(self._first[-1] + self._length[-1])
        for path in parquet_files(folder):
            try:
                count = count_rows(path)
            except (pa.ArrowException, OSError, ValueError) as error:
                raise self._broken(path, str(error)) from error
            if count == 0:
                continue
            if first + count > total:
                raise self._broken(path, f"expected {total - first} rows, got {count}")
            placed.append(self._placed(path, first, first + count))
            first += count
        if first != total:
            self._refuse_short(placed)
            raise DataError(f"{folder} holds {first} rows, the episodes have {total} frames; see `praxia data check`")
        return placed

    def _refuse_short(self, placed: Sequence[FrameFile]) -> None:
        """Name the first file with fewer rows than the episode table assigns to it."""
        rows = {str(file.path): file.num_frames for file in placed}
        for due in self._metadata.data_files():
            got = rows.get(str(due.path), 0)
            if got < due.num_frames:
                raise due.read_error(f"expected {due.num_frames} rows, got {got}")

    def _placed(self, path: AnyPath, first: int, end: int) -> FrameFile:
        here = np.flatnonzero((self._first < end) & (self._first + self._length > first))
        begins = np.maximum(self._first[here], first)
        ends = np.minimum(self._first[here] + self._length[here], end)
        return FrameFile(path, here, begins, ends - begins, begins - first)

    def _broken(self, path: AnyPath, reason: str) -> DataError:
        """The error of a file, with the episodes that the episode table assigns to it."""
        placed = next((file for file in self._metadata.data_files() if str(file.path) == str(path)), None)
        if placed is not None:
            return placed.read_error(reason)
        return DataError(f"{path} cannot be read ({reason}); no episode is in it. {ADVICE}")

    def _load(self, features: list[str]) -> None:
        wanted = sorted({*features, *INDEX_COLUMNS})
        arrays: dict[str, np.ndarray] = {}
        total = int(self._first[-1] + self._length[-1])
        for file in self.files:
            name = relative_name(self._metadata.root, file.path)
            self._metadata.manifest.check(self._metadata.root, name, full=True)
            columns = self._columns(file, wanted)
            self._expect_in_order(file, columns)
            for feature, values in columns.items():
                if feature not in arrays:
                    arrays[feature] = np.empty((total, values.shape[1]), values.dtype)
                # Another version of the writer may have continued in another width.
                dtype = np.promote_types(arrays[feature].dtype, values.dtype)
                values_so_far = arrays[feature] = arrays[feature].astype(dtype, copy=False)
                values_so_far[file.first_frame : file.first_frame + file.num_frames] = values
        arrays["task_index"] = self._tasks(arrays)
        for name, values in arrays.items():
            values.setflags(write=False)
            if name not in self._faults:
                self._read[name] = values

    def _columns(self, file: FrameFile, wanted: list[str]) -> Mapping[str, np.ndarray]:
        """The columns of a file that are as declared; errors of the others are kept until they are read."""
        try:
            opened = pq.ParquetFile(native(file.path))
            table = opened.read(columns=[name for name in wanted if name in opened.schema_arrow.names])
        except (pa.ArrowException, OSError, ValueError, KeyError, MemoryError) as error:
            raise file.read_error(f"{type(error).__name__} {error}") from error
        columns = {}
        for name in wanted:
            try:
                columns[name] = self._column(file, table, name)
            except (pa.ArrowException, ValueError, KeyError, MemoryError) as error:
                fault = file.read_error(f"{name}: {type(error).__name__} {error}")
                if name in INDEX_COLUMNS:
                    raise fault from error
                self._faults.setdefault(name, fault)
        return columns

    def _column(self, file: FrameFile, table: pa.Table, name: str) -> Shaped[np.ndarray, "N D"]:
        size = self._sizes.get(name, 1)
        if table[name].null_count:
            raise ValueError(f"{table[name].null_count} values of {name} are missing")
        values = matrix(table[name])
        if values.shape != (file.num_frames, size) or values.dtype.kind not in "fiub":
            raise ValueError(f"expected {name} of shape {(file.num_frames, size)}, got {values.shape}")
        return values

    def _expect_in_order(self, file: FrameFile, columns: Mapping[str, np.ndarray]) -> None:
        frames = np.arange(file.first_frame, file.first_frame + file.num_frames)
        episodes = np.repeat(file.episode, file.length)
        expected = {"index": frames, "episode_index": episodes, "frame_index": frames - self._first[episodes]}
        for name, right in expected.items():
            wrong = np.flatnonzero(columns[name][:, 0] != right)
            if len(wrong):
                at = int(wrong[0])
                raise file.read_error(
                    f"expected {name} {right[at]} in row {at}, of episode {episodes[at]}, got {columns[name][at, 0]}"
                )

    def _tasks(self, arrays: Mapping[str, np.ndarray]) -> Int64[np.ndarray, "N 1"]:
        """`task_index` as positions in the data set's instructions, which other writers number with gaps."""
        own = arrays["task_index"][:, 0].astype(np.int64)
        tasks, instructions = self._metadata.tasks_of(own), self._metadata.instructions
        unknown = np.flatnonzero(tasks < 0)
        if len(unknown):
            self._refuse(
                int(unknown[0]), f"task_index is {own[unknown[0]]}, there are {len(instructions)} instructions"
            )
        of_episode = self._metadata.table["tasks"].to_pylist()
        pairs, rows = np.unique(np.stack([arrays["episode_index"][:, 0], tasks], 1), axis=0, return_index=True)
        for (episode, task), row in zip(pairs.tolist(), rows.tolist(), strict=True):
            if instructions[task] not in of_episode[episode]:
                self._refuse(
                    row,
                    f"task_index is {own[row]} ({instructions[task]!r}), the episode table has {of_episode[episode]}",
                )
        return tasks[:, None]

    def _expect_finite(self, feature: str) -> None:
        wrong = np.flatnonzero(~np.isfinite(self._read[feature]).all(axis=1))
        if len(wrong):
            self._refuse(int(wrong[0]), f"{feature} is not finite; take the episode out with `praxia data edit delete`")

    def _refuse(self, row: int, reason: str) -> NoReturn:
        """Raise the error of a row, with its file, its episode and its frame there."""
        file = next(one for one in self.files if row < one.first_frame + one.num_frames)
        episode = int(np.searchsorted(self._first, row, side="right")) - 1
        raise DataError(f"{file.path}: in episode {episode}, frame {row - int(self._first[episode])}, {reason}")
