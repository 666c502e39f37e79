"""Frames that wait to be written and encoded, oldest first: in memory up to a limit, beyond it on disk."""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import UInt8

from praxia.datatools.record.journal import Journal, SpillFile

__all__ = ["Backlog"]


@dataclass
class QueuedImage:
    """An image that is not yet stored as video: in memory, or as a record of the spill file."""

    image: UInt8[np.ndarray, "Y X 3"] | None
    record: int | None = None


@dataclass
class CameraQueue:
    """The images of one camera by increasing frame number: `first` is the oldest, those below `unspilled` are on disk.

    Images are spilled oldest first, beginning with the one being encoded, so that packets and spill file together have
    no gap: a kill loses only the newest frames.
    """

    spill: SpillFile
    images: dict[int, QueuedImage] = field(default_factory=dict)
    first: int = 0
    unspilled: int = 0
    end: int = 0

    @property
    def on_disk(self) -> int:
        """The number of images that wait on disk."""
        return max(0, self.unspilled - self.first)


class Backlog:
    """The buffer between the control loop, which must not wait, and encoders and disk, which may be slow.

    The caller's thread calls `put`; one thread per camera takes images by `image` and `encoded`; one thread writes
    numbers and spilled images by `write_one`. Above half of `memory_bytes` images go to disk, so that the other half is
    free while the disk is busy. The space on disk is freed when the encoders have caught up.

    While encoders read from disk they free no memory, so they pause above three quarters of `memory_bytes`: this leaves
    the processor to the thread that writes, where there is too little for all of them.
    """

    def __init__(self, numbers: Journal, spills: Mapping[str, SpillFile], memory_bytes: int):
        self._numbers = numbers
        self._rows: deque[bytes] = deque()
        self._queues = {camera: CameraQueue(spill) for camera, spill in spills.items()}
        self._limit = memory_bytes
        self._changed = threading.Condition()
        self._closed = False
        self.memory_bytes = 0

    def put(self, row: bytes, images: Mapping[str, UInt8[np.ndarray, "_ _ 3"]]) -> bool:
        """Take in one frame: its numbers and one image per camera. Returns False, taking nothing, if it is full."""
        size = len(row) + sum(image.nbytes for image in images.values())
        with self._changed:
            if self.memory_bytes + size > self._limit:
                return False
            self.memory_bytes += size
            self._rows.append(row)
            for camera, image in images.items():
                queue = self._queues[camera]
                queue.images[queue.end] = QueuedImage(image)
                queue.end += 1
            self._changed.notify_all()
        return True

    def close(self, *, drop: bool = False) -> None:
        """No more frames will come. With `drop` the waiting ones are dropped."""
        with self._changed:
            self._closed = True
            if drop:
                self._rows.clear()
                for queue in self._queues.values():
                    queue.images.clear()
            self._changed.notify_all()

    def image(self, camera: str, number: int) -> UInt8[np.ndarray, "Y X 3"] | None:
        """Wait for image `number`; None after the last one. It stays queued until it is `encoded`."""
        queue = self._queues[camera]
        with self._changed:
            self._changed.wait_for(lambda: (number in queue.images and not self._encoders_must_wait) or self._closed)
            queued = queue.images.get(number)
            image, record = (queued.image, queued.record) if queued else (None, None)
        return image if record is None else queue.spill.read(record)

    def encoded(self, camera: str, end: int) -> None:
        """Remove the images before `end`, which are stored as video."""
        queue = self._queues[camera]
        with self._changed:
            for number in range(queue.first, end):
                queued = queue.images.pop(number, None)
                if queued and queued.image is not None:
                    self.memory_bytes -= queued.image.nbytes
            queue.first = max(queue.first, end)

    def write_one(self) -> bool:
        """Wait, then write the oldest row, or spill the oldest image if necessary. Returns False after the last one.

        Raises:
            OSError: such as a full disk. The row or image stays queued.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._rows or self._must_spill or self._closed)
            row = self._rows[0] if self._rows else None
            if row is None and (self._closed or not self._must_spill):
                return False
        if row is None:
            self._spill_one()
            return True
        self._numbers.append(row)
        with self._changed:
            if self._rows:  # unless dropped meanwhile
                self._rows.popleft()
                self.memory_bytes -= len(row)
        return True

    @property
    def _must_spill(self) -> bool:
        return self.memory_bytes > self._limit / 2

    @property
    def _encoders_must_wait(self) -> bool:
        return self.memory_bytes > self._limit * 3 / 4

    def _spill_one(self) -> None:
        with self._changed:
            for queue in self._queues.values():
                queue.unspilled = max(queue.unspilled, queue.first)
            queue = min(self._queues.values(), key=lambda queue: queue.unspilled)
            number = queue.unspilled
            if number not in queue.images:  # dropped meanwhile
                return
            image = queue.images[number].image
            if queue.on_disk == 0:
                queue.spill.journal.clear()
        assert image is not None, f"image {number} is on disk already"
        record = queue.spill.append(number, image)
        with self._changed:
            queue.unspilled = number + 1
            queued = queue.images.get(number)
            if queued:  # unless encoded meanwhile
                queued.image, queued.record = None, record
                self.memory_bytes -= image.nbytes
                self._changed.notify_all()

    def waiting(self) -> dict[str, int]:
        """The number of images per camera that are not stored as video yet."""
        with self._changed:
            return {camera: queue.end - queue.first for camera, queue in self._queues.items()}

    def on_disk(self) -> dict[str, int]:
        """The number of those per camera that are on disk."""
        with self._changed:
            return {camera: queue.on_disk for camera, queue in self._queues.items()}

    @property
    def spilling(self) -> bool:
        """Whether images wait on disk."""
        return any(queue.on_disk for queue in self._queues.values())

    def at_risk(self) -> int:
        """The number of frames at least partly in memory only: what a kill would lose now."""
        with self._changed:
            in_memory = (queue.end - max(queue.first, queue.unspilled) for queue in self._queues.values())
            return max(len(self._rows), *in_memory, 0)
