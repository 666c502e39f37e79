"""Memory: how much is available, how much this process takes, and what processes share."""

import ctypes
import mmap
import os
import resource
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle, send_handle
from pathlib import Path
from types import TracebackType

from praxia.core.errors import PraxiaError
from praxia.core.process import control_groups, system_text

__all__ = [
    "PeakMemory",
    "SharedMemory",
    "available_memory",
    "own_memory",
    "resident_memory",
    "return_unused_memory",
]

# How often a process looks at its memory, to see its peak.
SAMPLE_S = 0.001


def available_memory(system: Path = Path("/")) -> int | None:
    """The bytes that this process can still take; None where the system does not tell. `system` is where /proc is.

    The least of what the machine has left, of what the memory limits of the process's control groups leave (v1 and v2),
    and of what its limit of address space (`ulimit -v`) leaves. What only caches files counts as available.
    """
    found = [*_of_machine(system), *_of_groups(system), *_of_address_space(system)]
    return max(0, min(found)) if found else None


def _of_machine(system: Path) -> Iterator[int]:
    for line in system_text(system / "proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) * 1024


def _of_groups(system: Path) -> Iterator[int]:
    for folder in control_groups("memory", system):
        limit = system_text(folder / "memory.max") or system_text(folder / "memory.limit_in_bytes")
        used = system_text(folder / "memory.current") or system_text(folder / "memory.usage_in_bytes")
        if limit.strip() in ("", "max") or not used:
            continue
        counts = dict(line.split() for line in system_text(folder / "memory.stat").splitlines())
        # Those of v1 that begin with "total" include the groups within this one, as those of v2 do.
        cached = sum(int(counts.get(f"total_{name}", counts.get(name, 0))) for name in ("active_file", "inactive_file"))
        yield int(limit) - int(used) + cached


def _of_address_space(system: Path) -> Iterator[int]:
    pages = system_text(system / "proc/self/statm").split()
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if pages and limit != resource.RLIM_INFINITY:
        yield limit - int(pages[0]) * mmap.PAGESIZE


def resident_memory() -> int:
    """The bytes of memory of this process, with the files that it has mapped; 0 where the system does not tell."""
    return _pages()[0] * mmap.PAGESIZE


def own_memory() -> int:
    """The bytes of memory that this process has for itself, without files; 0 where the system does not tell."""
    resident, shared = _pages()
    return (resident - shared) * mmap.PAGESIZE


def _pages() -> tuple[int, int]:
    """The resident pages of this process, and those of them that are files."""
    _, resident, shared, *_ = [*map(int, system_text(Path("/proc/self/statm")).split())] or (0, 0, 0)
    return resident, shared


def return_unused_memory() -> None:
    """Give memory that was freed back to the system, where the C library can (glibc)."""
    if sys.platform == "linux":
        with suppress(AttributeError):
            ctypes.CDLL(None).malloc_trim(0)


class PeakMemory:
    """The largest `own_memory` within a block, sampled every millisecond: `bytes`, when the block is left."""

    bytes: int = 0

    def __enter__(self) -> "PeakMemory":
        self.bytes = own_memory()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="peak-memory", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.is_set():
            self.bytes = max(self.bytes, own_memory())
            time.sleep(SAMPLE_S)


class SharedMemory:
    """`size` bytes that this process shares with the processes it sends them to; freed when the last of them ends.

    It has no name, so killed processes leave nothing behind, and it does not use /dev/shm, of which a container often
    has only 64 MB. All of it is allocated at once: where memory is only promised and runs out, writing to it kills the
    process (SIGBUS).

    Raises:
        PraxiaError: there is not enough memory.
    """

    def __init__(self, size: int):
        try:
            self._map(os.memfd_create("praxia"), size)
        except OSError as error:
            raise PraxiaError(
                f"cannot allocate {size / 1e6:.1f} MB of memory shared with a worker process ({error.strerror}); "
                "use fewer --workers or smaller batches, or give the container more memory"
            ) from error

    @classmethod
    def receive(cls, connection: Connection) -> "SharedMemory":
        """The memory that the process at the other end sends next.

        Raises:
            EOFError: that process has ended.
        """
        memory = cls.__new__(cls)
        memory._map(recv_handle(connection))
        return memory

    def _map(self, file: int, size: int = 0) -> None:
        """Take over the open `file`, and let it grow to at least `size`."""
        self._file = file
        weakref.finalize(self, os.close, file)
        if size:
            os.posix_fallocate(file, 0, size)
        self.bytes = mmap.mmap(file, 0)

    @property
    def size(self) -> int:
        return len(self.bytes)

    def send(self, connection: Connection) -> None:
        """Share it with the process at the other end, which must call `receive`.

        Raises:
            BrokenPipeError, ConnectionResetError: that process has ended.
        """
        send_handle(connection, self._file, None)
