"""Files that are written whole: staged beside their place, synced, renamed."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from upath import UPath

__all__ = ["Place", "name_within", "sha256_file", "staged_folder", "sync_folder", "whole_lines", "write_whole"]

# A file here, or one that fsspec reaches.
Place = Path | UPath


def name_within(root: Place, path: Place) -> str:
    """The path of a file below `root`, with slashes."""
    return str(path).removeprefix(str(root)).lstrip("/")


def write_whole(path: Path, data: bytes | str) -> None:
    """`path` holds either its old content or all of `data`, whenever the power goes."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(path.parent)


def whole_lines(path: Path) -> list[str]:
    """The lines of a text file that is, or was, being appended to: without the last one where that is torn."""
    return [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


@contextmanager
def staged_folder(path: Path) -> Iterator[Path]:
    """An empty folder to fill, which becomes `path` when the block ends and vanishes if it fails.

    An older folder at `path` is replaced: between the two renames `path` is absent, never half.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    old = path.with_name(f".{path.name}.{os.getpid()}.old")
    partial.mkdir(parents=True)
    try:
        yield partial
        for file in partial.rglob("*"):
            if file.is_file():
                with file.open("rb") as handle:
                    os.fsync(handle.fileno())
        sync_folder(partial)
        if path.exists():
            path.rename(old)
        partial.rename(path)
        sync_folder(path.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def sync_folder(path: Path) -> None:
    """Make renames inside `path` durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256_file(path: Place) -> str:
    """The hexadecimal SHA-256 of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
