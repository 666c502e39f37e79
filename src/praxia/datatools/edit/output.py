"""The folder of a new data set while it is written: linked files, videos, and new parquet files."""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from praxia.core.files import AnyPath, sha256_file
from praxia.data.layout import DATA_FILE_BYTES, VIDEO, chunk_and_file
from praxia.data.manifest import FileEntry
from praxia.datatools.edit.change import Change
from praxia.datatools.edit.source import SourceDataset

__all__ = ["OutputFolder", "ParquetFiles", "link_videos"]


@dataclass
class OutputFolder:
    """A new data set so far: the first and last episode of each file, and hashes that are known without reading."""

    root: Path
    episodes: dict[str, tuple[int, int]] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    bytes_linked: int = 0

    def link(self, source: SourceDataset, path: AnyPath, name: str, episodes: tuple[int, int] | None = None) -> None:
        """Link or copy a file of `source` to `name`, byte for byte.

        Its recorded hash is kept, so that an earlier alteration is still detected.
        """
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if _hard_link(path, target):
            self.bytes_linked += target.stat().st_size
        else:
            with path.open("rb") as old, target.open("wb") as new:
                shutil.copyfileobj(old, new)
        if episodes is not None:
            self.add_episodes(name, *episodes)
        if (entry := source.manifest.files.get(source.name(path))) is not None:
            self.hashes[name] = entry.sha256

    def add_episodes(self, name: str, first: int, last: int) -> None:
        """Note that file `name` holds these episodes after those noted before."""
        self.episodes[name] = (self.episodes.get(name, (first, last))[0], last)

    def entries(self) -> dict[str, FileEntry]:
        """Every file as the manifest lists it."""
        files = {path.relative_to(self.root).as_posix(): path for path in self.root.rglob("*") if path.is_file()}
        return {
            name: FileEntry(path.stat().st_size, self.hashes.get(name) or sha256_file(path), self.episodes.get(name))
            for name, path in files.items()
        }

    @property
    def num_bytes(self) -> int:
        """The size of all files together."""
        return sum(path.stat().st_size for path in self.root.rglob("*") if path.is_file())


class ParquetFiles:
    """Parquet files numbered by `template`; a new one starts where rows would exceed 100 MB in memory."""

    def __init__(self, folder: OutputFolder, template: str, compression: str):
        self._folder, self._template, self._compression = folder, template, compression
        self._writer: pq.ParquetWriter | None = None
        self._size, self._number = 0, -1

    @property
    def _name(self) -> str:
        return self._template.format(**chunk_and_file(self._number))

    def add(self, rows: pa.Table, episodes: tuple[int, int], rows_per_group: int) -> dict[str, int]:
        """Write `rows` in groups of `rows_per_group`; returns the position of the file."""
        if self._writer is None or self._size + rows.nbytes > DATA_FILE_BYTES:
            self._writer = self._next(rows.schema)
        self._writer.write_table(rows, row_group_size=rows_per_group)
        self._size += rows.nbytes
        self._folder.add_episodes(self._name, *episodes)
        return chunk_and_file(self._number)

    def link(self, source: SourceDataset, path: AnyPath, episodes: tuple[int, int]) -> dict[str, int]:
        """Use a file of `source` as the next file; returns its position."""
        self.close()
        self._number += 1
        self._folder.link(source, path, self._name, episodes)
        return chunk_and_file(self._number)

    def _next(self, schema: pa.Schema) -> pq.ParquetWriter:
        self.close()
        self._number += 1
        self._size = 0
        path = self._folder.root / self._name
        path.parent.mkdir(parents=True, exist_ok=True)
        # Dictionaries of measured numbers only enlarge the file, and take three times as long to write.
        options: dict[str, Any] = {
            "use_dictionary": ["timestamp", *(field.name for field in schema if not pa.types.is_floating(field.type))]
        }
        return pq.ParquetWriter(path, schema, compression=self._compression, **options)

    def close(self) -> None:
        """Finish the open file, if any."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _hard_link(path: AnyPath, target: Path) -> bool:
    """Try to make a hard link; False across disks, or where the system or the owner forbids it."""
    try:
        os.link(os.path.realpath(str(path)), target)  # a hard link to a relative symbolic link would be broken here
    except OSError:
        return False
    return True


def link_videos(folder: OutputFolder, change: Change, key: str) -> tuple[dict[str, Any], dict[str, int | None]]:
    """Link every file of the video feature `key` (its old name) that a kept episode uses, with new numbers.

    Returns the columns chunk_index, file_index, from_timestamp and to_timestamp of the episode table, in seconds, and
    the number of frames of each file, which only the episodes of the sources tell.
    """
    chunks, files, begins, ends = [], [], [], []
    frames, number = {}, 0
    for part in change.parts:
        num_frames = part.source.metadata.video_frame_counts(key)
        for file in part.source.metadata.video_files(key):
            kept = part.within(int(file.episode[0]), int(file.episode[-1]))
            if len(kept) == 0:
                continue
            at = chunk_and_file(number)
            number += 1
            first = change.number(part) + int(kept[0])
            name = VIDEO.format(video_key=change.names.feature(key), **at)
            folder.link(part.source, file.path, name, (first, first + len(kept) - 1))
            frames[name] = num_frames[file.path]
            chunks += [at["chunk_index"]] * len(kept)
            files += [at["file_index"]] * len(kept)
        table = part.source.table.select([f"videos/{key}/from_timestamp", f"videos/{key}/to_timestamp"])
        begin, end = (column.to_numpy()[part.episode] for column in table.columns)
        shifted = begin + part.begin / part.source.fps
        begins.append(shifted)
        ends.append(np.where(part.trimmed, shifted + part.length / part.source.fps, end))
    columns = {"chunk_index": chunks, "file_index": files}
    columns |= {"from_timestamp": np.concatenate(begins), "to_timestamp": np.concatenate(ends)}
    return columns, frames
