"""Worker processes that record episodes."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from praxia.collect.plan import CollectionPlan
from praxia.collect.record import record_episode
from praxia.core.errors import PraxiaError, RecordingError
from praxia.core.process import Worker
from praxia.core.types import Policy
from praxia.envs.family import EnvFamily
from praxia.rollout.queues import GroupedQueue
from praxia.rollout.slots import LocalSlots

__all__ = ["MakeExpert", "RecordingWorkers"]

# From each task's instruction to the expert of all tasks. Picklable.
MakeExpert = Callable[[Mapping[str, str]], Policy]


class RecordingWorkers:
    """`num_workers` processes that record the episodes of `plan` into `root`. Each stays with a task while it can.

    An episode that crashes, or whose worker dies, is recorded once more from the same start.
    """

    def __init__(self, num_workers: int, root: Path, plan: CollectionPlan, family: EnvFamily, make_expert: MakeExpert):
        self._arguments = (root, plan, family, make_expert)
        self._workers = [Worker(_serve, *self._arguments) for _ in range(num_workers)]
        self._num_tasks = len(plan.tasks)
        self._index_by_worker: dict[int, int] = {}
        self._crashes: dict[int, str] = {}

    def run(self, indices: Iterable[int]) -> Iterator[tuple[int, bool]]:
        """Record the episodes `indices`, and yield (index, success) of each when it is safely on disk.

        Raises:
            RecordingError: an episode crashed twice, or the disk is full.
            PraxiaError: bad input in a worker.
        """
        queue = GroupedQueue(indices, lambda index: index % self._num_tasks)
        for number in range(len(self._workers)):
            self._assign(number, queue.take(number))
        while self._index_by_worker:
            readable = wait([self._workers[number].connection for number in self._index_by_worker])
            done = [number for number in self._index_by_worker if self._workers[number].connection in readable]
            for number in done:
                index, (outcome, detail) = self._index_by_worker.pop(number), self._receive(number)
                if outcome == "crashed":
                    self._count_crash(index, detail)
                    queue.put_back(index)
                self._assign(number, queue.take(number))
                if outcome == "recorded":
                    yield index, detail

    @property
    def num_crashes(self) -> int:
        return len(self._crashes)

    def close(self) -> None:
        for worker in self._workers:
            worker.close()
        self._workers = []

    def _assign(self, number: int, index: int | None) -> None:
        if index is not None:
            self._index_by_worker[number] = index
            # A worker that died idle breaks the pipe: `_receive` then finds it dead, and the episode has crashed.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._workers[number].connection.send(index)

    def _receive(self, number: int) -> tuple[str, Any]:
        """The result of worker `number`: ("recorded", success) or ("crashed", reason)."""
        try:
            outcome, detail = self._workers[number].connection.recv()
        except (EOFError, ConnectionResetError):
            detail = self._workers[number].exit_description
            self._workers[number].close()
            self._workers[number] = Worker(_serve, *self._arguments)
            return "crashed", detail
        if outcome == "refused":
            kind, message = detail
            raise RecordingError(message) if kind == RecordingError.__name__ else PraxiaError(message)
        return outcome, detail

    def _count_crash(self, index: int, crash: str) -> None:
        if index in self._crashes:
            raise RecordingError(
                f"episode {index} crashed twice from the same start ({crash}); every episode recorded before is kept:"
                " continue with --resume, or leave its task out"
            )
        self._crashes[index] = crash


def _serve(
    connection: Connection, root: Path, plan: CollectionPlan, family: EnvFamily, make_expert: MakeExpert
) -> None:
    """The worker's side: it receives indices and sends (outcome, detail)."""
    slots = LocalSlots(1, family.build)
    expert = make_expert(family.instructions)
    while True:
        index = connection.recv()
        try:
            trajectory = record_episode(root, index, plan, family, expert, slots)
        except PraxiaError as error:
            connection.send(("refused", (type(error).__name__, str(error))))
        else:
            if trajectory.error is not None:
                connection.send(("crashed", trajectory.error))
            else:
                connection.send(("recorded", trajectory.success_step is not None))
