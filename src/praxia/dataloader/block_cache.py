"""Decoded images on disk, mapped into memory: a flat file of frames and a small table of its blocks."""

import ctypes
import fcntl
import os
import shutil
import struct
import sys
import threading
import time
import weakref
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from praxia.dataloader.cache_folder import ROW, SUFFIXES, Hold, cached_datasets, cap_bytes, disk_bytes

__all__ = [
    "ABSENT",
    "BLOCK",
    "COMING",
    "HELD",
    "BlockCache",
    "CacheFiles",
    "Shape",
    "checksum",
    "punch",
    "write",
]

PAGE = 4096

# What is known of a block. One whose writer was killed stays COMING: it counts as taken until it is decoded again, or
# evicted as any other.
ABSENT, HELD, COMING = 0, 1, 2

Shape = tuple[int, int, int, int]


class CacheFiles:
    """The open files of one cache in one process.

    `lock` is locked to read or change the cache, `fill` to decode a block, `data` has the frames, `table` one row per
    block. `hold` keeps the data set's folder from being removed. `checked` are the blocks that this process has
    compared with their checksum, `reserved` the pieces of disk that it has allocated. `path` is
    ROOT/DATA SET/CAMERA/NAME.rgb (`cache_folder`).

    Raises:
        OSError: the files cannot be made.
    """

    def __init__(self, path: Path, shape: Shape, num_blocks: int):
        self.process = os.getpid()
        self.hold = Hold(path.parents[1])
        self.cap_bytes = cap_bytes(path.parents[2])
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


def _close(files: list[int]) -> None:
    for file in files:
        os.close(file)


