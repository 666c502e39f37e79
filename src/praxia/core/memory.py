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
    "allocated_memory",
    "available_memory",
    "own_memory",
    "resident_memory",
    "return_unused_memory",
]

# How often a process looks at its memory, to see its peak.
SAMPLE_S = 0.001
# The most of its time that counting what is allocated may take: the program waits where it allocates meanwhile.
COUNTED_SHARE = 0.1


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


class _Counts(ctypes.Structure):
    """glibc's `struct mallinfo2`."""

    _fields_ = [
        *((name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd")),
        *((name, ctypes.c_size_t) for name in ("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")),
    ]


def allocated_memory() -> int:
    """The bytes that this process has allocated and not freed; 0 where the C library does not tell (glibc does).

    What was freed and is not yet the system's again is part of `own_memory` and not of this. Counting takes the
    longer, the more such gaps there are: microseconds to some ten milliseconds.
    """
    if not sys.platform.startswith("linux"):
        return 0
    try:
        count = ctypes.CDLL(None).mallinfo2
    except AttributeError:
        return 0
    count.restype = _Counts
    counts = count()
    return counts.uordblks + counts.hblkhd


def return_unused_memory() -> None:
    """Give memory that was freed back to the system, where the C library can (glibc)."""
    if sys.platform == "linux":
        with suppress(AttributeError):
            ctypes.CDLL(None).malloc_trim(0)


class PeakMemory:
    """The most memory that a process gains, over what it had when this was made, within the blocks that it is entered
    for: `gained` is that of the last one, in bytes.

    The larger of two gains. That of `own_memory`, looked at every millisecond, misses what fits into gaps that were
    freed before. That of `allocated_memory` misses what other allocators take, and short peaks where there are so many
    gaps that counting them takes long.
    """

    def __init__(self):
        self._own, self._allocated = own_memory(), allocated_memory()
        self.gained = 0

    def __enter__(self) -> "PeakMemory":
        self.gained = 0
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
        counted_s = 0.0
        while True:
            ended = self._ended.is_set()
            self.gained = max(self.gained, own_memory() - self._own)
            now_s = time.perf_counter()
            if ended or now_s >= counted_s:
                self.gained = max(self.gained, allocated_memory() - self._allocated)
                counted_s = now_s + (time.perf_counter() - now_s) / COUNTED_SHARE
            if ended:
                return
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
