"""Parquet files and Arrow tables."""

import io
import os
import weakref
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Shaped

from praxia.core.files import AnyPath, is_local
from praxia.data.episode import Episode

__all__ = ["count_rows", "frame_columns", "index_columns", "matrix", "native", "open_groups", "parquet_bytes", "table"]


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


def frame_columns(episode: Episode) -> dict[str, np.ndarray]:
    """What was recorded at each step, by feature: all that does not depend on the episode's place in the data set."""
    return {
        "observation.state": episode.state,
        "action": episode.action,
        "action.executed": episode.executed_action,
        "next.reward": episode.reward,
        "next.success": episode.success,
        "next.terminated": episode.terminated,
        "next.truncated": episode.truncated,
        "next.done": episode.terminated | episode.truncated,
    }


def index_columns(episode: int, first: int, length: int, task: int, fps: float) -> dict[str, np.ndarray]:
    """The columns LeRobot always has. Times are frame counts over `fps`, in seconds from the episode's start."""
    steps = np.arange(length)
    return {
        "timestamp": (steps / fps).astype(np.float32),
        "frame_index": steps,
        "episode_index": np.full(length, episode),
        "index": first + steps,
        "task_index": np.full(length, task),
    }


def table(columns: Mapping[str, Shaped[np.ndarray, "N *D"]]) -> pa.Table:
    """An arrow table, one row a frame."""
    return pa.table({name: _column(values) for name, values in columns.items()})


def _column(values: np.ndarray) -> pa.Array:
    if values.ndim == 1 or values.shape[1] == 1:
        return pa.array(values.reshape(len(values)))
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(values).ravel()), values.shape[1])


def matrix(column: pa.ChunkedArray) -> Shaped[np.ndarray, "N D"]:
    """A column as one array with one row a frame, whichever way its writer nested it."""
    flat = column.combine_chunks()
    while pa.types.is_list(flat.type) or pa.types.is_large_list(flat.type) or pa.types.is_fixed_size_list(flat.type):
        flat = flat.flatten()
    return flat.to_numpy(zero_copy_only=False).reshape(len(column), -1)


def parquet_bytes(rows: pa.Table, compression: str = "snappy") -> bytes:
    """`rows` as a parquet file."""
    target = io.BytesIO()
    pq.write_table(rows, target, compression=compression)
    return target.getvalue()
