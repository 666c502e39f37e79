"""Decoded images on disk, mapped into memory: a flat file of frames and a small table of what is there.

`<folder>/<name>.rgb` is uint8[num_frames, Y, X, 3], sparse: a block of neighbouring frames lies where it belongs or is
not there yet. Any number of processes read and fill it at once, and any of them may be killed at any moment.
"""

import fcntl
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from praxia.data.cache_files import (
    ABSENT,
    COMING,
    HELD,
    ROW,
    SUFFIXES,
    CacheFiles,
    Shape,
    checksum,
    disk_bytes,
    punch,
    write,
)

__all__ = ["BLOCK", "BlockCache"]

# Frames a block: what is decoded, kept and given up together.
BLOCK = 32
# Bytes of disk that are taken at once.
RESERVED = 1 << 26
# Of a disk, for what else is written beside: a training's state.
LEFT_FREE = 2 * 10**9


class BlockCache:
    """A budgeted cache of the frames [N, Y, X, 3], `ends[b]` being the frame after block b's last.

    A block that is held has the bytes that were put, or it is given up: each process compares it with its checksum
    before it first reads it, so what a power cut left half-written is decoded anew. Readers hold a shared lock while
    they copy, and whoever puts or evicts holds it alone.

    All caches of a data set, those of other cameras and sizes in the folders beside, together hold at most `budget`
    bytes (None: no bound), and leave `LEFT_FREE` of the disk. Room is made only by evicting what nobody has used since
    this object was made, other caches and blocks of this one: a run goes through all of its frames equally often, so
    exchanging its own blocks for one another would gain nothing. No block is evicted where files cannot have holes
    (other systems than Linux).
    """

    def __init__(self, path: Path, shape: Shape, ends: Int64[np.ndarray, " blocks"], budget: int | None):
        self.path, self.shape, self.budget = path, shape, budget
        self._ends = ends
        self._frame_bytes = int(np.prod(shape[1:]))
        self._block_bytes = np.diff(ends, prepend=0) * self._frame_bytes
        self._since_s = int(time.time())
        self._opened: CacheFiles | None = None
        self._inside = threading.RLock()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": None, "_inside": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state
        self._inside = threading.RLock()

    def opens(self) -> bool:
        """Whether its files are there or can be made: not on a full disk, or in a folder that is not ours to write."""
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
        """Copy the frames that are held to their rows of `into`; which those were."""
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

    def admits(self, blocks: Int64[np.ndarray, " M"]) -> bool:
        """Whether there is room for all of these, perhaps in the place of others."""
        needed = self._bytes(blocks)
        with self._locked(fcntl.LOCK_SH) as opened:
            if self._room(opened) >= needed:
                return True
            self._drop_unused()
            return self._room(opened) + self._evictable(opened)[1] >= needed

    def put(self, block: int, images: UInt8[np.ndarray, "F Y X 3"]) -> None:
        """Keep a whole block, if there is room for it. For whoever is `alone` with it."""
        with self._locked(fcntl.LOCK_EX) as opened:
            if opened.table["held"][block] == HELD or not self._make_room(opened, self._bytes(np.array([block]))):
                return
            opened.table[block] = (COMING, 0, int(time.time()))
        # Nobody reads the block until it is held, so the lock is free while the bytes are written.
        content = np.ascontiguousarray(images)
        place = int(self.frames_of(block)[0]) * self._frame_bytes
        try:
            self._reserve(opened, place, content.nbytes)
            write(opened.data, content.ravel().data, place)
        except OSError:
            self.budget = 0  # the disk is full: this run reads on without keeping more
            opened.table["held"][block] = ABSENT
            return
        with self._locked(fcntl.LOCK_EX) as opened:
            if opened.table["held"][block] != COMING:  # somebody who came later evicted it while it was written
                punch(opened.data, place, content.nbytes)
                return
            opened.table[block] = (COMING, checksum(content, block), int(time.time()))
            opened.table["held"][block] = HELD

    @contextmanager
    def alone(self, block: int, *, wait: bool) -> Iterator[bool]:
        """Be the one process that decodes `block`; False if another does and `wait` is not set."""
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
        room = shutil.disk_usage(self.path.parent).free - LEFT_FREE
        if self.budget is None:
            return room
        beside = sum(disk_bytes(path) for path in self._beside())
        return min(room, self.budget - self._held(opened) - beside)

    def _beside(self) -> list[Path]:
        """The caches of other cameras and sizes."""
        return [path for path in self.path.parent.parent.glob("*/*.rgb") if path != self.path]

    def _drop_unused(self) -> None:
        """Remove caches beside this one that nobody has used since this object was made."""
        for path in self._beside():
            table = path.with_suffix(".table")
            rows = np.fromfile(table, ROW) if table.is_file() else np.zeros(0, ROW)
            if rows["used_s"].max(initial=0) < self._since_s:
                for suffix in SUFFIXES:  # who has it open reads on
                    path.with_suffix(suffix).unlink(missing_ok=True)

    def _evictable(self, opened: CacheFiles) -> tuple[Int64[np.ndarray, " M"], int]:
        """Blocks that nobody has used since this object was made, longest unused first, and their bytes."""
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

    def _reserve(self, opened: CacheFiles, place: int, size: int) -> None:
        """Take the space, with that of blocks to come if all have room: in fewer and larger pieces.

        Writing to a mapped page of a full disk would kill the process; this raises.
        """
        whole = int(np.prod(self.shape))
        if self.budget is not None and self.budget < whole:
            os.posix_fallocate(opened.data, place, size)
            return
        for part in range(place // RESERVED, (place + size - 1) // RESERVED + 1):
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
