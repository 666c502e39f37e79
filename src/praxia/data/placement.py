"""Which file holds which episodes, out of LeRobot's episode table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float64, Int64

from praxia.core.errors import DataError
from praxia.core.files import AnyPath
from praxia.data.manifest import ADVICE

__all__ = ["PlacedFile", "integers", "placed_files", "runs", "seconds", "video_ends"]


@dataclass(frozen=True)
class PlacedFile:
    """One data or video file and the neighbouring episodes in it.

    `first` is each episode's first frame in the data set, `start` the place of that frame in the file: the row of a
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

    def numbers(self, frames: Int64[np.ndarray, " K"]) -> Int64[np.ndarray, " K"]:
        """Where frames of the data set are in the file."""
        at = np.searchsorted(self.first, frames, side="right") - 1
        return self.start[at] + frames - self.first[at]

    def episode_of(self, number: int) -> int:
        """The episode that the file's row or image `number` belongs to."""
        at = int(np.searchsorted(np.sort(self.start), number, side="right")) - 1
        return int(self.episode[np.argsort(self.start)[max(at, 0)]])

    def broken(self, reason: str) -> DataError:
        """The error to raise when the file cannot be used."""
        first, last = int(self.episode[0]), int(self.episode[-1])
        contents = f"episode {first}" if first == last else f"episodes {first} to {last}"
        said = " ".join(reason.split())  # some libraries say it in several lines
        return DataError(f"{self.path} cannot be read ({said}); in it: {contents}. {ADVICE}")


def placed_files(root: AnyPath, info: Mapping[str, Any], table: pa.Table, key: str | None) -> list[PlacedFile]:
    """The files that hold the frames' numbers (`key` None) or the images of the video feature `key`, in frame order.

    `table` is meta/episodes, whole.
    """
    prefix = "data" if key is None else f"videos/{key}"
    chunks, files = integers(table, f"{prefix}/chunk_index"), integers(table, f"{prefix}/file_index")
    firsts, lengths = integers(table, "dataset_from_index"), integers(table, "length")
    breaks = np.flatnonzero((np.diff(chunks) != 0) | (np.diff(files) != 0)) + 1
    template = info["data_path"] if key is None else info["video_path"]
    placed, filled = [], {}
    for group in np.split(np.arange(len(firsts)), breaks):
        chunk, number = int(chunks[group[0]]), int(files[group[0]])
        # v3.0 counts files, v2.1 has one an episode: each template takes the names it knows.
        path = root / template.format(
            video_key=key, chunk_index=chunk, file_index=number, episode_chunk=chunk, episode_index=number
        )
        if key is not None:
            starts = np.round(seconds(table, f"{prefix}/from_timestamp")[group] * info["fps"]).astype(np.int64)
        else:
            starts = filled.get(path, 0) + np.cumsum(lengths[group]) - lengths[group]
            filled[path] = int(starts[-1] + lengths[group[-1]])
        placed.append(PlacedFile(path, group, firsts[group], lengths[group], starts))
    return placed


def video_ends(root: AnyPath, info: Mapping[str, Any], table: pa.Table, key: str) -> dict[AnyPath, int]:
    """How many images the episode table gives to each video of the feature `key`.

    Its episodes' `to_timestamp` says it: LeRobot's converter takes it from the videos, which may run on after the last
    row of their episode; an episode's first image is where `from_timestamp` says all the same.
    """
    ends = np.round(seconds(table, f"videos/{key}/to_timestamp") * info["fps"]).astype(np.int64)
    found: dict[AnyPath, int] = {}
    for file in placed_files(root, info, table, key):
        needed = int((file.start + file.length).max())
        found[file.path] = max(found.get(file.path, 0), needed, int(ends[file.episode].max()))
    return found


def runs(numbers: Int64[np.ndarray, " N"]) -> tuple[Int64[np.ndarray, " R"], Int64[np.ndarray, " R"]]:
    """The first place and the length of each stretch of equal numbers."""
    starts = np.flatnonzero(np.diff(numbers, prepend=numbers[:1] - 1))
    return starts, np.diff(starts, append=len(numbers))


def integers(table: pa.Table, name: str) -> Int64[np.ndarray, " E"]:
    """A column of whole numbers; pandas makes floating-point ones of them where a row once lacked one.

    Raises:
        ValueError: some are missing or no whole numbers.
    """
    column = table[name]
    known = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    if column.null_count or not known:
        raise ValueError(f"expected whole numbers in {name}, got {column.type} with {column.null_count} missing")
    numbers = column.to_numpy()
    whole = numbers.astype(np.int64) if np.isfinite(numbers).all() else None
    if whole is None or not np.array_equal(whole, numbers):
        raise ValueError(f"expected whole numbers in {name}, got {column.type} with others among them")
    return whole


def seconds(table: pa.Table, name: str) -> Float64[np.ndarray, " E"]:
    """A column of times.

    Raises:
        ValueError: some are missing or no numbers.
    """
    column = table[name]
    if column.null_count or not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        raise ValueError(f"expected times in {name}, got {column.type} with {column.null_count} missing")
    return column.to_numpy().astype(np.float64)
