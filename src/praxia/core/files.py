"""Paths, and files that are written atomically: staged beside their path, synced, renamed."""

import glob
import hashlib
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeGuard

from upath import UPath

from praxia.core.lock import Lock

__all__ = [
    "AnyPath",
    "complete_lines",
    "expand_home",
    "is_local",
    "relative_name",
    "remove_leftovers",
    "sha256_file",
    "split_paths",
    "staged_file",
    "staged_folder",
    "sync_file",
    "sync_folder",
    "write_atomic",
]

LOG = logging.getLogger(__name__)

# `.NAME.partial` is being written, and `.NAME.old` is what it replaces.
PARTIAL, OLD = ".partial", ".old"

# A local file, or one that fsspec reaches.
AnyPath = Path | UPath


def is_local(path: AnyPath) -> TypeGuard[Path]:
    """Whether it is a path on this machine's disks, not one that fsspec reaches."""
    return isinstance(path, Path) and not isinstance(path, UPath)


def relative_name(root: AnyPath, path: AnyPath) -> str:
    """The path of a file below `root`, with slashes."""
    return str(path).removeprefix(str(root)).lstrip("/")


def split_paths(text: str) -> list[str]:
    """The paths in "A,B". A path that exists counts as one even if it holds commas, the longest such path first."""
    pieces, paths = text.split(","), []
    while pieces:
        joined = [",".join(pieces[:count]) for count in range(len(pieces), 1, -1)]
        path = next((path for path in joined if os.path.lexists(expand_home(path))), pieces[0])
        paths.append(path)
        pieces = pieces[path.count(",") + 1 :]
    return paths


def expand_home(text: str) -> str:
    """`text` with its leading "~" expanded: a shell leaves it in "A,~/B", and nothing expands it in a file."""
    return os.path.expanduser(text) if text.startswith("~") and not Path(text).exists() else text


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write a file that has either its old or its new content, even after a power cut. Several writers take turns."""
    with _unfinished(path, wait=True) as partial:
        with partial.open("wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync_folder(path.parent)


@contextmanager
def staged_file(path: Path) -> Iterator[Path]:
    """A path to write a file at, which is moved to `path` when the block ends, and removed if it fails.

    Raises:
        PraxiaError: another process is writing it.
    """
    with _unfinished(path) as partial:
        yield partial
        sync_file(partial)
        partial.replace(path)
        sync_folder(path.parent)


def complete_lines(path: Path) -> list[str]:
    """The lines of a text file that is being appended to, without an incomplete last one."""
    return [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


@contextmanager
def staged_folder(path: Path) -> Iterator[Path]:
    """An empty folder to fill, which becomes `path` when the block ends and vanishes if it fails.

    An older folder at `path` is replaced: between the two renames `path` is absent, never incomplete, and the next
    writer of `path` restores the older one if the process was killed there.

    Raises:
        PraxiaError: another process is writing it.
    """
    with _unfinished(path) as partial:
        partial.mkdir()
        yield partial
        for file in partial.rglob("*"):
            if file.is_file():
                sync_file(file)
        sync_folder(partial)
        if path.exists():
            path.rename(partial.with_suffix(OLD))
        partial.rename(path)
        sync_folder(path.parent)


@contextmanager
def _unfinished(path: Path, *, wait: bool = False) -> Iterator[Path]:
    """The partial path at which this process alone writes `path`; leftovers of killed writers are cleaned up.

    Raises:
        PraxiaError: another process is writing `path`, and `wait` is not set.
    """
    partial = path.with_name(f".{path.name}{PARTIAL}")
    with _writing(partial, wait=wait):
        _warn(path.parent, _clean_up(partial))
        try:
            yield partial
        finally:
            _clean_up(partial)


def _writing(partial: Path, *, wait: bool = False) -> Lock:
    """The lock for writing `.NAME.partial` and `.NAME.old`."""
    return Lock(partial.with_suffix(f"{PARTIAL}.lock"), _target(partial), wait=wait)


def _target(partial: Path) -> Path:
    return partial.with_name(partial.stem.removeprefix("."))


def remove_leftovers(folder: Path, name: str = "") -> None:
    """Clean up what killed writers left in `folder`: files and folders `.NAME.*` that no process is writing.

    A warning lists what was found.
    """
    found, pattern = [], f".{glob.escape(name)}.*" if name else ".*"
    for path in sorted(folder.glob(pattern)):
        if path.suffix in (PARTIAL, OLD) and (lock := _writing(path)).try_acquire():
            found += _clean_up(path)
            lock.release()
    for path in folder.glob(f"{pattern}.lock"):
        if (lock := Lock(path, path)).try_acquire():
            lock.release()
    _warn(folder, found)


def _clean_up(leftover: Path) -> list[str]:
    """Remove an unfinished file or folder, and restore what it did not replace yet. Returns what was done."""
    target, partial, old = _target(leftover), leftover.with_suffix(PARTIAL), leftover.with_suffix(OLD)
    done = []
    if old.exists() and not target.exists():
        old.rename(target)
        done.append(f"{target.name} was restored")
    for path in (partial, old):
        if path.exists():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            done.append(f"{path.name} was removed")
    return done


def _warn(folder: Path, found: list[str]) -> None:
    if found:
        LOG.warning("%s: a writer was killed here; %s", folder, ", ".join(found))


def sync_file(path: Path) -> None:
    """Make the content of a file durable."""
    with path.open("rb") as handle:
        os.fsync(handle.fileno())


def sync_folder(path: Path) -> None:
    """Make renames inside `path` durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256_file(path: AnyPath) -> str:
    """The hexadecimal SHA-256 of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
