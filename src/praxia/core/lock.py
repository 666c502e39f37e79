"""File locks that end with their process, however it ends.

The lock is the system's (flock), so nothing must be cleaned up before the next process can take it. Process numbers do
not identify an owner: two containers on one disk may both run as process 1.
"""

import errno
import fcntl
import json
import logging
import os
import socket
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import TracebackType

from praxia.core.errors import PraxiaError

__all__ = ["Lock", "is_at"]

LOG = logging.getLogger(__name__)

_FULL = (errno.ENOSPC, errno.EDQUOT)

# The errors of file systems without locks.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)

# How often another process may remove the folder before the file is created.
_ATTEMPTS = 100

# Shared locks held by this process, by process (a fork holds none) and path: the open file and the number of holders.
_SHARED: dict[tuple[int, str], tuple[int, int]] = {}


class Lock:
    """An exclusive lock for writing `target`: one process has it at a time.

    `with Lock(...):` raises at once if another process has it, or waits for it with `wait`. A process can acquire a
    `shared` lock several times.

    The file `path` exists while the lock is held, and names the owner's host and process for the error message. A
    killed owner leaves the file behind, unlocked. On a file system without locks a warning is logged, and no process is
    refused.
    """

    def __init__(self, path: Path, target: Path, *, wait: bool = False, shared: bool = False):
        self.path, self.target, self._wait = path.absolute(), target, wait
        self._key = (os.getpid(), str(self.path)) if shared else None
        self._file: int | None = None

    def try_acquire(self) -> bool:
        """Acquire it unless another process has it. Returns whether this process now has it.

        Raises:
            PraxiaError: the file cannot be created, for instance because the disk is read-only.
            OSError: the disk is full.
        """
        file, times = _SHARED.get(self._key, (None, 0)) if self._key else (None, 0)
        if file is None:
            file = self._open()
        if file is None:
            return False
        if self._key:
            _SHARED[self._key] = file, times + 1
        self._file = file
        return True

    def release(self) -> None:
        """Release it, if this process has it."""
        if self._file is None:
            return
        file, self._file = self._file, None
        if self._key:
            times = _SHARED.pop(self._key)[1]
            if times > 1:
                _SHARED[self._key] = file, times - 1
                return
        if is_at(file, self.path):  # while it is still locked: later it could be another process's
            self.path.unlink(missing_ok=True)
        os.close(file)

    def acquire(self) -> None:
        """Acquire it, unless this process has it already.

        Raises:
            PraxiaError: another process has it; the message names the owner.
        """
        if self._file is None and not self.try_acquire():
            raise PraxiaError(
                f"{self.target} is being written by {self._owner()}: wait until that has ended, or end it first"
            )

    def __enter__(self) -> "Lock":
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _open(self) -> int | None:
        attempts = 0
        while True:
            attempts += 1
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            except OSError as error:
                # Another process may have removed the folder. In /proc, for example, no file can ever be created.
                if isinstance(error, FileNotFoundError) and attempts < _ATTEMPTS:
                    continue
                if error.errno in _FULL:  # the caller knows what was kept
                    raise
                raise PraxiaError(
                    f"{self.target} cannot be written: {error.strerror} ({error.filename}); choose another path"
                ) from error
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if self._wait else fcntl.LOCK_NB))
            except BlockingIOError:
                os.close(file)
                return None
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    os.close(file)
                    raise
                _warn_no_locks(self.path.parent)
            if is_at(file, self.path):
                break
            os.close(file)  # its owner removed it while this process waited
        with suppress(OSError):  # a full disk: the owner stays unnamed
            os.ftruncate(file, 0)
            os.pwrite(file, json.dumps({"host": socket.gethostname(), "process": os.getpid()}).encode(), 0)
        return file

    def _owner(self) -> str:
        try:
            owner = json.loads(self.path.read_bytes())
            return f"process {owner['process']} on {owner['host']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process"


@cache
def _warn_no_locks(folder: Path) -> None:
    LOG.warning("%s is on a disk without file locks: make sure that no other process writes there", folder)


def is_at(file: int, path: Path) -> bool:
    """Whether the open file is still the one at `path`."""
    try:
        current, opened = path.stat(), os.fstat(file)
    except FileNotFoundError:
        return False
    return (current.st_dev, current.st_ino) == (opened.st_dev, opened.st_ino)
