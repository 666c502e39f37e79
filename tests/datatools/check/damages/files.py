"""Damage to the bytes of any file."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

Files = dict[str, bytes]


def any_of(files: Files, rng: np.random.Generator) -> str:
    """A file, drawn by kind first, because most bytes are in a few of them."""
    groups = sorted({name.split("/")[0] + Path(name).suffix for name in files})
    group = groups[rng.integers(len(groups))]
    names = [name for name in files if name.split("/")[0] + Path(name).suffix == group]
    return names[rng.integers(len(names))]


def one_of(files: Files, prefix: str, rng: np.random.Generator) -> str:
    names = [name for name in files if name.startswith(prefix)]
    return names[rng.integers(len(names))]


def truncate(files: Files, rng: np.random.Generator) -> None:
    name = any_of(files, rng)
    files[name] = files[name][: rng.integers(len(files[name]))]


def empty(files: Files, rng: np.random.Generator) -> None:
    files[any_of(files, rng)] = b""


def remove(files: Files, rng: np.random.Generator) -> None:
    del files[any_of(files, rng)]


def flip(files: Files, rng: np.random.Generator, prefix: str = "") -> None:
    """Flip 1 to 64 bits, mostly few, anywhere or close together."""
    name = one_of(files, prefix, rng) if prefix else any_of(files, rng)
    data = bytearray(files[name])
    count = 2 ** int(rng.integers(7))
    near = int(rng.integers(len(data)))
    for _ in range(count):
        at = int(rng.integers(len(data))) if rng.random() < 0.5 else (near + int(rng.integers(64))) % len(data)
        data[at] ^= 1 << int(rng.integers(8))
    files[name] = bytes(data)


def flip_video(files: Files, rng: np.random.Generator) -> None:
    flip(files, rng, "videos/")


def flip_rows(files: Files, rng: np.random.Generator) -> None:
    flip(files, rng, "data/")


def overwrite(files: Files, rng: np.random.Generator) -> None:
    """A block of zeros or noise, as from a bad sector."""
    name = any_of(files, rng)
    data = bytearray(files[name])
    at, size = int(rng.integers(len(data))), int(rng.integers(1, 4096))
    size = min(size, len(data) - at)
    data[at : at + size] = bytes(size) if rng.random() < 0.5 else rng.bytes(size)
    files[name] = bytes(data)


def exchange(files: Files, rng: np.random.Generator) -> None:
    """Swap two videos, of one camera or of two."""
    one, other = one_of(files, "videos/", rng), one_of(files, "videos/", rng)
    files[one], files[other] = files[other], files[one]


def rewrite(files: Files, name: str, change: Callable[[pa.Table], pa.Table]) -> None:
    target = io.BytesIO()
    pq.write_table(change(pq.read_table(io.BytesIO(files[name]))), target)
    files[name] = target.getvalue()


def with_column(rows: pa.Table, column: str, values: object) -> pa.Table:
    values = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)
    return rows.set_column(rows.column_names.index(column), column, values)
