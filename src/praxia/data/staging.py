"""Finished episodes before they are finalized, each in a folder that is complete or absent.

`root/.staging/episode-000123/` has `frames.parquet`, one mp4 per camera, `states.parquet` and, written last,
`episode.json` with the SHA-256 of the others. Any process may stage any episode at any time.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from praxia.core.embodiment import Embodiment
from praxia.core.errors import PraxiaError
from praxia.core.files import remove_leftovers, sha256_file, staged_folder
from praxia.core.keys import content_key
from praxia.data.episode import Episode
from praxia.data.feature_statistics import describe_feature
from praxia.data.features import extra_declarations
from praxia.data.layout import EPISODE_PREFIX, STAGING, committed, json_bytes, out_of_space
from praxia.data.parquet import frame_columns, native, parquet_bytes, table
from praxia.data.video import encode
from praxia.statistics.images import ImageHistogram, sampled_frames

__all__ = [
    "StagedEpisode",
    "expect_unfinished",
    "is_staged",
    "stage_episode",
    "staged_episode",
    "staged_indices",
    "verify_staged",
    "write_numbers",
]

DESCRIPTION = "episode.json"


@dataclass(frozen=True)
class StagedEpisode:
    """One staged folder, read back."""

    folder: Path

    @cached_property
    def description(self) -> dict[str, Any]:
        return json.loads((self.folder / DESCRIPTION).read_bytes())

    @property
    def index(self) -> int:
        return int(self.folder.name.removeprefix(EPISODE_PREFIX))

    def is_intact(self) -> bool:
        """Whether every file exists with the bytes that were written."""
        try:
            described = {name: value for name, value in self.description.items() if name != "key"}
            files = described["files"].items()
            return content_key(described) == self.description["key"] and all(
                sha256_file(self.folder / name) == digest for name, digest in files
            )
        except (OSError, ValueError, KeyError, AttributeError):
            return False

    def frames(self) -> pa.Table:
        return pq.read_table(native(self.folder / "frames.parquet"))

    def states(self) -> pa.Table:
        return pq.read_table(native(self.folder / "states.parquet"))

    def video(self, camera: str) -> Path:
        return self.folder / f"{camera}.mp4"

    def pixels(self, camera: str) -> ImageHistogram:
        return ImageHistogram.from_json(self.description["pixels"][camera])


def stage_episode(root: str | Path, index: int, episode: Episode) -> None:
    """Write `episode` under its start index, completely or not at all; replaces an older one of that index.

    Raises:
        RecordingError: the disk is full. Nothing of this episode is left behind; the others are kept.
        PraxiaError: `root` already holds a finished data set.
    """
    with staged_episode(root, index) as folder:
        pixels = {}
        for camera in episode.embodiment.cameras:
            images = episode.images[camera.name]
            (folder / f"{camera.name}.mp4").write_bytes(encode(images, episode.embodiment.control_hz))
            pixels[camera.name] = ImageHistogram.of(images[sampled_frames(len(episode))])
        write_numbers(folder, episode, episode.embodiment, pixels)


@contextmanager
def staged_episode(root: str | Path, index: int) -> Iterator[Path]:
    """The folder of one episode, for one mp4 per camera and `write_numbers`; it is staged when the block ends.

    Raises:
        RecordingError: the disk is full. Nothing of this episode is left behind; the others are kept.
        PraxiaError: `root` already holds a finished data set.
    """
    root = Path(root)
    expect_unfinished(root)
    folder = root / STAGING / f"{EPISODE_PREFIX}{index:06d}"
    with out_of_space(root, f"writing episode {index}"), staged_folder(folder) as partial:
        yield partial


def expect_unfinished(root: Path) -> None:
    """Refuse a folder to which no episode can be added.

    Raises:
        PraxiaError: `root` already holds a finished data set.
    """
    if committed(root):
        raise PraxiaError(f"{root} already holds a finished data set; record into another --out folder")


def write_numbers(folder: Path, episode: Episode, embodiment: Embodiment, pixels: Mapping[str, ImageHistogram]) -> None:
    """Write what belongs beside the videos of an episode: its numbers and states and, last, its description.

    `pixels` has one entry for each mp4 in `folder`, the cameras of `embodiment`. Nothing of `episode.images` is read.
    """
    columns = frame_columns(episode)
    contents = {"frames.parquet": parquet_bytes(table(columns))}
    contents["states.parquet"] = parquet_bytes(_states(episode), "zstd")
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    files = [*contents, *(f"{camera}.mp4" for camera in pixels)]
    description = {
        "length": len(episode),
        "embodiment": content_key(embodiment.to_json()),
        "instruction": episode.instruction,
        "task": episode.task,
        "success": bool(episode.success.any()),
        "start": episode.start.to_json(),
        "provenance": dict(episode.provenance),
        "stats": {name: described for name, values in columns.items() if (described := describe_feature(values))},
        "pixels": {camera: found.to_json() for camera, found in pixels.items()},
        "files": {name: sha256_file(folder / name) for name in files},
    }
    if extras := extra_declarations(episode):
        description["extras"] = extras
    (folder / DESCRIPTION).write_bytes(json_bytes({"key": content_key(description), **description}))


def _states(episode: Episode) -> pa.Table:
    """One row per step; null if the simulator's state was not recorded."""
    snapshots = episode.snapshots or [None] * len(episode)
    return pa.table({"frame_index": np.arange(len(episode)), "state": pa.array(snapshots, pa.binary())})


def is_staged(root: Path, index: int) -> bool:
    """Whether the episode of that index is staged."""
    return (root / STAGING / f"{EPISODE_PREFIX}{index:06d}").is_dir()


def staged_indices(root: Path) -> list[int]:
    """The indices that are staged, in order, by the names of their folders."""
    return [StagedEpisode(folder).index for folder in sorted((root / STAGING).glob(f"{EPISODE_PREFIX}*"))]


def verify_staged(root: str | Path) -> list[int]:
    """The indices of intact staged episodes, in order, after every file was compared with its hash.

    Removes what a kill left half-written and episodes that lost bytes, so that those are recorded anew. Episodes that
    another process is staging stay.
    """
    staging = Path(root) / STAGING
    indices = []
    for folder in sorted(staging.glob(f"{EPISODE_PREFIX}*")):
        if StagedEpisode(folder).is_intact():
            indices.append(StagedEpisode(folder).index)
        else:
            shutil.rmtree(folder)
    remove_leftovers(staging)
    return indices
