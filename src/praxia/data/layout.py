"""The files of a LeRobot v3.0 (or v2.1) data set: their paths, their largest sizes, and writing them."""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from praxia.core.errors import RecordingError
from praxia.core.files import AnyPath

__all__ = [
    "CODEBASE_VERSION",
    "CODEBASE_VERSIONS",
    "DATA",
    "DATA_FILE_BYTES",
    "EMBODIMENT",
    "EPISODES",
    "EPISODE_LINES",
    "EPISODE_PREFIX",
    "EPISODE_STATS_LINES",
    "FILES_PER_CHUNK",
    "INFO",
    "LIVE_PREFIX",
    "MANIFEST",
    "MEGABYTE",
    "PLAN",
    "RECORDS",
    "STAGING",
    "STATES",
    "STATS",
    "TASKS",
    "TASK_LINES",
    "VIDEO",
    "VIDEO_FILE_BYTES",
    "VIDEO_FRAMES",
    "chunk_and_file",
    "committed",
    "image_key",
    "json_bytes",
    "num_staged",
    "out_of_space",
    "parquet_files",
    "write_synced",
]

CODEBASE_VERSION = "v3.0"
# The versions that can be read; those before v3.0 have one file per episode.
CODEBASE_VERSIONS = (CODEBASE_VERSION, "v2.1", "v2.0")
FILES_PER_CHUNK = 1000
MEGABYTE = 1024 * 1024
DATA_FILE_BYTES = 100 * MEGABYTE
VIDEO_FILE_BYTES = 200 * MEGABYTE

INFO = "meta/info.json"
STATS = "meta/stats.json"
TASKS = "meta/tasks.parquet"
EPISODES = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
DATA = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
# In info.json of an edited data set without hashes: how many frames each video has (null: any number).
VIDEO_FRAMES = "video_frames"
VIDEO = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"

# v2.1
TASK_LINES = "meta/tasks.jsonl"
EPISODE_LINES = "meta/episodes.jsonl"
EPISODE_STATS_LINES = "meta/episodes_stats.jsonl"

STATES = "praxia/states/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
RECORDS = "praxia/episodes.jsonl"
EMBODIMENT = "praxia/embodiment.json"
PLAN = "praxia/plan.json"
MANIFEST = "praxia/manifest.json"

STAGING = ".staging"
EPISODE_PREFIX = "episode-"
LIVE_PREFIX = "live-"


def committed(root: AnyPath) -> bool:
    """Whether `root` holds a finished data set: `info.json` is written last."""
    return (root / INFO).is_file()


def chunk_and_file(number: int) -> dict[str, int]:
    """The chunk and file index of file number `number` of a kind."""
    chunk, file = divmod(number, FILES_PER_CHUNK)
    return {"chunk_index": chunk, "file_index": file}


def image_key(camera: str) -> str:
    """The feature that holds the images of `camera`."""
    return f"observation.images.{camera}"


def parquet_files(folder: AnyPath) -> list[AnyPath]:
    """The parquet files of `data/` or `meta/episodes/`, in the order of their names, as LeRobot reads them.

    Hidden files are not data: macOS leaves a `._file-000.parquet` beside each file that it copies to another disk.
    """
    return sorted((path for path in folder.glob("*/*.parquet") if not path.name.startswith(".")), key=str)


def num_staged(root: AnyPath) -> int:
    """How many episodes are staged in `root`."""
    return sum(1 for _ in (root / STAGING).glob(f"{EPISODE_PREFIX}*"))


def json_bytes(value: Any) -> bytes:
    """`value` as readable JSON, keys in the order given. Refuses NaN and infinity."""
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def write_synced(path: Path, data: bytes | memoryview) -> None:
    """Write and fsync, creating parent folders: for files that count only once `info.json` exists."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def out_of_space(root: Path, doing: str) -> Iterator[None]:
    """Turn a full disk (or quota) into a RecordingError that says what was kept and how to continue."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise RecordingError(
            f"no space left on the disk of {root} while {doing}; kept: {num_staged(root)} staged episodes there. "
            "Free some space and run the same command again with --resume"
        ) from error
