"""Files that roll over: many episodes a file, a new file when the next episode would make it too big."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from praxia.data.layout import place
from praxia.data.whole import sync

__all__ = ["RollingParquet", "groups_by_size"]

MEGABYTE = 1024 * 1024


class RollingParquet:
    """Parquet files named by `template`, one row group an episode, each of at most `limit_mb` before compression."""

    def __init__(self, root: Path, template: str, limit_mb: int, compression: str):
        self._root, self._template, self._limit, self._compression = root, template, limit_mb * MEGABYTE, compression
        self._writer: pq.ParquetWriter | None = None
        self._number, self._size = -1, 0

    def add(self, rows: pa.Table) -> dict[str, int]:
        """Append one episode; where it went."""
        if self._writer is None or self._size + rows.nbytes > self._limit:
            self._writer = self._next(rows.schema)
        self._writer.write_table(rows, row_group_size=max(1, rows.num_rows))
        self._size += rows.nbytes
        return place(self._number)

    def _next(self, schema: pa.Schema) -> pq.ParquetWriter:
        self.close()
        self._number, self._size = self._number + 1, 0
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return pq.ParquetWriter(self.path, schema, compression=self._compression)

    @property
    def path(self) -> Path:
        """The file that the last episode went to."""
        return self._root / self._template.format(**place(self._number))

    def close(self) -> None:
        """Finish the file under way and fsync it."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            sync(self.path)


def groups_by_size(sizes: Sequence[int], limit_mb: int) -> list[range]:
    """Consecutive runs of items whose sizes (bytes) add up to at most `limit_mb`, or hold one item alone."""
    groups, first, total = [], 0, 0
    for item, size in enumerate(sizes):
        if item > first and total + size > limit_mb * MEGABYTE:
            groups.append(range(first, item))
            first, total = item, 0
        total += size
    return [*groups, range(first, len(sizes))]
