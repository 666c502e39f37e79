"""Parquet files, read so that only the calling thread ever touches a Python object.

Arrow reads in threads of its own. One that holds a Python object, such as a file that Python opened, when the
interpreter ends takes the process with it: "terminate called without an active exception", exit code 134, after all the
work is done (https://github.com/apache/arrow/issues/34314).
"""

import os
import weakref

import pyarrow as pa
import pyarrow.parquet as pq

from praxia.core.files import AnyPath, is_local

__all__ = ["count_rows", "native", "open_groups"]


def native(place: AnyPath) -> pa.NativeFile:
    """A file that Arrow's threads may read: on this machine Arrow's own, from elsewhere its bytes in Arrow's memory.

    Raises:
        OSError: it cannot be read.
    """
    if is_local(place):
        return pa.OSFile(os.fsencode(str(place)), "rb")
    memory = pa.BufferOutputStream()
    memory.write(place.read_bytes())
    return pa.BufferReader(memory.getvalue())


def count_rows(place: AnyPath) -> int:
    """How many rows a file has, by its footer: no more of it is read.

    Raises:
        OSError, pa.ArrowException: it cannot be read.
    """
    with place.open("rb") as file:
        return pq.ParquetFile(file).metadata.num_rows


def open_groups(place: AnyPath) -> pq.ParquetFile:
    """A file of which some row groups are read, by the calling thread: with `read_row_group(..., use_threads=False)`.

    Raises:
        OSError, pa.ArrowException: it cannot be read.
    """
    source = native(place) if is_local(place) else place.open("rb")
    file = pq.ParquetFile(source, pre_buffer=False)  # what is read ahead is read by other threads
    weakref.finalize(file, source.close)
    return file
