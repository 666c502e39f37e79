"""Which file holds which frames, from LeRobot's episode table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float64, Int64

from praxia.core.errors import DataError
from praxia.core.files import AnyPath
from praxia.data.manifest import ADVICE

__all__ = ["FrameFile", "frame_files", "integers", "runs", "seconds", "video_ends"]


@dataclass(frozen=True)
class FrameFile:
    """One data or video file and the consecutive episodes in it.

    `first` is each episode's first frame in the data set, `start` the position of that frame in the file: the row of a
    data file, the number of an image in a video.
    """

    path: AnyPath
    episode: Int64[np.ndarray, " E"]
    first: Int64[np.ndarray, " E"]
    length: Int64[np.ndarray, " E"]
    start: Int64[np.ndarray, " E"]

    @property
    def first_frame(self) -> int:
        """The data set's first frame that is in this file."""
        return int(self.first[0])

    @property
    def num_frames(self) -> int:
        return int(self.first[-1] + self.length[-1] - self.first[0])

    def positions(self, frames: Int64[np.ndarray, " K"]) -> Int64[np.ndarray, " K"]:
        """The positions in the file of frames of the data set."""
        at = np.searchsorted(self.first, frames, side="right") - 1
        return self.start[at] + frames - self.first[at]

    def episode_of(self, position: int) -> int:
        """The episode of the row or image at `position` in the file."""
        at = int(np.searchsorted(np.sort(self.start), position, side="right")) - 1
        return int(self.episode[np.argsort(self.start)[max(at, 0)]])

    def read_error(self, reason: str) -> DataError:
        """The error to raise when the file cannot be used."""
        first, last = int(self.episode[0]), int(self.episode[-1])
        contents = f"episode {first}" if first == last else f"episodes {first} to {last}"
        one_line = " ".join(reason.split())  # some libraries use several lines
        return DataError(f"{self.path} cannot be read ({one_line}); in it: {contents}. {ADVICE}")


def frame_files(root: AnyPath, info: Mapping[str, Any], table: pa.Table, key: str | None) -> list[FrameFile]:
    """The files that hold the frames' numbers (`key` None) or the images of the video feature `key`, in frame order.

    `table` is all of meta/episodes.
    """
    prefix = "data" if key is None else f"videos/{key}"
    chunks, files = integers(table, f"{prefix}/chunk_index"), integers(table, f"{prefix}/file_index")
    firsts, lengths = integers(table, "dataset_from_index"), integers(table, "length")
    breaks = np.flatnonzero((np.diff(chunks) != 0) | (np.diff(files) != 0)) + 1
    template = info["data_path"] if key is None else info["video_path"]
    found, num_rows = [], {}
    for group in np.split(np.arange(len(firsts)), breaks):
        chunk, number = int(chunks[group[0]]), int(files[group[0]])
        # v3.0 numbers files, v2.1 has one per episode: each template takes the names it knows.
        path = root / template.format(
            video_key=key, chunk_index=chunk, file_index=number, episode_chunk=chunk, episode_index=number
        )
        if key is not None:
            starts = np.round(seconds(table, f"{prefix}/from_timestamp")[group] * info["fps"]).astype(np.int64)
        else:
            starts = num_rows.get(path, 0) + np.cumsum(lengths[group]) - lengths[group]
            num_rows[path] = int(starts[-1] + lengths[group[-1]])
        found.append(FrameFile(path, group, firsts[group], lengths[group], starts))
    return found


def video_ends(root: AnyPath, info: Mapping[str, Any], table: pa.Table, key: str) -> dict[AnyPath, int]:
    """How many images the episode table assigns to each video of the feature `key`.

    `to_timestamp` of its episodes decides: LeRobot's converter takes it from the videos, which may continue after the
    last row of their episode. An episode's first image is at `from_timestamp` all the same.
    """
    ends = np.round(seconds(table, f"videos/{key}/to_timestamp") * info["fps"]).astype(np.int64)
    found: dict[AnyPath, int] = {}
    for file in frame_files(root, info, table, key):
        needed = int((file.start + file.length).max())
        found[file.path] = max(found.get(file.path, 0), needed, int(ends[file.episode].max()))
    return found


def runs(numbers: Int64[np.ndarray, " N"]) -> tuple[Int64[np.ndarray, " R"], Int64[np.ndarray, " R"]]:
    """The first index and the length of each run of equal numbers."""
    starts = np.flatnonzero(np.diff(numbers, prepend=numbers[:1] - 1))
    return starts, np.diff(starts, append=len(numbers))


def integers(table: pa.Table, name: str) -> Int64[np.ndarray, " E"]:
    """A column of whole numbers. Pandas stores floating-point ones where a row once lacked a value.

    Raises:
        ValueError: some are missing or not whole.
    """
    column = table[name]
    numeric = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    if column.null_count or not numeric:
        raise ValueError(f"expected whole numbers in {name}, got {column.type} with {column.null_count} missing")
    numbers = column.to_numpy()
    converted = numbers.astype(np.int64) if np.isfinite(numbers).all() else None
    if converted is None or not np.array_equal(converted, numbers):
        raise ValueError(f"expected whole numbers in {name}, got {column.type} with others among them")
    return converted


def seconds(table: pa.Table, name: str) -> Float64[np.ndarray, " E"]:
    """A column of times in seconds.

    Raises:
        ValueError: some are missing or not numbers.
    """
    column = table[name]
    if column.null_count or not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        raise ValueError(f"expected times in {name}, got {column.type} with {column.null_count} missing")
    return column.to_numpy().astype(np.float64)