def checksum(content: np.ndarray, block: int) -> int:
    """The CRC-32 of the block's number, of the sum of each page, and of what is left: ten times as fast as of it all.

    It detects pages that never reached the disk, stale ones and flipped bits, not an adversary.
    """
    flat = np.ascontiguousarray(content).reshape(-1)
    whole = len(flat) // PAGE * PAGE
    sums = flat[:whole].view(np.uint64).reshape(-1, PAGE // 8).sum(axis=1, dtype=np.uint64)
    return zlib.crc32(flat[whole:].data, zlib.crc32(sums.data, zlib.crc32(struct.pack("<q", block))))


def write(file: int, content: memoryview, offset: int) -> None:
    """Write all of `content` at `offset` of the file, in as many calls as it takes.

    Raises:
        OSError: the disk is full.
    """
    while len(content):
        done = os.pwrite(file, content, offset)
        content, offset = content[done:], offset + done


def punch(file: int, offset: int, size: int) -> None:
    """Free a range of a file on the disk; it then reads as zeros."""
    keep_size, punch_hole = 1, 2  # linux/falloc.h
    call = ctypes.CDLL(None, use_errno=True).fallocate
    call.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    # If the file system cannot, the space stays taken until the cache is removed; the block is gone all the same.
    call(file, keep_size | punch_hole, offset, size)


# Frames a block: what is decoded, kept and given up together.
BLOCK = 32
# Bytes of disk that are taken at once.
RESERVED = 1 << 26
# Of a disk, for what else is written beside: a training's state.
LEFT_FREE = 2 * 10**9


class BlockCache:
    """A budgeted cache of the frames [N, Y, X, 3], `ends[b]` being the frame after block b's last.

    A cached block has the bytes that were put, or it is dropped: each process compares it with its checksum before its
    first read, so a block that a power cut left half-written is decoded anew. Readers hold a shared lock while they
    copy; putting and evicting need the exclusive lock.

    All data sets together take at most the cap of their folder (`cache_folder.cap_bytes`), or `budget` bytes if that is
    more, and leave `LEFT_FREE` of the disk. The caches of this data set, with those of other cameras and sizes, take at
    most `budget` (None: no bound of their own). To make room, other data sets are removed first, the least recently
    used one before the others, and never one that a living process has open. Then goes what no process has used of this
    data set since `since_s` (by default: now), other caches and blocks of this one: a run reads all of its frames
    equally often, so exchanging its own blocks would gain nothing. No block is evicted where files cannot have holes
    (systems other than Linux).
    """

    def __init__(
        self,
        path: Path,
        shape: Shape,
        ends: Int64[np.ndarray, " blocks"],
        budget: int | None,
        since_s: int | None = None,
    ):
        self.path, self.shape, self.budget = path, shape, budget
        self._ends = ends
        self._frame_bytes = int(np.prod(shape[1:]))
        self._block_bytes = np.diff(ends, prepend=0) * self._frame_bytes
        self._since_s = int(time.time()) if since_s is None else since_s
        self._opened: CacheFiles | None = None
        self._inside = threading.RLock()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": None, "_inside": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state
        self._inside = threading.RLock()

    def opens(self) -> bool:
        """Whether its files exist or can be made: not on a full disk or in a folder without write permission."""
        try:
            self._open()
        except OSError:
            return False
        return True

    def block_of(self, frames: Int64[np.ndarray, " K"]) -> Int64[np.ndarray, " K"]:
        return np.searchsorted(self._ends, frames, side="right")

    def frames_of(self, block: int) -> Int64[np.ndarray, " F"]:
        return np.arange(self._ends[block - 1] if block else 0, self._ends[block])

    def read(self, frames: Int64[np.ndarray, " K"], into: UInt8[np.ndarray, "K Y X 3"]) -> Bool[np.ndarray, " K"]:
        """Copy the cached frames to their rows of `into`; returns which frames those are."""
        assert frames.size == 0 or 0 <= frames.min() <= frames.max() < self.shape[0], "frames of the data set"
        blocks = self.block_of(frames)
        with self._locked(fcntl.LOCK_SH) as opened:
            here = opened.table["held"][blocks] == HELD
            for block in np.unique(blocks[here]):
                if not opened.checked[block]:
                    opened.checked[block] = self._checksum(opened, int(block)) == opened.table["checksum"][block]
            sound = opened.checked[blocks]
            if not here.any():
                return here
            rows = np.flatnonzero(here & sound)
            if len(rows) == len(frames):
                np.take(opened.frames, frames, axis=0, out=into, mode="clip")  # "raise" would copy twice
            else:
                into[rows] = opened.frames[frames[rows]]
            opened.table["used_s"][blocks[rows]] = int(time.time())
        damaged = np.unique(blocks[here & ~sound])
        if len(damaged):
            with self._locked(fcntl.LOCK_EX) as opened:
                opened.table["held"][damaged] = ABSENT
        return here & sound

    def holds(self, block: int) -> bool:
        with self._locked(fcntl.LOCK_SH) as opened:
            return bool(opened.table["held"][block] == HELD)

    def has_room(self, blocks: Int64[np.ndarray, " M"]) -> bool:
        """Whether there is room for all of these blocks, perhaps after evicting others."""
        needed = self._bytes(blocks)
        with self._locked(fcntl.LOCK_SH) as opened:
            if self._room(opened) >= needed:
                return True
            self._drop_data_sets(opened, needed)
            if self._room(opened) >= needed:
                return True
            self._drop_unused()
            return self._room(opened) + self._evictable(opened)[1] >= needed

    def put(self, block: int, images: UInt8[np.ndarray, "F Y X 3"]) -> None:
        """Cache a block, if there is room for it. The caller holds its `fill_lock`."""
        with self._locked(fcntl.LOCK_EX) as opened:
            if opened.table["held"][block] == HELD or not self._make_room(opened, self._bytes(np.array([block]))):
                return
            opened.table[block] = (COMING, 0, int(time.time()))
        # Nobody reads the block until it is held, so the lock is free while the bytes are written.
        content = np.ascontiguousarray(images)
        offset = int(self.frames_of(block)[0]) * self._frame_bytes
        try:
            self._reserve(opened, offset, content.nbytes)
            write(opened.data, content.ravel().data, offset)
        except OSError:
            self.budget = 0  # the disk is full: this run reads on without keeping more
            opened.table["held"][block] = ABSENT
            return
        with self._locked(fcntl.LOCK_EX) as opened:
            if opened.table["held"][block] != COMING:  # a later process evicted it while it was written
                punch(opened.data, offset, content.nbytes)
                return
            opened.table[block] = (COMING, checksum(content, block), int(time.time()))
            opened.table["held"][block] = HELD

    @contextmanager
    def fill_lock(self, block: int, *, wait: bool) -> Iterator[bool]:
        """Hold the lock of the one process that decodes `block`; False if another has it and `wait` is not set."""
        with self._inside:
            lock = self._open().fill
            try:
                fcntl.lockf(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB), 1, block)
            except BlockingIOError:
                yield False
                return
            try:
                yield True
            finally:
                fcntl.lockf(lock, fcntl.LOCK_UN, 1, block)

    @property
    def held_bytes(self) -> int:
        with self._locked(fcntl.LOCK_SH) as opened:
            return self._held(opened)

    def _bytes(self, blocks: Int64[np.ndarray, " M"]) -> int:
        return int(self._block_bytes[blocks].sum())

    def _held(self, opened: CacheFiles) -> int:
        return self._bytes(np.flatnonzero(opened.table["held"]))

    def _room(self, opened: CacheFiles) -> int:
        return min(self._shared_room(opened), self._own_limit() - self._held(opened))

    def _own_limit(self) -> int:
        """The bytes that this cache may take beside those of other cameras and sizes."""
        if self.budget is None:
            return sys.maxsize
        return self.budget - sum(disk_bytes(path) for path in self._beside())

    def _shared_room(self, opened: CacheFiles) -> int:
        """What the disk and the cap over all data sets leave."""
        free = shutil.disk_usage(self.path.parent).free - LEFT_FREE
        return min(free, self._shared_limit(opened) - self._held(opened))

    def _shared_limit(self, opened: CacheFiles) -> int:
        """The bytes that this cache may take beside those of all data sets."""
        others = [path for path in self.path.parents[2].glob("*/*/*.rgb") if path != self.path]
        return max(opened.cap_bytes, self.budget or 0) - sum(disk_bytes(path) for path in others)

    def _beside(self) -> list[Path]:
        """The caches of other cameras and sizes."""
        return [path for path in self.path.parents[1].glob("*/*.rgb") if path != self.path]

    def _drop_data_sets(self, opened: CacheFiles, needed: int) -> None:
        """Remove other data sets, least recently used first, until the disk and the cap leave `needed` bytes."""
        if self._own_limit() - self._held(opened) < needed:
            return
        for one in cached_datasets(self.path.parents[2]):
            if self._shared_room(opened) >= needed:
                return
            if one.folder != self.path.parents[1]:
                with suppress(OSError):  # of another user
                    one.remove()

    def _drop_unused(self) -> None:
        """Remove caches beside this one that no process has used since `since_s`."""
        for path in self._beside():
            table = path.with_suffix(".table")
            rows = np.fromfile(table, ROW) if table.is_file() else np.zeros(0, ROW)
            if rows["used_s"].max(initial=0) < self._since_s:
                for suffix in SUFFIXES:  # processes that have it open go on reading
                    path.with_suffix(suffix).unlink(missing_ok=True)

    def _evictable(self, opened: CacheFiles) -> tuple[Int64[np.ndarray, " M"], int]:
        """Blocks that no process has used since `since_s`, longest unused first, and their bytes."""
        if not sys.platform.startswith("linux"):
            return np.zeros(0, np.int64), 0
        old = np.flatnonzero((opened.table["held"] != ABSENT) & (opened.table["used_s"] < self._since_s))
        return old[np.argsort(opened.table["used_s"][old], kind="stable")], self._bytes(old)

    def _make_room(self, opened: CacheFiles, needed: int) -> bool:
        room = self._room(opened)
        if room >= needed:
            return True
        old, free = self._evictable(opened)
        if room + free < needed:
            return False
        for block in old.tolist():
            opened.table["held"][block] = ABSENT
            opened.checked[block] = False
            frames = self.frames_of(block)
            punch(opened.data, int(frames[0]) * self._frame_bytes, len(frames) * self._frame_bytes)
            room += len(frames) * self._frame_bytes
            if room >= needed:
                break
        return True

    def _reserve(self, opened: CacheFiles, offset: int, size: int) -> None:
        """Take the space, with that of blocks to come if all have room: in fewer and larger pieces.

        Writing to a mapped page of a full disk would kill the process; this raises.
        """
        whole = int(np.prod(self.shape))
        if min(self._own_limit(), self._shared_limit(opened)) < whole:
            os.posix_fallocate(opened.data, offset, size)
            return
        for part in range(offset // RESERVED, (offset + size - 1) // RESERVED + 1):
            if part not in opened.reserved:
                os.posix_fallocate(opened.data, part * RESERVED, min(RESERVED, whole - part * RESERVED))
                opened.reserved.add(part)

    def _checksum(self, opened: CacheFiles, block: int) -> int:
        frames = self.frames_of(block)
        return checksum(opened.frames[frames[0] : frames[-1] + 1], block)

    @contextmanager
    def _locked(self, kind: int) -> Iterator[CacheFiles]:
        with self._inside:
            opened = self._open()
            fcntl.flock(opened.lock, kind)
            try:
                # What another process gave up must be compared again when it is back.
                opened.checked &= opened.table["held"] == HELD
                yield opened
            finally:
                fcntl.flock(opened.lock, fcntl.LOCK_UN)

    def _open(self) -> CacheFiles:
        if self._opened is None or self._opened.process != os.getpid():  # a fork shares locks with its parent
            self._opened = CacheFiles(self.path, self.shape, len(self._ends))
        return self._opened
