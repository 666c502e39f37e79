"""HDF5 files: opened, looked into and made, with errors that name file and array."""

import difflib
import io
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from praxia.core.errors import DataError, MissingPackage
from praxia.core.files import staged_file
from praxia.datatools.exchange.source import vectors

__all__ = ["Node", "array_names", "find", "new_file", "numbers", "opened"]

# A file, a group or an array of h5py: what lies behind a name is known only once it is looked up.
Node = Any


def _library() -> Any:
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise MissingPackage("reading and writing HDF5", "h5py", "hdf5") from error
    return h5py


@contextmanager
def opened(path: Path) -> Iterator[Node]:
    """The file, for reading.

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
    """`group[key]`, which must be there.

    Raises:
        DataError: it is not, with the nearest of what is; `kind` says what the file was taken for.
    """
    parent, _, name = key.rpartition("/")
    holder = find(group, parent, kind) if parent else group
    there = list(holder) if hasattr(holder, "keys") else []
    if name not in there:
        near = difflib.get_close_matches(name, there, n=1) or there[:1]
        raise DataError(
            f"{group.file.filename} has no {name!r} in {holder.name}, where {kind} has it; "
            f"nearest: {', '.join(near) or 'nothing'}. There: {', '.join(there) or 'nothing'}"
        )
    return holder[name]


def numbers(group: Node, key: str, kind: str) -> Shaped[np.ndarray, "N D"]:
    """An array as one row of finite numbers a step.

    Raises:
        DataError: it is not there, or not that.
    """
    found = find(group, key, kind)
    if not hasattr(found, "shape"):
        raise DataError(f"{group.file.filename}: expected an array at {found.name}, got a group")
    return vectors(found[()], f"{group.file.filename}{found.name}")


def array_names(group: Node) -> list[str]:
    """Every array below `group`, by its path from there."""
    found: list[str] = []
    group.visititems(lambda name, node: found.append(name) if hasattr(node, "shape") else None)
    return found


class Sink(io.RawIOBase):
    """The file that HDF5 writes to. Once something does not fit, nothing is written any more and `expect_room` says so.

    HDF5 itself crashes (SIGSEGV) when a file on a full disk is closed, so it is not told.
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
        left = memoryview(content).cast("B")
        try:
            while len(left) and self._full is None:
                left = left[self._file.write(left) :]
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
def new_file(path: Path) -> Iterator[tuple[Node, Sink]]:
    """A file to fill, which is at `path` when the block ends, and nowhere if it fails; and what it is written to.

    Raises:
        OSError: the disk is full.
        PraxiaError: another process is writing it, or h5py is not installed.
    """
    library = _library()
    with staged_file(path) as partial, closing(Sink(partial)) as sink:
        with library.File(sink, "w") as file:
            yield file, sink
        sink.expect_room()
