"""Parquet files and Arrow tables of frames, laid out as LeRobot does: scalars for one dim, fixed-size lists for more,
and lists within lists for values of several axes.

Files are read so that only the calling thread touches Python objects. Arrow reads in threads of its own; one that holds
a Python object, such as a file that Python opened, when the interpreter exits ends the process: "terminate called
without an active exception", exit code 134, after all the work is done
(https://github.com/apache/arrow/issues/34314).
"""

import io
import math
import os
import weakref
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Shaped

from praxia.core.errors import DataError
from praxia.core.files import AnyPath, is_local
from praxia.core.types import ACTORS
from praxia.data.episode import Episode
from praxia.data.features import ACTOR, NOISE_KEY, extra_dtype, extra_key, stream_key

__all__ = [
    "MAX_VALUES",
    "count_rows",
    "frame_columns",
    "index_columns",
    "matrix",
    "native",
    "open_groups",
    "parquet_bytes",
    "table",
]

# The most numbers of one feature in one episode: the offsets of Arrow's lists, and of Parquet's readers, are int32.
MAX_VALUES = 2**31 - 2


def native(path: AnyPath) -> pa.NativeFile:
    """A file that Arrow's threads may read: a local one opened by Arrow, a remote one as bytes in Arrow's memory.

    Raises:
        OSError: it cannot be read.
    """
    if is_local(path):
        return pa.OSFile(os.fsencode(str(path)), "rb")
    memory = pa.BufferOutputStream()
    memory.write(path.read_bytes())
    return pa.BufferReader(memory.getvalue())


def count_rows(path: AnyPath) -> int:
    """How many rows a file has, by its footer; nothing else is read.

    Raises:
        OSError, pa.ArrowException: it cannot be read.
    """
    with path.open("rb") as file:
        return pq.ParquetFile(file).metadata.num_rows


def open_groups(path: AnyPath) -> pq.ParquetFile:
    """A file to read row groups from in the calling thread: with `read_row_group(..., use_threads=False)`.

    Raises:
        OSError, pa.ArrowException: it cannot be read.
    """
    source = native(path) if is_local(path) else path.open("rb")
    file = pq.ParquetFile(source, pre_buffer=False)  # other threads would do the prefetching
    weakref.finalize(file, source.close)
    return file


def frame_columns(episode: Episode) -> dict[str, np.ndarray]:
    """The recorded values of each step by feature: all that does not depend on the episode's index in the data set."""
    return {
        "observation.state": episode.state,
        **{stream_key(one.name): episode.streams[one.name] for one in episode.embodiment.streams},
        "action": episode.action,
        "action.executed": episode.executed_action,
        "next.reward": episode.reward,
        "next.success": episode.success,
        "next.terminated": episode.terminated,
        "next.truncated": episode.truncated,
        "next.done": episode.terminated | episode.truncated,
        **{extra_key(name): _numbers(values) for name, values in episode.extras.items()},
        **({ACTOR: np.array([ACTORS.index(one) for one in episode.actors])} if episode.actors else {}),
        **({NOISE_KEY: np.full(len(episode), episode.noise_key)} if episode.noise_key else {}),
    }


def _numbers(values: Shaped[np.ndarray, "N *D"]) -> Shaped[np.ndarray, "N E"]:
    """As they are stored, all dims of a step in one."""
    return values.reshape(len(values), -1).astype(extra_dtype(values))


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
    """An Arrow table, one row per frame.

    Raises:
        DataError: a column has more than `MAX_VALUES` numbers; recorders refuse a step before.
    """
    for name, values in columns.items():
        if values.size > MAX_VALUES:
            raise DataError(
                f"expected at most {MAX_VALUES} numbers of {name} in an episode, got {values.size} in {len(values)} "
                "frames; record shorter episodes"
            )
    return pa.table({name: _column(values) for name, values in columns.items()})


def _column(values: np.ndarray) -> pa.Array:
    if values.ndim == 1 or values.shape[1:] == (1,):
        return pa.array(values.reshape(len(values)))
    if values.ndim > 2:
        return _nested(pa.array(np.ascontiguousarray(values).ravel()), values.shape)
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(values).ravel()), values.shape[1])


def _nested(flat: pa.Array, shape: tuple[int, ...]) -> pa.Array:
    """Numbers as lists of lists, as the library `datasets` stores arrays of several axes."""
    for axis in range(len(shape) - 1, 0, -1):
        offsets = np.arange(0, math.prod(shape[: axis + 1]) + 1, shape[axis], dtype=np.int32)
        flat = pa.ListArray.from_arrays(pa.array(offsets), flat)
    return flat


def matrix(column: pa.ChunkedArray) -> Shaped[np.ndarray, "N D"]:
    """A column as one array with one row per frame, however its writer nested it."""
    if column.num_chunks < 2:
        return _numbers_of(column.combine_chunks()).reshape(len(column), -1)
    # Not combined, as the offsets of all chunks may not fit into those of one list.
    return np.concatenate([_numbers_of(chunk) for chunk in column.chunks]).reshape(len(column), -1)


def _numbers_of(flat: pa.Array) -> Shaped[np.ndarray, " V"]:
    while pa.types.is_list(flat.type) or pa.types.is_large_list(flat.type) or pa.types.is_fixed_size_list(flat.type):
        flat = flat.flatten()
    return flat.to_numpy(zero_copy_only=False)


def parquet_bytes(rows: pa.Table, compression: str = "snappy") -> bytes:
    """`rows` as a parquet file."""
    target = io.BytesIO()
    pq.write_table(rows, target, compression=compression)
    return target.getvalue()
