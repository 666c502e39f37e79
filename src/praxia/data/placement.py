"""Which file holds which episodes, out of LeRobot's episode table."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Int64

from praxia.core.errors import DataError
from praxia.data.manifest import ADVICE

__all__ = ["PlacedFile", "integers", "placed_files"]


@dataclass(frozen=True)
class PlacedFile:
    """One data or video file: its episodes (first and last) and its frames.

    Frame `first + i` of the data set is picture number `numbers[i]` of the file.
    """

    path: Path
    first: int
    numbers: Int64[np.ndarray, " N"]
    episodes: tuple[int, int]

    def broken(self, reason: str) -> DataError:
        """The error to raise when the file cannot be used."""
        return DataError(
            f"{self.path} cannot be read ({reason}); in it: episodes {self.episodes[0]} to {self.episodes[1]}. {ADVICE}"
        )


def placed_files(root: Path, info: Mapping[str, Any], table: pa.Table, key: str | None) -> list[PlacedFile]:
    """The files that hold the frames' numbers (`key` None) or the pictures of the video feature `key`, in frame order.

    `table` is meta/episodes, whole.
    """
    prefix = "data" if key is None else f"videos/{key}"
    chunks, files = integers(table, f"{prefix}/chunk_index"), integers(table, f"{prefix}/file_index")
    firsts, lengths = integers(table, "dataset_from_index"), integers(table, "length")
    starts = np.zeros(len(firsts), dtype=np.int64)
    if key is not None:
        starts = np.round(table[f"{prefix}/from_timestamp"].to_numpy() * info["fps"]).astype(np.int64)
    breaks = np.flatnonzero((np.diff(chunks) != 0) | (np.diff(files) != 0)) + 1
    placed = []
    for group in np.split(np.arange(len(firsts)), breaks):
        at = {"chunk_index": int(chunks[group[0]]), "file_index": int(files[group[0]])}
        path = info["data_path"].format(**at) if key is None else info["video_path"].format(video_key=key, **at)
        numbers = np.concatenate([starts[e] + np.arange(int(lengths[e])) for e in group])
        placed.append(PlacedFile(root / path, int(firsts[group[0]]), numbers, (int(group[0]), int(group[-1]))))
    return placed


def integers(table: pa.Table, name: str) -> Int64[np.ndarray, " E"]:
    """A column of the episode table."""
    return table[name].to_numpy().astype(np.int64)
