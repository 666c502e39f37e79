"""Opens, reads and writes HDF5 files, with errors that name file and array."""

import difflib
import io
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from praxia.core.errors import DataError, optional_import
from praxia.core.files import staged_file
from praxia.datatools.exchange.source import as_rows

__all__ = ["Node", "array_names", "create_hdf5", "find", "open_hdf5", "read_rows"]

# A file, a group or an array of h5py: its type is known only at run time.
Node = Any


def _library() -> Any:
    with optional_import("reading and writing HDF5", "hdf5"):
        import h5py
    return h5py


@contextmanager
def open_hdf5(path: Path) -> Iterator[Node]:
    """Open the file for reading.

    Raises:
        PraxiaError: h5py is not installed.
        DataError: no such file, not HDF5, truncated, or damaged where it is read.
    """
    library = _library()
    if not path.is_file():
        raise DataError(f"expected an HDF5 file, but there is no file {path}")
    try:
        with library.File(path, "r") as file:
            yield file
    except (OSError, RuntimeError, KeyError) as error:
        raise DataError(f"{path} cannot be read as HDF5 ({error}); copy it again from where it came from") from error


def find(group: Node, key: str, kind: str) -> Any:
    """`group[key]`, which must exist.

    Raises:
        DataError: it does not, naming the nearest existing key; `kind` says what the file was expected to be.
    """
    parent, _, name = key.rpartition("/")
    holder = find(group, parent, kind) if parent else group
    available = list(holder) if hasattr(holder, "keys") else []
    if name not in available:
        near = difflib.get_close_matches(name, available, n=1) or available[:1]
        raise DataError(
            f"{group.file.filename} has no {name!r} in {holder.name}, where {kind} has it; "
            f"nearest: {', '.join(near) or 'nothing'}. Available: {', '.join(available) or 'nothing'}"
        )
    return holder[name]


def read_rows(group: Node, key: str, kind: str) -> Shaped[np.ndarray, "N D"]:
    """An array as one row of finite numbers per step.

    Raises:
        DataError: it does not exist, or is not numeric.
    """
    found = find(group, key, kind)
    if not hasattr(found, "shape"):
        raise DataError(f"{group.file.filename}: expected an array at {found.name}, got a group")
    return as_rows(found[()], f"{group.file.filename}{found.name}")


def array_names(group: Node) -> list[str]:
    """Every array below `group`, by its path from there."""
    found: list[str] = []
    group.visititems(lambda name, node: found.append(name) if hasattr(node, "shape") else None)
    return found


class GuardedFile(io.RawIOBase):
    """The file that HDF5 writes to. Once the disk is full it ignores writes, and `expect_room` raises.

    HDF5 crashes (SIGSEGV) if closing a file fails on a full disk, so errors are withheld from it.
    """

    def __init__(self, path: Path):
        self._file = path.open("wb+", buffering=0)
        self._full: OSError | None = None

    def expect_room(self) -> None:
        """Raises:
        OSError: the disk is full.
        """
        if self._full is not None:
            raise self._full

    def write(self, content: Any) -> int:
        remaining = memoryview(content).cast("B")
        try:
            while len(remaining) and self._full is None:
                remaining = remaining[self._file.write(remaining) :]
        except OSError as error:
            self._full = error
        return len(content)

    def readinto(self, into: Any) -> int:
        return self._file.readinto(into)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def truncate(self, size: int | None = None) -> int:
        return self._file.truncate(size) if self._full is None else 0

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def create_hdf5(path: Path) -> Iterator[tuple[Node, GuardedFile]]:
    """A file to fill, which appears at `path` when the block ends, or not at all if it fails; and its `GuardedFile`.

    Raises:
        OSError: the disk is full.
        PraxiaError: another process is writing it, or h5py is not installed.
    """
    library = _library()
    with staged_file(path) as partial, closing(GuardedFile(partial)) as sink:
        with library.File(sink, "w") as file:
            yield file, sink
        sink.expect_room()
