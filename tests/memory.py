"""Memory that tests leave behind in their process. Only Linux tells it and takes it back."""

import ctypes
import gc
import os
import sys
from pathlib import Path

__all__ = ["free_memory", "map_large_blocks", "resident_mb"]

M_MMAP_THRESHOLD = -3  # of glibc's mallopt


def map_large_blocks() -> None:
    """Map every block of a megabyte or more by itself, so that freeing it returns it to the system.

    glibc otherwise raises that limit to 32 MB once such blocks were freed, and keeps models and textures in its heap.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 2**20)


def resident_mb() -> float:
    """The memory of this process; 0 where /proc does not exist."""
    path = Path("/proc/self/statm")
    return int(path.read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20 if path.exists() else 0.0


def free_memory() -> None:
    """Free scenes in graphics memory (up to 110 MB each), reference cycles (simulators), and the unused heap."""
    if "praxia.envs.render" in sys.modules:
        sys.modules["praxia.envs.render"].free_scenes()
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
