"""The one pass over staged episodes: it writes data, state and video files and gathers statistics."""

import io
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from praxia.core.embodiment import Embodiment
from praxia.data.feature_statistics import describe_feature, in_shape
from praxia.data.features import UNSAID, stream_key
from praxia.data.layout import (
    DATA,
    DATA_FILE_BYTES,
    STATES,
    VIDEO,
    VIDEO_FILE_BYTES,
    chunk_and_file,
    image_key,
    write_synced,
)
from praxia.data.parquet import index_columns, matrix, table
from praxia.data.staging import StagedEpisode
from praxia.data.video import concatenate
from praxia.statistics.images import ImageHistogram
from praxia.statistics.running import FeatureStats, RunningStats

__all__ = ["Merged", "RollingParquet", "groups_by_size", "merge"]


@dataclass
class Merged:
    """The result: per episode the files of its rows and images and its statistics, per file its episodes."""

    lengths: list[int] = field(default_factory=list)
    instructions: list[str] = field(default_factory=list)
    data_files: list[dict[str, int]] = field(default_factory=list)
    video_files: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    episode_stats: list[dict[str, FeatureStats]] = field(default_factory=list)
    stats: dict[str, FeatureStats] = field(default_factory=dict)
    episodes_in_file: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add_to_file(self, root: Path, path: Path, episode: int) -> None:
        name = path.relative_to(root).as_posix()
        first, _ = self.episodes_in_file.get(name, (episode, episode))
        self.episodes_in_file[name] = (first, episode)


def merge(root: Path, episodes: Sequence[StagedEpisode], embodiment: Embodiment) -> Merged:
    """Write everything that has one entry per frame."""
    merged = Merged()
    cameras = [camera.name for camera in embodiment.cameras]
    gathered = _numbers(root, episodes, merged, embodiment.control_hz)
    for camera in cameras:
        _videos(root, episodes, camera, merged, embodiment.control_hz)
    pixels = {camera: [episode.pixels(camera) for episode in episodes] for camera in cameras}
    for number in range(len(episodes)):
        merged.episode_stats[number] |= {image_key(name): parts[number].describe() for name, parts in pixels.items()}
    shapes = {stream_key(one.name): one.shape for one in embodiment.streams}
    merged.stats = {
        name: in_shape(statistics.describe(), shapes.get(name, ())) for name, statistics in gathered.items()
    } | {image_key(name): ImageHistogram.total(parts).describe() for name, parts in pixels.items()}
    return merged


def _numbers(root: Path, episodes: Sequence[StagedEpisode], merged: Merged, fps: float) -> dict[str, RunningStats]:
    gathered: dict[str, RunningStats] = defaultdict(RunningStats)
    data = RollingParquet(root, DATA, DATA_FILE_BYTES, "snappy")
    states = RollingParquet(root, STATES, DATA_FILE_BYTES, "zstd")
    first = 0
    said = [name for name in UNSAID if any(name in one.description.get("extras", {}) for one in episodes)]
    for number, episode in enumerate(episodes):
        length, instruction = episode.description["length"], episode.description["instruction"]
        if instruction not in merged.instructions:
            merged.instructions.append(instruction)
        index = index_columns(number, first, length, merged.instructions.index(instruction), fps)
        frames = episode.frames()
        unsaid = {name: np.full(length, UNSAID[name]) for name in said if name not in frames.column_names}
        # In one order, whichever of them an episode has.
        own_columns = [name for name in frames.column_names if name not in said]
        rows = _beside(frames, table({**unsaid, **index})).select([*own_columns, *said, *index])
        state = _beside(pa.table({"episode_index": np.full(length, number)}), episode.states())
        merged.data_files.append(data.add(rows))
        states.add(state)
        merged.add_to_file(root, data.path, number)
        merged.add_to_file(root, states.path, number)
        merged.lengths.append(length)
        own = {name: found for name, one in {**unsaid, **index}.items() if (found := describe_feature(one))}
        merged.episode_stats.append(episode.description["stats"] | own)
        for name in rows.column_names:
            if name in merged.episode_stats[number]:
                gathered[name].add(matrix(rows[name]))
        first += length
    data.close()
    states.close()
    return gathered


def _beside(left: pa.Table, right: pa.Table) -> pa.Table:
    return pa.table({name: rows[name] for rows in (left, right) for name in rows.column_names})


def _videos(root: Path, episodes: Sequence[StagedEpisode], camera: str, merged: Merged, fps: float) -> None:
    key = image_key(camera)
    sizes = [episode.video(camera).stat().st_size for episode in episodes]
    files = merged.video_files[key] = []
    for file, group in enumerate(groups_by_size(sizes, VIDEO_FILE_BYTES)):
        path = root / VIDEO.format(video_key=key, **chunk_and_file(file))
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as target:
            count = concatenate([episodes[number].video(camera) for number in group], target, fps)
            target.flush()
            os.fsync(target.fileno())
        first = 0
        for number in group:
            last = first + merged.lengths[number]
            files.append({**chunk_and_file(file), "from_timestamp": first / fps, "to_timestamp": last / fps})
            merged.add_to_file(root, path, number)
            first = last
        assert first == count, f"{path} has {count} frames, its episodes have {first}"


class RollingParquet:
    """Parquet files named by `template`, one row group per episode, each of at most `limit` bytes before compression.

    The current file grows in memory and is written at once, when it is full or at `close`.
    """

    def __init__(self, root: Path, template: str, limit: int, compression: str):
        self._root, self._template, self._limit, self._compression = root, template, limit, compression
        self._writer: pq.ParquetWriter | None = None
        self._bytes, self._size = io.BytesIO(), 0
        self._number = -1

    def add(self, rows: pa.Table) -> dict[str, int]:
        """Append one episode; returns the chunk and file index."""
        if self._writer is None or self._size + rows.nbytes > self._limit:
            self._writer = self._next(rows.schema)
        self._writer.write_table(rows, row_group_size=max(1, rows.num_rows))
        self._size += rows.nbytes
        return chunk_and_file(self._number)

    def _next(self, schema: pa.Schema) -> pq.ParquetWriter:
        self.close()
        self._number += 1
        self._bytes, self._size = io.BytesIO(), 0
        return pq.ParquetWriter(self._bytes, schema, compression=self._compression)

    @property
    def path(self) -> Path:
        """The file of the last episode."""
        return self._root / self._template.format(**chunk_and_file(self._number))

    def close(self) -> None:
        """Write the current file, if there is one."""
        if self._writer is None:
            return
        self._writer.close()
        write_synced(self.path, self._bytes.getbuffer())


def groups_by_size(sizes: Sequence[int], limit: int) -> list[range]:
    """Consecutive groups of items whose sizes (bytes) add up to at most `limit`, or of one item."""
    groups, first, total = [], 0, 0
    for item, size in enumerate(sizes):
        if item > first and total + size > limit:
            groups.append(range(first, item))
            first, total = item, 0
        total += size
    return [*groups, range(first, len(sizes))]
