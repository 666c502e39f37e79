"""The files of one cache of decoded images, as one process has them open, and what is done to their bytes."""

import ctypes
import fcntl
import os
import struct
import weakref
import zlib
from pathlib import Path

import numpy as np

__all__ = [
    "ABSENT",
    "COMING",
    "HELD",
    "ROW",
    "SUFFIXES",
    "CacheFiles",
    "Shape",
    "checksum",
    "disk_bytes",
    "punch",
    "write",
]

PAGE = 4096
SUFFIXES = (".lock", ".fill", ".rgb", ".table")

# What is known of a block. One whose writer was killed stays COMING: it counts as taken until it is decoded again, or
# evicted as any other.
ABSENT, HELD, COMING = 0, 1, 2
ROW = np.dtype([("held", np.uint8), ("checksum", np.uint32), ("used_s", np.uint32)])

Shape = tuple[int, int, int, int]


class CacheFiles:
    """`lock`: who reads or changes; `fill`: who decodes which block; `data`: the frames; `table`: a row a block.

    `checked` are the blocks that this process has compared with their checksum, `reserved` the pieces of disk it took.

    Raises:
        OSError: they cannot be made there.
    """

    def __init__(self, path: Path, shape: Shape, num_blocks: int):
        self.process = os.getpid()
        path.parent.mkdir(parents=True, exist_ok=True)
        names = [path.with_suffix(suffix) for suffix in SUFFIXES]
        files = [os.open(name, os.O_CREAT | os.O_RDWR, 0o666) for name in names]
        weakref.finalize(self, _close, files)
        self.lock, self.fill, self.data, table = files
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        try:
            for file, size in ((self.data, int(np.prod(shape))), (table, num_blocks * ROW.itemsize)):
                if os.fstat(file).st_size != size:
                    os.ftruncate(file, size)
            # It is written to through memory, which kills the process (SIGBUS) where a full disk has no page for it.
            os.posix_fallocate(table, 0, num_blocks * ROW.itemsize)
        finally:
            fcntl.flock(self.lock, fcntl.LOCK_UN)
        self.table = np.memmap(path.with_suffix(".table"), dtype=ROW, mode="r+", shape=(num_blocks,))
        self.frames = np.asarray(np.memmap(path, dtype=np.uint8, mode="r", shape=shape))
        self.checked = np.zeros(num_blocks, bool)
        self.reserved: set[int] = set()


def disk_bytes(path: Path) -> int:
    """What a file takes on the disk, its holes left out; nothing if it is gone."""
    try:
        return path.stat().st_blocks * 512
    except FileNotFoundError:  # dropped by somebody else
        return 0


def _close(files: list[int]) -> None:
    for file in files:
        os.close(file)


def checksum(content: np.ndarray, block: int) -> int:
    """The CRC-32 of the block's number, of the sum of each page, and of what is left: ten times as fast as of it all.

    It is to notice pages that never reached the disk, stale ones and flipped bits, not an adversary.
    """
    flat = np.ascontiguousarray(content).reshape(-1)
    whole = len(flat) // PAGE * PAGE
    sums = flat[:whole].view(np.uint64).reshape(-1, PAGE // 8).sum(axis=1, dtype=np.uint64)
    return zlib.crc32(flat[whole:].data, zlib.crc32(sums.data, zlib.crc32(struct.pack("<q", block))))


def write(file: int, content: memoryview, place: int) -> None:
    """All of `content` at `place` of the file, however many calls that takes.

    Raises:
        OSError: the disk is full.
    """
    while len(content):
        done = os.pwrite(file, content, place)
        content, place = content[done:], place + done


def punch(file: int, place: int, size: int) -> None:
    """Give a stretch of a file back to the disk; it then reads as zeros."""
    keep_size, punch_hole = 1, 2  # linux/falloc.h
    call = ctypes.CDLL(None, use_errno=True).fallocate
    call.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    # Where the file system cannot, the space stays taken until the cache is removed; the block is gone all the same.
    call(file, keep_size | punch_hole, place, size)
