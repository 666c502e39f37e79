"""The folder that a new data set grows in: files taken over as they are, and parquet files written anew."""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from praxia.core.files import AnyPath, sha256_file
from praxia.data.layout import DATA_FILE_BYTES, place
from praxia.data.manifest import FileEntry
from praxia.datatools.edit.source import SourceDataset

__all__ = ["Folder", "ParquetFiles"]


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
