"""What every contender of a speed comparison does alike: uses its images, and is watched for memory.

Only numpy and /proc (Linux): it runs in the environment of other packages too.
"""

import os
import threading
from pathlib import Path
from types import TracebackType

import numpy as np

__all__ = ["Watch", "memory_mb", "touch"]

# Asking a process of gigabytes stops it for some hundredths of a second.
INTERVAL_S = 1.0
KINDS = ("unique", "held")


def touch(images: np.ndarray) -> int:
    """Read every byte, as whoever loads images will."""
    return int(np.ascontiguousarray(images).reshape(-1).view(np.uint64).sum())


def memory_mb(pid: int | str = "self") -> dict[str, float]:
    """A process's memory in MB, as Linux counts it.

    `unique` is all that no other process shares. Pages of a file that only this process has mapped are among it, and
    the system drops those when somebody needs the room. `held` is what it cannot drop: anonymous and shared memory, of
    which every process that shares a page has its part.
    """
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    mb = {name: int(value) / 1024 for name, value, *_ in (line.split() for line in lines)}
    return {"unique": mb["Private_Clean:"] + mb["Private_Dirty:"], "held": mb["Pss_Anon:"] + mb["Pss_Shmem:"]}


class Watch:
    """While it is open: the largest memory of any process that this one started, and of all of them together."""

    def __init__(self) -> None:
        self.a_worker = dict.fromkeys(KINDS, 0.0)
        self.all_workers = dict.fromkeys(KINDS, 0.0)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "Watch":
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
                except (OSError, KeyError):  # it has ended
                    continue
            for kind in KINDS:
                sizes = [one[kind] for one in found]
                self.a_worker[kind] = max([self.a_worker[kind], *sizes])
                self.all_workers[kind] = max(self.all_workers[kind], sum(sizes))


def _descendants(ancestor: int) -> list[int]:
    """Every process that `ancestor` started, or one of those, and so on."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text()
        except OSError:
            continue
        children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(folder.name))
    found, waiting = [], [ancestor]
    while waiting:
        waiting += (new := children.get(waiting.pop(), []))
        found += new
    return found
