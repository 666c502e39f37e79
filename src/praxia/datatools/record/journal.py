"""Append-only files whose every record has a checksum, so that torn writes of a kill or power cut are detected."""

import fcntl
import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from praxia.core.embodiment import Camera
from praxia.core.errors import DataError, RecordingError

__all__ = ["Journal", "SpillFile"]

# Length, and a CRC-32 over number, length and bytes: zeros left by a power cut are not a record.
HEADER = struct.Struct("<QI")
RECORD_ID = struct.Struct("<QQ")
NUMBER_BYTES = 8


class Journal:
    """Records of bytes in one file. Opening an existing file truncates a torn record at its end.

    One thread appends; others may read. A record that `append` has returned survives a SIGKILL, and a power cut once
    `sync` was called.

    Raises:
        RecordingError: another process has it open.
    """

    def __init__(self, path: Path):
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._file)
            raise RecordingError(f"{path} is being written: wait until its recorder has exited, or stop it") from error
        self._ends = [0]
        size = os.fstat(self._file).st_size
        while (end := self._next_end(size)) is not None:
            self._ends.append(end)
        os.ftruncate(self._file, self._ends[-1])

    def __len__(self) -> int:
        return len(self._ends) - 1

    def _next_end(self, size: int) -> int | None:
        """The end of the record after the last known one, if it is complete."""
        begin = self._ends[-1]
        if begin + HEADER.size > size:
            return None
        length, checksum = HEADER.unpack(os.pread(self._file, HEADER.size, begin))
        end = begin + HEADER.size + length
        if end > size or _checksum(len(self), [self._payload(begin, end)]) != checksum:
            return None
        return end

    def _payload(self, begin: int, end: int) -> bytes:
        return os.pread(self._file, end - begin - HEADER.size, begin + HEADER.size)

    def append(self, *parts: bytes | memoryview) -> int:
        """Write one record, made of `parts`, and return its number.

        Raises:
            OSError: such as a full disk. The journal is unchanged, and the record can be appended again.
        """
        views = [memoryview(part).cast("B") for part in parts]
        header = HEADER.pack(sum(len(view) for view in views), _checksum(len(self), views))
        views, at = [memoryview(header), *views], self._ends[-1]
        while views:
            written = os.pwritev(self._file, views, at)
            at += written
            while views and written >= len(views[0]):
                written -= len(views.pop(0))
            if views:
                views[0] = views[0][written:]
        self._ends.append(at)
        return len(self) - 1

    def read(self, number: int) -> bytes:
        """The record `number`.

        Raises:
            DataError: its bytes were altered.
        """
        begin, end = self._ends[number], self._ends[number + 1]
        _, checksum = HEADER.unpack(os.pread(self._file, HEADER.size, begin))
        record = self._payload(begin, end)
        if _checksum(number, [record]) != checksum:
            raise DataError(f"record {number} of {self._path} was altered since it was written")
        return record

    def clear(self) -> None:
        """Remove all records and free their space."""
        self._ends = [0]
        os.ftruncate(self._file, 0)

    def sync(self) -> None:
        """Make appended records survive a power cut."""
        os.fsync(self._file)

    def close(self) -> None:
        os.close(self._file)


def _checksum(number: int, parts: Sequence[bytes | memoryview]) -> int:
    checksum = zlib.crc32(RECORD_ID.pack(number, sum(len(part) for part in parts)))
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    return checksum


class SpillFile:
    """Raw images of one camera on disk: a journal of images with their frame numbers. Raises as `Journal` does."""

    def __init__(self, path: Path, camera: Camera):
        self.journal = Journal(path)
        self._shape = (camera.height, camera.width, 3)

    def append(self, number: int, image: UInt8[np.ndarray, "Y X 3"]) -> int:
        """Write the image of frame `number`; returns the record to read it back by."""
        return self.journal.append(number.to_bytes(NUMBER_BYTES, "little"), image.data)

    def read(self, record: int) -> UInt8[np.ndarray, "Y X 3"]:
        return np.frombuffer(self.journal.read(record), np.uint8, offset=NUMBER_BYTES).reshape(self._shape)

    def records(self) -> dict[int, int]:
        """The record number of each frame's image."""
        journal = self.journal
        return {int.from_bytes(journal.read(at)[:NUMBER_BYTES], "little"): at for at in range(len(journal))}
