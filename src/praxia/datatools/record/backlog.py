"""Frames that wait to be written and encoded, oldest first: in memory up to a bound, beyond it on disk."""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import UInt8

from praxia.datatools.record.journal import Journal, Spill

__all__ = ["Backlog"]


@dataclass
class Waiting:
    """An image that is not safe as video yet: in memory, or as a record of the spill."""

    image: UInt8[np.ndarray, "Y X 3"] | None
    record: int | None = None


@dataclass
class Queue:
    """The images of one camera by frame number, which rises: `first` waits longest, those below `unspilled` on disk.

    Images are spilled oldest first, beginning with what the encoder has in hand, so that packets and spill together
    have no gap: what a kill takes is the newest frames and no others.
    """

    spill: Spill
    images: dict[int, Waiting] = field(default_factory=dict)
    first: int = 0
    unspilled: int = 0
    end: int = 0

    @property
    def on_disk(self) -> int:
        """How many images wait on disk."""
        return max(0, self.unspilled - self.first)


class Backlog:
    """What lies between the control loop, which must not wait, and encoders and disk, which may be slow.

    The caller's thread `put`s; a thread a camera takes images out by `image` and `encoded`; one thread writes
    numbers and spilled images by `write_one`. From half of `memory_bytes` on images go to disk, so that the other
    half is there while the disk is busy. The disk gets its space back when the encoders have caught up.

    From then on the encoders read from disk and free no memory, so they rest while a quarter of it is left: what they
    leave of the processor is what the disk's thread needs where several of them have too little of it.
    """

    def __init__(self, numbers: Journal, spills: Mapping[str, Spill], memory_bytes: int):
        self._numbers = numbers
        self._rows: deque[bytes] = deque()
        self._queues = {camera: Queue(spill) for camera, spill in spills.items()}
        self._limit = memory_bytes
        self._changed = threading.Condition()
        self._closed = False
        self.memory_bytes = 0

    def put(self, row: bytes, images: Mapping[str, UInt8[np.ndarray, "_ _ 3"]]) -> bool:
        """Take one frame in: its numbers and an image of every camera. False, and nothing taken, where it is full."""
        size = len(row) + sum(image.nbytes for image in images.values())
        with self._changed:
            if self.memory_bytes + size > self._limit:
                return False
            self.memory_bytes += size
            self._rows.append(row)
            for camera, image in images.items():
                queue = self._queues[camera]
                queue.images[queue.end] = Waiting(image)
                queue.end += 1
            self._changed.notify_all()
        return True

    def close(self, *, drop: bool = False) -> None:
        """No more frames come. With `drop` those that wait are forgotten."""
        with self._changed:
            self._closed = True
            if drop:
                self._rows.clear()
                for queue in self._queues.values():
                    queue.images.clear()
            self._changed.notify_all()

    def image(self, camera: str, number: int) -> UInt8[np.ndarray, "Y X 3"] | None:
        """Image `number`, waiting until it has come; None after the last one. It stays until it is `encoded`."""
        queue = self._queues[camera]
        with self._changed:
            self._changed.wait_for(lambda: (number in queue.images and not self._urgent) or self._closed)
            waiting = queue.images.get(number)
            image, record = (waiting.image, waiting.record) if waiting else (None, None)
        return image if record is None else queue.spill.read(record)

    def encoded(self, camera: str, end: int) -> None:
        """The images before `end` are safe as video."""
        queue = self._queues[camera]
        with self._changed:
            for number in range(queue.first, end):
                waiting = queue.images.pop(number, None)
                if waiting and waiting.image is not None:
                    self.memory_bytes -= waiting.image.nbytes
            queue.first = max(queue.first, end)

    def write_one(self) -> bool:
        """Write the oldest row, or spill the oldest image, waiting until there is a need; False after the last one.

        Raises:
            OSError: such as a full disk. What was to be written still waits.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._rows or self._crowded or self._closed)
            row = self._rows[0] if self._rows else None
            if row is None and (self._closed or not self._crowded):
                return False
        if row is None:
            self._spill_one()
            return True
        self._numbers.append(row)
        with self._changed:
            if self._rows:  # not dropped meanwhile
                self._rows.popleft()
                self.memory_bytes -= len(row)
        return True

    @property
    def _crowded(self) -> bool:
        return self.memory_bytes > self._limit / 2

    @property
    def _urgent(self) -> bool:
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
            waiting = queue.images.get(number)
            if waiting:  # not encoded meanwhile
                waiting.image, waiting.record = None, record
                self.memory_bytes -= image.nbytes
                self._changed.notify_all()

    def waiting(self) -> dict[str, int]:
        """How many images of each camera are not safe as video yet."""
        with self._changed:
            return {camera: queue.end - queue.first for camera, queue in self._queues.items()}

    def on_disk(self) -> dict[str, int]:
        """How many of them are on disk."""
        with self._changed:
            return {camera: queue.on_disk for camera, queue in self._queues.items()}

    @property
    def spilling(self) -> bool:
        """Whether images wait on disk."""
        return any(queue.on_disk for queue in self._queues.values())

    def at_risk(self) -> int:
        """How many frames are in memory only, in part or as a whole: what a kill would take now."""
        with self._changed:
            in_memory = (queue.end - max(queue.first, queue.unspilled) for queue in self._queues.values())
            return max(len(self._rows), *in_memory, 0)
