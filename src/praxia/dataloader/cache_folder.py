"""Where decoded images are kept: a folder per data set, found by its content, and one cap for all of them.

`ROOT/cap.json`                     the cap, decided when the folder is made
`ROOT/KEY/data_set.json`            where data sets of this content were last seen
`ROOT/KEY/in_use.lock`              locked by every process that reads the images
`ROOT/KEY/CAMERA/SIZE-IMAGES.*`     the images of one camera at one size (`block_cache`)
"""

import errno
import fcntl
import json
import os
import shutil
import weakref
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from praxia.core.keys import content_key
from praxia.core.lock import is_at
from praxia.data.dataset import Dataset

__all__ = [
    "OLD_CACHE",
    "ROW",
    "SUFFIXES",
    "CachedDataset",
    "Hold",
    "cache_key",
    "cached_datasets",
    "cap_bytes",
    "disk_bytes",
    "known_cap_bytes",
    "old_cache_files",
    "remove_old_cache",
]

CAP, RECORD, IN_USE = "cap.json", "data_set.json", "in_use.lock"
# The files of one camera at one size, and a row of its table: one per block.
SUFFIXES = (".lock", ".fill", ".rgb", ".table")
ROW = np.dtype([("held", np.uint8), ("checksum", np.uint32), ("used_s", np.uint32)])

# Of the free disk, what the cache takes unless `--cache-gb` says more.
SHARE = 0.1
# Where versions before this one kept images, in the data set's own folder.
OLD_CACHE = ".cache"
# How often another process may remove the folder while a file is made in it.
ATTEMPTS = 100


