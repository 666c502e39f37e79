"""Journal"""

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

__all__ = ["Journal", "Spill"]

# Bytes of the record, and a CRC-32 over its number, its length and itself: zeros that a power cut left are no record.
HEADER = struct.Struct("<QI")
PLACE = struct.Struct("<QQ")
NUMBER_BYTES = 8


class Journal:
    """Records of bytes in one file. What is torn at the end of an existing one is cut off when it is opened.

    One thread appends; others may read. A record counts once `append` has returned: a later SIGKILL cannot take it, a
    power cut can until `sync`.

    Raises:
        RecordingError: somebody else has it open.
    """

    def __init__(self, path: Path):
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._file)
            raise RecordingError(f"{path} is being written: wait until its recorder has ended, or end it") from error
        self._ends = [0]
        size = os.fstat(self._file).st_size
        while (end := self._whole(size)) is not None:
            self._ends.append(end)
        os.ftruncate(self._file, self._ends[-1])

    def __len__(self) -> int:
        return len(self._ends) - 1

    def _whole(self, size: int) -> int | None:
        """Where the record after the last known one ends, if all of it is there."""
        begin = self._ends[-1]
        if begin + HEADER.size > size:
            return None
        length, checksum = HEADER.unpack(os.pread(self._file, HEADER.size, begin))
        end = begin + HEADER.size + length
        if end > size or _checksum(len(self), [self._bytes(begin, end)]) != checksum:
            return None
        return end

    def _bytes(self, begin: int, end: int) -> bytes:
        return os.pread(self._file, end - begin - HEADER.size, begin + HEADER.size)

    def append(self, *parts: bytes | memoryview) -> int:
        """Write one record, made of `parts`, and return its number.

        Raises:
            OSError: such as a full disk. The journal is then as before, and the record can be appended again.
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
            DataError: it no longer has its bytes.
        """
        begin, end = self._ends[number], self._ends[number + 1]
        _, checksum = HEADER.unpack(os.pread(self._file, HEADER.size, begin))
        record = self._bytes(begin, end)
        if _checksum(number, [record]) != checksum:
            raise DataError(f"record {number} of {self._path} was altered since it was written")
        return record

    def clear(self) -> None:
        """Forget all records and give their space back."""
        self._ends = [0]
        os.ftruncate(self._file, 0)

    def sync(self) -> None:
        """Make what was appended survive a power cut."""
        os.fsync(self._file)

    def close(self) -> None:
        os.close(self._file)


def _checksum(number: int, parts: Sequence[bytes | memoryview]) -> int:
    checksum = zlib.crc32(PLACE.pack(number, sum(len(part) for part in parts)))
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    return checksum


class Spill:
    """A journal of images, each with its frame number. Raises as `Journal` does."""

    def __init__(self, path: Path, camera: Camera):
        self.journal = Journal(path)
        self._shape = (camera.height, camera.width, 3)

    def append(self, number: int, image: UInt8[np.ndarray, "Y X 3"]) -> int:
        """Write the image of frame `number`; the record to read it back by."""
        return self.journal.append(number.to_bytes(NUMBER_BYTES, "little"), image.data)

    def read(self, record: int) -> UInt8[np.ndarray, "Y X 3"]:
        return np.frombuffer(self.journal.read(record), np.uint8, offset=NUMBER_BYTES).reshape(self._shape)

    def records(self) -> dict[int, int]:
        """Which record holds which frame's image."""
        journal = self.journal
        return {int.from_bytes(journal.read(at)[:NUMBER_BYTES], "little"): at for at in range(len(journal))}
