"""Output"""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from praxia.core.files import AnyPath, sha256_file
from praxia.data.layout import DATA_FILE_BYTES, VIDEO, place
from praxia.data.manifest import FileEntry
from praxia.datatools.edit.change import Change
from praxia.datatools.edit.source import SourceDataset

__all__ = ["Folder", "ParquetFiles", "take_over_videos"]


@dataclass
class Folder:
    """What is in it so far: by file its first and last episode, and the hashes that are known without reading."""

    root: Path
    episodes: dict[str, tuple[int, int]] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    bytes_linked: int = 0

    def take_over(
        self, source: SourceDataset, path: AnyPath, name: str, episodes: tuple[int, int] | None = None
    ) -> None:
        """A file of `source`, byte for byte, under another name: as a hard link, or a copy where that cannot be.

        Its recorded hash comes with it, so that what was altered before is still found to be.
        """
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if _linked(path, target):
            self.bytes_linked += target.stat().st_size
        else:
            with path.open("rb") as old, target.open("wb") as new:
                shutil.copyfileobj(old, new)
        if episodes is not None:
            self.contains(name, *episodes)
        if (entry := source.manifest.files.get(source.name(path))) is not None:
            self.hashes[name] = entry.sha256

    def contains(self, name: str, first: int, last: int) -> None:
        """File `name` holds these episodes, after what it is known to hold already."""
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
        """All files together."""
        return sum(path.stat().st_size for path in self.root.rglob("*") if path.is_file())


class ParquetFiles:
    """Parquet files numbered by `template`: a new one where rows would make it bigger than 100 MB in memory."""

    def __init__(self, folder: Folder, template: str, compression: str):
        self._folder, self._template, self._compression = folder, template, compression
        self._writer: pq.ParquetWriter | None = None
        self._size, self._number = 0, -1

    @property
    def _name(self) -> str:
        return self._template.format(**place(self._number))

    def add(self, rows: pa.Table, episodes: tuple[int, int], rows_a_group: int) -> dict[str, int]:
        """Write `rows` in groups of `rows_a_group`; where they went."""
        if self._writer is None or self._size + rows.nbytes > DATA_FILE_BYTES:
            self._writer = self._next(rows.schema)
        self._writer.write_table(rows, row_group_size=rows_a_group)
        self._size += rows.nbytes
        self._folder.contains(self._name, *episodes)
        return place(self._number)

    def take_over(self, source: SourceDataset, path: AnyPath, episodes: tuple[int, int]) -> dict[str, int]:
        """The next file is one of `source` as it is; where it went."""
        self.close()
        self._number += 1
        self._folder.take_over(source, path, self._name, episodes)
        return place(self._number)

    def _next(self, schema: pa.Schema) -> pq.ParquetWriter:
        self.close()
        self._number += 1
        self._size = 0
        path = self._folder.root / self._name
        path.parent.mkdir(parents=True, exist_ok=True)
        # Dictionaries of measured numbers only grow the file, and take three times as long as writing them plainly.
        options: dict[str, Any] = {
            "use_dictionary": ["timestamp", *(field.name for field in schema if not pa.types.is_floating(field.type))]
        }
        return pq.ParquetWriter(path, schema, compression=self._compression, **options)

    def close(self) -> None:
        """Finish the file under way, if there is one."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _linked(path: AnyPath, target: Path) -> bool:
    """Whether a hard link could be made: not to other disks, nor where the system or the owner forbids it."""
    try:
        os.link(os.path.realpath(str(path)), target)  # a link to a symbolic one would lead nowhere from here
    except OSError:
        return False
    return True


def take_over_videos(folder: Folder, change: Change, key: str) -> tuple[dict[str, Any], dict[str, int | None]]:
    """Every file of the video feature `key` (its old name) that a kept episode uses, numbered anew.

    Gives the columns chunk_index, file_index, from_timestamp and to_timestamp of the episode table, in seconds; and how
    many frames each file should have, which only the sources' episodes tell.
    """
    chunks, files, begins, ends = [], [], [], []
    frames, number = {}, 0
    for part in change.parts:
        due = part.source.video_frames(key)
        for file in part.source.videos(key):
            kept = part.within(int(file.episode[0]), int(file.episode[-1]))
            if len(kept) == 0:
                continue
            at = place(number)
            number += 1
            first = change.number(part) + int(kept[0])
            name = VIDEO.format(video_key=change.names.feature(key), **at)
            folder.take_over(part.source, file.path, name, (first, first + len(kept) - 1))
            frames[name] = due[file.path]
            chunks += [at["chunk_index"]] * len(kept)
            files += [at["file_index"]] * len(kept)
        table = part.source.table.select([f"videos/{key}/from_timestamp", f"videos/{key}/to_timestamp"])
        begin, end = (column.to_numpy()[part.episode] for column in table.columns)
        shifted = begin + part.begin / part.source.fps
        begins.append(shifted)
        ends.append(np.where(part.trimmed, shifted + part.length / part.source.fps, end))
    places = {"chunk_index": chunks, "file_index": files}
    places |= {"from_timestamp": np.concatenate(begins), "to_timestamp": np.concatenate(ends)}
    return places, frames
