"""Batches prefetched by worker processes; their arrays come back through shared memory."""

import pickle
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64, Int64

from praxia.core.errors import PraxiaError
from praxia.core.memory import SharedMemory
from praxia.core.process import Worker
from praxia.core.window import Samples
from praxia.dataloader.goals import draw_goals

__all__ = ["Loader", "WindowSource"]

# Batches requested from each worker at once: one that it reads, one that waits to be taken.
PREFETCH = 2
# Alignment of arrays in bytes.
ALIGN = 64

# The batch without the bytes of its arrays, their sizes, their block of memory, and whether the block is sent next.
Header = tuple[bytes, list[int], int, bool]


@runtime_checkable
class WindowSource(Protocol):
    """A source of batches, such as a `Mixture`; picklable, and small when pickled."""

    def batch(self, seed: int, step: int, batch_size: int) -> Int64[np.ndarray, " B"]:
        """The numbers of the windows of batch `step`: a pure function of its arguments."""
        ...

    def read(self, indices: Int64[np.ndarray, " B"], drawn: Float64[np.ndarray, " B"]) -> Samples:
        """The windows with the given numbers; their goals, if they have any, are where `drawn` says."""
        ...


class Loader:
    """The batches of `source`, read by `workers` processes; with 0 workers, in this process, on demand.

    Batch s is a pure function of (seed, s): any number of workers gives the same batches, and reading may begin at any
    step. With `share` (rank, n), rows rank, rank + n, ... of each batch are read. A worker's memory holds `source`,
    `PREFETCH` batches in shared memory, and what reading a data set needs (`CachedFrames`).

    Raises:
        PraxiaError: the error of reading a step, when that step is taken; or a worker died.
    """

    def __init__(
        self, source: WindowSource, *, seed: int, batch_size: int, workers: int, share: tuple[int, int] = (0, 1)
    ):
        self.share = share
        self._read = _Reading(source, seed, batch_size, share)
        self._workers = [Worker(_serve, self._read) for _ in range(workers)]
        self._blocks: dict[tuple[int, int], SharedMemory] = {}
        self._next: int | None = None

    def __enter__(self) -> "Loader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the workers and free their memory."""
        for worker in self._workers:
            worker.close()
        self._workers = []
        self._blocks.clear()

    def batches(self, first_step: int, end_step: int) -> Iterator[tuple[int, Samples]]:
        """(step, its samples) for each step from `first_step` to `end_step` - 1."""
        for step in range(first_step, end_step):
            yield step, self.take(step)

    def take(self, step: int) -> Samples:
        """The samples of a step. Steps are prefetched in order: take them in order, beginning at any."""
        if not self._workers:
            return self._read(step)
        if self._next is None:
            for coming in range(step, step + PREFETCH * len(self._workers)):
                self._request(coming)
        elif self._next != step:
            raise PraxiaError(f"expected step {self._next} next, got {step}; make a new loader for it")
        found = self._receive(step)
        self._next = step + 1
        self._request(step + PREFETCH * len(self._workers))
        if isinstance(found, str):  # raised last, so that the next call does not receive a later step's answer
            raise PraxiaError(found)
        return found

    def _request(self, step: int) -> None:
        worker = self._workers[step % len(self._workers)]
        try:
            worker.connection.send(step)
        except (BrokenPipeError, ConnectionResetError):
            raise PraxiaError(f"{worker.exit_description} before it read step {step}") from None

    def _receive(self, step: int) -> Samples | str:
        """The samples of a step, or the message of the error that reading them raised."""
        number = step % len(self._workers)
        worker = self._workers[number]
        try:
            answer: str | Header = worker.connection.recv()
            if isinstance(answer, str):
                return answer
            frame, sizes, turn, new = answer
            if new:
                self._blocks[number, turn] = SharedMemory.receive(worker.connection)
        except (EOFError, ConnectionResetError):
            raise PraxiaError(f"{worker.exit_description} while it read step {step}") from None
        memory, offset, buffers = memoryview(self._blocks[number, turn].bytes), 0, []
        for size in sizes:
            buffers.append(bytearray(memory[offset : offset + size]))
            offset += _aligned(size)
        return pickle.loads(frame, buffers=buffers)  # noqa: S301 - our own child wrote it


class _Reading:
    """The function from a step to its samples, picklable for workers."""

    def __init__(self, source: WindowSource, seed: int, batch_size: int, share: tuple[int, int]):
        self._source, self._seed, self._size, self._share = source, seed, batch_size, share

    def __call__(self, step: int) -> Samples:
        rank, ranks = self._share
        indices = self._source.batch(self._seed, step, self._size)
        drawn = draw_goals(self._seed, step, len(indices))
        return self._source.read(indices[rank::ranks], drawn[rank::ranks])


def _serve(connection: Connection, read: _Reading) -> None:
    """The worker's loop: one step at a time, into the block of shared memory whose batch was taken longest ago."""
    blocks: dict[int, SharedMemory] = {}
    turn = 0
    while True:
        step = connection.recv()
        try:
            frame, arrays = _packed(read(step))
            needed = sum(_aligned(len(array)) for array in arrays)
            new = turn not in blocks or blocks[turn].size < needed
            if new:
                blocks.pop(turn, None)  # before the next is allocated, so that there is room for it
                blocks[turn] = SharedMemory(max(needed, 1))
        except PraxiaError as error:
            connection.send(str(error))
            continue
        memory, offset = memoryview(blocks[turn].bytes), 0
        for array in arrays:
            memory[offset : offset + len(array)] = array
            offset += _aligned(len(array))
        connection.send((frame, [len(array) for array in arrays], turn, new))
        if new:
            blocks[turn].send(connection)
        turn = (turn + 1) % PREFETCH


def _packed(samples: Samples) -> tuple[bytes, list[memoryview]]:
    """`samples` pickled without the bytes of its arrays, and those."""
    arrays: list[memoryview] = []
    frame = pickle.dumps(samples, protocol=5, buffer_callback=lambda array: arrays.append(array.raw()))
    return frame, arrays


def _aligned(size: int) -> int:
    return -(-size // ALIGN) * ALIGN
