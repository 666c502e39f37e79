"""Worker processes that record episodes."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from praxia.collect.plan import CollectionPlan
from praxia.collect.record import record
from praxia.core.errors import PraxiaError, RecordingError
from praxia.core.process import Worker
from praxia.core.types import Policy
from praxia.envs.family import EnvFamily
from praxia.rollout.queues import GroupedQueue
from praxia.rollout.slots import LocalSlots

__all__ = ["Crew", "MakeExpert"]

# From what each task's robot is told to the expert of them all. Picklable.
MakeExpert = Callable[[Mapping[str, str]], Policy]


class Crew:
    """`num_workers` processes recording `collection` into `root`, each staying with a task while it can.

    An episode that crashes, or whose worker dies, is begun once more from the same start.
    """

    def __init__(
        self, num_workers: int, root: Path, collection: CollectionPlan, family: EnvFamily, make_expert: MakeExpert
    ):
        self._arguments = (root, collection, family, make_expert)
        self._workers = [Worker(_serve, *self._arguments) for _ in range(num_workers)]
        self._num_tasks = len(collection.tasks)
        self._doing: dict[int, int] = {}
        self._crashes: dict[int, str] = {}

    def run(self, indices: Iterable[int]) -> Iterator[tuple[int, bool]]:
        """Record the episodes `indices`; yields (index, success) of each when it is safe on the disk.

        Raises:
            RecordingError: an episode crashed twice, or the disk is full.
            PraxiaError: bad input that a worker met.
        """
        waiting = GroupedQueue(indices, lambda index: index % self._num_tasks)
        for number in range(len(self._workers)):
            self._hand_out(number, waiting.take(number))
        while self._doing:
            readable = wait([self._workers[number].connection for number in self._doing])
            for number in [number for number in self._doing if self._workers[number].connection in readable]:
                index, (verdict, detail) = self._doing.pop(number), self._listen(number)
                if verdict == "crashed":
                    self._note_crash(index, detail)
                    waiting.put_back(index)
                self._hand_out(number, waiting.take(number))
                if verdict == "recorded":
                    yield index, detail

    @property
    def num_crashes(self) -> int:
        return len(self._crashes)

    def close(self) -> None:
        for worker in self._workers:
            worker.close()
        self._workers = []

    def _hand_out(self, number: int, index: int | None) -> None:
        if index is not None:
            self._doing[number] = index
            # A worker that died idle cannot be told: its pipe says so when we listen, and the episode has crashed.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._workers[number].connection.send(index)

    def _listen(self, number: int) -> tuple[str, Any]:
        """What worker `number` says of its episode: "recorded" with its success, or "crashed" with why."""
        try:
            verdict, detail = self._workers[number].connection.recv()
        except (EOFError, ConnectionResetError):
            detail = self._workers[number].epitaph
            self._workers[number].close()
            self._workers[number] = Worker(_serve, *self._arguments)
            return "crashed", detail
        if verdict == "refused":
            kind, message = detail
            raise RecordingError(message) if kind == RecordingError.__name__ else PraxiaError(message)
        return verdict, detail

    def _note_crash(self, index: int, crash: str) -> None:
        if index in self._crashes:
            raise RecordingError(
                f"episode {index} crashed twice from the same start ({crash}); every episode recorded before is kept:"
                " go on with --resume, or leave its task out"
            )
        self._crashes[index] = crash


def _serve(
    connection: Connection, root: Path, collection: CollectionPlan, family: EnvFamily, make_expert: MakeExpert
) -> None:
    """The worker's side: an index comes in, a verdict and its detail go out."""
    slots = LocalSlots(1, family.build)
    expert = make_expert(family.instructions)
    while True:
        index = connection.recv()
        try:
            trajectory = record(root, index, collection, family, expert, slots)
        except PraxiaError as error:
            connection.send(("refused", (type(error).__name__, str(error))))
        else:
            crashed = trajectory.error is not None
            connection.send(
                ("crashed", trajectory.error) if crashed else ("recorded", trajectory.success_step is not None)
            )
