"""HDF5 files: opened, looked into and made, with errors that name file and array."""

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from praxia.core.errors import DataError, MissingPackage
from praxia.core.files import staged_file
from praxia.data.exchange.source import vectors

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


@contextmanager
def new_file(path: Path) -> Iterator[Node]:
    """A file to fill, which is at `path` when the block ends, and nowhere if it fails.

    Raises:
        PraxiaError: another process is writing it, or h5py is not installed.
    """
    with staged_file(path) as partial, _library().File(partial, "w") as file:
        yield file
