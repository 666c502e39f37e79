"""Files that roll over: many episodes a file, a new file when the next episode would make it too big."""

import io
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from praxia.data.disk import write_synced
from praxia.data.layout import place

__all__ = ["RollingParquet", "groups_by_size"]


class RollingParquet:
    """Parquet files named by `template`, one row group an episode, each of at most `limit` bytes before compression.

    The file under way grows in memory and reaches the disk at once, when it is full or at `close`.
    """

    def __init__(self, root: Path, template: str, limit: int, compression: str):
        self._root, self._template, self._limit, self._compression = root, template, limit, compression
        self._writer: pq.ParquetWriter | None = None
        self._bytes, self._size = io.BytesIO(), 0
        self._number = -1

    def add(self, rows: pa.Table) -> dict[str, int]:
        """Append one episode; where it went."""
        if self._writer is None or self._size + rows.nbytes > self._limit:
            self._writer = self._next(rows.schema)
        self._writer.write_table(rows, row_group_size=max(1, rows.num_rows))
        self._size += rows.nbytes
        return place(self._number)

    def _next(self, schema: pa.Schema) -> pq.ParquetWriter:
        self.close()
        self._number += 1
        self._bytes, self._size = io.BytesIO(), 0
        return pq.ParquetWriter(self._bytes, schema, compression=self._compression)

    @property
    def path(self) -> Path:
        """The file that the last episode went to."""
        return self._root / self._template.format(**place(self._number))

    def close(self) -> None:
        """Write the file under way, if there is one."""
        if self._writer is None:
            return
        self._writer.close()
        write_synced(self.path, self._bytes.getbuffer())


def groups_by_size(sizes: Sequence[int], limit: int) -> list[range]:
    """Consecutive runs of items whose sizes (bytes) add up to at most `limit`, or hold one item alone."""
    groups, first, total = [], 0, 0
    for item, size in enumerate(sizes):
        if item > first and total + size > limit:
            groups.append(range(first, item))
            first, total = item, 0
        total += size
    return [*groups, range(first, len(sizes))]