class Hold:
    """A shared lock on a data set's images: no process removes them until it is released.

    It ends with the process and its forks.

    Raises:
        OSError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path):
        self._end = weakref.finalize(self, os.close, _locked(folder / IN_USE))

    def release(self) -> None:
        self._end()


def _locked(path: Path) -> int:
    """The open file at `path` with a shared lock; made again if another process removes it meanwhile."""
    for _ in range(ATTEMPTS):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_SH)
        except OSError:
            os.close(file)
            raise
        if is_at(file, path):
            return file
        os.close(file)
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(path))


@dataclass(frozen=True)
class CachedDataset:
    """The folder with the decoded images of one data set, wherever copies of it lie."""

    folder: Path

    @property
    def paths(self) -> tuple[str, ...]:
        """Where data sets of this content were seen, the last one last; empty if that is not recorded."""
        return tuple(_read(self.folder / RECORD).get("seen", {}))

    @property
    def num_bytes(self) -> int:
        """The bytes of disk that its images take."""
        return sum(disk_bytes(path) for path in self.folder.glob("*/*.rgb"))

    @property
    def last_used_s(self) -> int:
        """When an image was last read or added (seconds since 1970), 0 if never."""
        return max((_last_used_s(path) for path in self.folder.glob("*/*.table")), default=0)

    @property
    def is_in_use(self) -> bool:
        """Whether a living process has it open."""
        try:
            file = os.open(self.folder / IN_USE, os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(file)
        return False

    def note(self, path: str, camera: str, times: str) -> bool:
        """Record that a data set of this content is at `path`; returns whether `path` is new here.

        `times` is a text that changes with the files' times. Where they have changed at the same path, the samples that
        the key covers may have missed what was altered, so the images of the camera are decoded anew.

        Raises:
            OSError: the folder cannot be made or written.
        """
        hold = Hold(self.folder)
        file = os.open(self.folder / RECORD, os.O_CREAT | os.O_RDWR, 0o666)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            seen = dict(_read(self.folder / RECORD).get("seen", {}))
            known = seen.pop(path, {})
            if known.get(camera, times) != times:
                for one in (self.folder / camera).glob("*"):
                    one.unlink(missing_ok=True)  # processes that have it open go on reading
            if not known or known.get(camera) != times or seen:
                content = json.dumps({"seen": {**seen, path: {**known, camera: times}}}).encode()
                os.ftruncate(file, 0)
                os.pwrite(file, content, 0)
            return not known
        finally:
            os.close(file)
            hold.release()

    def remove(self) -> bool:
        """Remove it; False if a living process uses it.

        Raises:
            OSError: it belongs to another user, or lies on a read-only disk.
        """
        lock = self.folder / IN_USE
        try:
            file = os.open(lock, os.O_CREAT | os.O_RDWR, 0o666)
        except FileNotFoundError:  # another process has removed it
            return True
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            if not is_at(file, lock):
                return True
            for path in self.folder.iterdir():
                if path.is_dir():
                    shutil.rmtree(path)
                elif path != lock:
                    path.unlink()
            lock.unlink()  # last: a process that waits for it finds it gone and makes a new folder
        finally:
            os.close(file)
        with suppress(OSError):  # another process has made it again
            self.folder.rmdir()
        return True


def cache_key(dataset: Dataset) -> str:
    """The name of a data set's folder: a copy of it has the same, other content another.

    It comes from `content_sha256`, or of another writer's data set from `sampled_sha256`.
    """
    return content_key(["content" if dataset.content_sha256 else "sampled", dataset.content_hash])


def cached_datasets(root: Path) -> Iterator[CachedDataset]:
    """What `root` has, longest unused first; older versions left no lock there, and no record."""
    folders = {path.parent for path in root.glob(f"*/{IN_USE}")} | {path.parents[1] for path in root.glob("*/*/*.rgb")}
    found = [CachedDataset(folder) for folder in folders]
    return iter(sorted(found, key=lambda one: (one.last_used_s, one.folder.name)))


def cap_bytes(root: Path) -> int:
    """The bytes that all data sets together may take: a tenth of what was free when `root` was made.

    Raises:
        OSError: `root` cannot be made or written.
    """
    cap = known_cap_bytes(root)
    if cap is None:
        root.mkdir(parents=True, exist_ok=True)
        cap = int(shutil.disk_usage(root).free * SHARE)
        (root / CAP).write_text(json.dumps({"cap_bytes": cap}))
    return cap


def known_cap_bytes(root: Path) -> int | None:
    """The cap of `root`; None if nothing was ever kept there."""
    cap = _read(root / CAP).get("cap_bytes")
    return cap if isinstance(cap, int) else None


def disk_bytes(path: Path) -> int:
    """The bytes of disk that a file takes, without its holes; 0 if it is gone."""
    try:
        return path.stat().st_blocks * 512
    except FileNotFoundError:  # removed by another process
        return 0


def old_cache_files(root: Path) -> list[Path]:
    """The images that older versions kept in a data set's folder; nothing else that lies in its `.cache`."""
    images = [path for pattern in ("*.rgb", "*/*.rgb") for path in (root / OLD_CACHE).glob(pattern)]
    files = [path.with_suffix(suffix) for path in images for suffix in SUFFIXES]
    return sorted({path for path in files if path.is_file()})


def remove_old_cache(root: Path) -> int:
    """Remove `old_cache_files` and the folders that are then empty; returns the bytes of disk that they took.

    Raises:
        OSError: they belong to another user, or lie on a read-only disk.
    """
    files = old_cache_files(root)
    freed = sum(disk_bytes(path) for path in files)
    for path in files:
        path.unlink(missing_ok=True)
    for folder in sorted({path.parent for path in files} | {root / OLD_CACHE}, reverse=True):
        with suppress(OSError):  # it holds what is not ours
            folder.rmdir()
    return freed


def _read(path: Path) -> dict[str, Any]:
    """A JSON object; empty if there is none, or a power cut has torn it."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _last_used_s(table: Path) -> int:
    try:
        content = table.read_bytes()
    except OSError:  # removed by another process
        return 0
    rows = np.frombuffer(content, ROW, len(content) // ROW.itemsize)
    return int(rows["used_s"].max(initial=0))
