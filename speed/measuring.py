"""What all sides of a speed comparison share: touching images, and measuring memory.

It needs only numpy and /proc (Linux), because it also runs in the environments of other packages.
"""

import os
import threading
from pathlib import Path
from types import TracebackType

import numpy as np

__all__ = ["MemoryMonitor", "memory_mb", "touch"]

# Reading the memory map of a process with gigabytes stops it for some hundredths of a second.
INTERVAL_S = 1.0
KINDS = ("private", "anonymous")


def touch(images: np.ndarray) -> int:
    """Read every byte, as any consumer of the images does."""
    return int(np.ascontiguousarray(images).reshape(-1).view(np.uint64).sum())


def memory_mb(pid: int | str = "self") -> dict[str, float]:
    """A process's memory in MB, as Linux counts it.

    `private` is all memory that no other process shares. It includes pages of files that only this process has mapped,
    which the system drops under pressure. `anonymous` is memory that it cannot drop: anonymous and shared memory, where
    each page counts in proportion to the number of processes that share it.
    """
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    mb = {name: int(value) / 1024 for name, value, *_ in (line.split() for line in lines)}
    return {"private": mb["Private_Clean:"] + mb["Private_Dirty:"], "anonymous": mb["Pss_Anon:"] + mb["Pss_Shmem:"]}


class MemoryMonitor:
    """While open, records the peak memory of any descendant process, and of all of them together."""

    def __init__(self) -> None:
        self.per_worker = dict.fromkeys(KINDS, 0.0)
        self.all_workers = dict.fromkeys(KINDS, 0.0)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "MemoryMonitor":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(INTERVAL_S):
            found = []
            for pid in _descendants(os.getpid()):
                try:
                    found.append(memory_mb(pid))
                except (OSError, KeyError):  # the process has ended
                    continue
            for kind in KINDS:
                sizes = [one[kind] for one in found]
                self.per_worker[kind] = max([self.per_worker[kind], *sizes])
                self.all_workers[kind] = max(self.all_workers[kind], sum(sizes))


def _descendants(ancestor: int) -> list[int]:
    """All descendant processes of `ancestor`."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text()
        except OSError:
            continue
        children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(folder.name))
    found, pending = [], [ancestor]
    while pending:
        pending += (new := children.get(pending.pop(), []))
        found += new
    return found
