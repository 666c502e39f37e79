"""Batches read ahead of their use by worker processes; their arrays come back through shared memory."""

import pickle
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int64

from praxia.core.errors import PraxiaError
from praxia.core.memory import SharedMemory
from praxia.core.process import Worker
from praxia.core.types import Samples

__all__ = ["Loader", "WindowSource"]

# Batches asked of each worker at once: one that it reads, one that waits to be taken.
AHEAD = 2
# Arrays begin where processors like them to.
ALIGN = 64

# The batch without the bytes of its arrays, their sizes, the block they lie in, and whether that is sent next.
Header = tuple[bytes, list[int], int, bool]


@runtime_checkable
class WindowSource(Protocol):
    """What batches are read from, such as a `Mixture`; picklable, and small when pickled."""

    def batch(self, seed: int, step: int, batch_size: int) -> Int64[np.ndarray, " B"]:
        """The numbers of the windows of batch `step`: a pure function of its arguments."""
        ...

    def read(self, indices: Int64[np.ndarray, " B"]) -> Samples:
        """The windows with the given numbers."""
        ...


class Loader:
    """The batches of `source`, read by `workers` processes; with 0 of them, here, when asked for.

    Batch s is a pure function of (seed, s), whoever reads it: any number of workers gives the same batches, and reading
    may begin at any step. Of `share` (rank, n) every n-th row of a batch is read, beginning with `rank`. A worker holds
    `source`, `AHEAD` batches in shared memory, and what reading a data set needs (`data.frames`).

    Raises:
        PraxiaError: at its own step, what reading raised; or a worker that died.
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
        """End the workers and free their memory."""
        for worker in self._workers:
            worker.close()
        self._workers = []
        self._blocks.clear()

    def batches(self, first_step: int, end_step: int) -> Iterator[tuple[int, Samples]]:
        """(step, its samples) for each step from `first_step`."""
        for step in range(first_step, end_step):
            yield step, self.take(step)

    def take(self, step: int) -> Samples:
        """The samples of a step. Steps are read ahead in order, so take them in order, beginning anywhere."""
        if not self._workers:
            return self._read(step)
        if self._next is None:
            for coming in range(step, step + AHEAD * len(self._workers)):
                self._ask(coming)
        elif self._next != step:
            raise PraxiaError(f"expected to be asked for step {self._next} next, got {step}; make a new loader for it")
        found = self._receive(step)
        self._next = step + 1
        self._ask(step + AHEAD * len(self._workers))
        if isinstance(found, str):  # raised last, so that whoever asks again is not given a later step's answer
            raise PraxiaError(found)
        return found

    def _ask(self, step: int) -> None:
        worker = self._workers[step % len(self._workers)]
        try:
            worker.connection.send(step)
        except (BrokenPipeError, ConnectionResetError):
            raise PraxiaError(f"{worker.exit_description} before it read step {step}") from None

    def _receive(self, step: int) -> Samples | str:
        """The samples of a step, or why there are none."""
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
        memory, place, buffers = memoryview(self._blocks[number, turn].bytes), 0, []
        for size in sizes:
            buffers.append(bytearray(memory[place : place + size]))
            place += _aligned(size)
        return pickle.loads(frame, buffers=buffers)  # noqa: S301 - our own child wrote it


class _Reading:
    """Which rows of which batch, out of what: all that a worker needs to know."""

    def __init__(self, source: WindowSource, seed: int, batch_size: int, share: tuple[int, int]):
        self._source, self._seed, self._size, self._share = source, seed, batch_size, share

    def __call__(self, step: int) -> Samples:
        rank, ranks = self._share
        return self._source.read(self._source.batch(self._seed, step, self._size)[rank::ranks])


def _serve(connection: Connection, read: _Reading) -> None:
    """The worker's side: one step at a time, each into the block of shared memory whose batch was taken longest ago."""
    blocks: dict[int, SharedMemory] = {}
    turn = 0
    while True:
        step = connection.recv()
        try:
            frame, arrays = _packed(read(step))
            needed = sum(_aligned(len(array)) for array in arrays)
            new = turn not in blocks or blocks[turn].size < needed
            if new:
                blocks.pop(turn, None)  # before another is made, so that there is room for it
                blocks[turn] = SharedMemory(max(needed, 1))
        except PraxiaError as error:
            connection.send(str(error))
            continue
        memory, place = memoryview(blocks[turn].bytes), 0
        for array in arrays:
            memory[place : place + len(array)] = array
            place += _aligned(len(array))
        connection.send((frame, [len(array) for array in arrays], turn, new))
        if new:
            blocks[turn].send(connection)
        turn = (turn + 1) % AHEAD


def _packed(samples: Samples) -> tuple[bytes, list[memoryview]]:
    """`samples` without the bytes of its arrays, and those."""
    arrays: list[memoryview] = []
    frame = pickle.dumps(samples, protocol=5, buffer_callback=lambda array: arrays.append(array.raw()))
    return frame, arrays


def _aligned(size: int) -> int:
    return -(-size // ALIGN) * ALIGN
