"""Locks on files that end with their process, however it ends.

A process number decides nothing: two containers on one disk may both be process 1. The lock itself is the system's
(flock), so nothing has to be tidied up before the next process can take it.
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

__all__ = ["Lock"]

LOG = logging.getLogger(__name__)

_FULL = (errno.ENOSPC, errno.EDQUOT)

# How a file system says that it has no locks.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)

# How often a folder may vanish as we make a file in it.
_ATTEMPTS = 100

# Shared locks that this process holds, by process (a fork holds none) and path: the open file, and how often.
_SHARED: dict[tuple[int, str], tuple[int, int]] = {}


class Lock:
    """The right to write `target`, which one living process has at a time.

    `with Lock(...):` raises at once where another process has it, or waits for it with `wait`.

    The file `path` is there while somebody has it; whoever held it and was killed leaves a file that nobody locks. It
    names host and process of its owner, for the message alone. A `shared` one can be taken by this process again.
    Where a file system has no locks, one line says so, and nobody is refused.
    """

    def __init__(self, path: Path, target: Path, *, wait: bool = False, shared: bool = False):
        self.path, self.target, self._wait = path.absolute(), target, wait
        self._key = (os.getpid(), str(self.path)) if shared else None
        self._file: int | None = None

    def try_acquire(self) -> bool:
        """Whether this process now has it.

        Raises:
            PraxiaError: no file can be made there, for instance because the disk is read-only.
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
        if _is_at(file, self.path):  # while it is still locked, so that nobody else's goes
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
                # Somebody may remove the folder between the two; where it is always so, as in /proc, no file can be.
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
                _say_no_locks(self.path.parent)
            if _is_at(file, self.path):
                break
            os.close(file)  # its owner removed it as we waited
        with suppress(OSError):  # a full disk
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
def _say_no_locks(folder: Path) -> None:
    LOG.warning("%s lies on a disk without locks: see that no other process writes there", folder)


def _is_at(file: int, path: Path) -> bool:
    """Whether the open file is still the one at `path`."""
    try:
        there, ours = path.stat(), os.fstat(file)
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
