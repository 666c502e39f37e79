"""Frames that wait to be written and encoded, oldest first: in memory up to a bound, beyond it on disk."""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import UInt8

from praxia.data.live.journal import Journal
from praxia.data.live.spill import Spill

__all__ = ["Backlog"]


@dataclass
class Waiting:
    """A picture that is not safe as video yet: in memory, or as a record of the spill."""

    picture: UInt8[np.ndarray, "Y X 3"] | None
    record: int | None = None


@dataclass
class Queue:
    """The pictures of one camera by frame number, which rises: `first` waits longest, those below `unspilled` on disk.

    Pictures are spilled oldest first, beginning with what the encoder has in hand, so that packets and spill together
    have no gap: what a kill takes is the newest frames and no others.
    """

    spill: Spill
    pictures: dict[int, Waiting] = field(default_factory=dict)
    first: int = 0
    unspilled: int = 0
    end: int = 0

    @property
    def on_disk(self) -> int:
        """How many pictures wait on disk."""
        return max(0, self.unspilled - self.first)


class Backlog:
    """What lies between the control loop, which must not wait, and encoders and disk, which may be slow.

    The caller's thread `put`s; a thread a camera takes pictures out by `picture` and `encoded`; one thread writes
    numbers and spilled pictures by `write_one`. From half of `memory_bytes` on pictures go to disk, so that the other
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

    def put(self, row: bytes, pictures: Mapping[str, UInt8[np.ndarray, "_ _ 3"]]) -> bool:
        """Take one frame in: its numbers and a picture of every camera. False, and nothing taken, where it is full."""
        size = len(row) + sum(picture.nbytes for picture in pictures.values())
        with self._changed:
            if self.memory_bytes + size > self._limit:
                return False
            self.memory_bytes += size
            self._rows.append(row)
            for camera, picture in pictures.items():
                queue = self._queues[camera]
                queue.pictures[queue.end] = Waiting(picture)
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
                    queue.pictures.clear()
            self._changed.notify_all()

    def picture(self, camera: str, number: int) -> UInt8[np.ndarray, "Y X 3"] | None:
        """Picture `number`, waiting until it has come; None after the last one. It stays until it is `encoded`."""
        queue = self._queues[camera]
        with self._changed:
            self._changed.wait_for(lambda: (number in queue.pictures and not self._urgent) or self._closed)
            waiting = queue.pictures.get(number)
            picture, record = (waiting.picture, waiting.record) if waiting else (None, None)
        return picture if record is None else queue.spill.read(record)

    def encoded(self, camera: str, end: int) -> None:
        """The pictures before `end` are safe as video."""
        queue = self._queues[camera]
        with self._changed:
            for number in range(queue.first, end):
                waiting = queue.pictures.pop(number, None)
                if waiting and waiting.picture is not None:
                    self.memory_bytes -= waiting.picture.nbytes
            queue.first = max(queue.first, end)

    def write_one(self) -> bool:
        """Write the oldest row, or spill the oldest picture, waiting until there is a need; False after the last one.

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
            if number not in queue.pictures:  # dropped meanwhile
                return
            picture = queue.pictures[number].picture
            if queue.on_disk == 0:
                queue.spill.journal.clear()
        assert picture is not None, f"picture {number} is on disk already"
        record = queue.spill.append(number, picture)
        with self._changed:
            queue.unspilled = number + 1
            waiting = queue.pictures.get(number)
            if waiting:  # not encoded meanwhile
                waiting.picture, waiting.record = None, record
                self.memory_bytes -= picture.nbytes
                self._changed.notify_all()

    def waiting(self) -> dict[str, int]:
        """How many pictures of each camera are not safe as video yet."""
        with self._changed:
            return {camera: queue.end - queue.first for camera, queue in self._queues.items()}

    def on_disk(self) -> dict[str, int]:
        """How many of them are on disk."""
        with self._changed:
            return {camera: queue.on_disk for camera, queue in self._queues.items()}

    @property
    def spilling(self) -> bool:
        """Whether pictures wait on disk."""
        return any(queue.on_disk for queue in self._queues.values())

    def at_risk(self) -> int:
        """How many frames are in memory only, in part or as a whole: what a kill would take now."""
        with self._changed:
            in_memory = (queue.end - max(queue.first, queue.unspilled) for queue in self._queues.values())
            return max(len(self._rows), *in_memory, 0)
