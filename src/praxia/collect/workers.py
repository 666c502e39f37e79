"""Recorders: episodes are recorded by worker processes, or in slots that somebody else made."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol, runtime_checkable

from praxia.collect.plan import CollectionPlan
from praxia.collect.record import CrashCount, record_episodes
from praxia.core.types import Policy
from praxia.core.workers import Death, Workers, answer_requests
from praxia.data.recorder import StagedRecorder
from praxia.envs.family import EnvFamily
from praxia.rollout.pool import MakeSlots
from praxia.rollout.queues import GroupedQueue
from praxia.rollout.slots import LocalSlots
from praxia.rollout.types import Trajectory

__all__ = ["MakeExpert", "Recorder", "RecordingSlots", "RecordingWorkers"]

# From each task's instruction to the expert of all tasks. Picklable.
MakeExpert = Callable[[Mapping[str, str]], Policy]


@runtime_checkable
class Recorder(Protocol):
    """Records episodes of a plan. One that crashes, or whose worker dies, is recorded once more from the same start."""

    crashes: CrashCount

    def run(self, indices: Sequence[int]) -> Iterator[tuple[int, bool]]:
        """Record the episodes `indices`, and yield (index, success) of each when it is safely on disk.

        Raises:
            RecordingError: an episode crashed twice, or the disk is full.
            PraxiaError: bad input.
        """
        ...

    def close(self) -> None: ...


class RecordingWorkers:
    """A `Recorder` of processes, each with one environment, the expert and the encoding of its episodes.

    Each stays with a task while it can.
    """

    def __init__(self, num_workers: int, root: Path, plan: CollectionPlan, family: EnvFamily, make_expert: MakeExpert):
        self.crashes = CrashCount()
        self._workers = Workers(num_workers, _serve, root, plan, family, make_expert)
        self._num_tasks = len(plan.tasks)

    def run(self, indices: Sequence[int]) -> Iterator[tuple[int, bool]]:
        queue = GroupedQueue(indices, lambda index: index % self._num_tasks)
        index_by_worker: dict[int, int] = {}

        def assign(number: int) -> None:
            if (index := queue.take(number)) is not None:
                index_by_worker[number] = index
                self._workers.request(number, index)

        for number in range(len(self._workers)):
            assign(number)
        while index_by_worker:
            finished, answers = list[tuple[int, bool]](), self._workers.answers()
            for number, answer in answers:
                # A worker that died idle, or after its answer, had no episode.
                index = index_by_worker.pop(number, None)
                if index is None:
                    continue
                if isinstance(answer, Death | str):
                    self.crashes.add(index, answer.reason if isinstance(answer, Death) else answer)
                    queue.put_back(index)
                else:
                    finished.append((index, answer))
            # Only now: what a worker that has answered and died is given goes to the one in its place.
            for number in dict.fromkeys(number for number, _ in answers):
                assign(number)
            yield from finished

    def close(self) -> None:
        self._workers.close()


class RecordingSlots:
    """A `Recorder` in the `VectorEnv` of `make_slots`: the expert acts and episodes are encoded in this process."""

    def __init__(
        self, make_slots: MakeSlots, root: Path, plan: CollectionPlan, family: EnvFamily, make_expert: MakeExpert
    ):
        self.crashes = CrashCount()
        self._make_slots = make_slots
        self._arguments = (plan, family, make_expert(family.instructions))
        self._recorder = StagedRecorder(root, plan.embodiment(family))

    def run(self, indices: Sequence[int]) -> Iterator[tuple[int, bool]]:
        with closing(self._make_slots(len(indices))) as slots:
            while indices:
                crashed: list[int] = []
                for trajectory in record_episodes(self._recorder, indices, *self._arguments, slots):
                    index = trajectory.job.index
                    if trajectory.error is None:
                        yield index, _succeeded(trajectory)
                    else:
                        self.crashes.add(index, trajectory.error)
                        crashed.append(index)
                indices = crashed

    def close(self) -> None:
        """Nothing is left: `run` closes its slots."""


def _succeeded(trajectory: Trajectory) -> bool:
    return trajectory.success_step is not None


def _serve(
    connection: Connection, root: Path, plan: CollectionPlan, family: EnvFamily, make_expert: MakeExpert
) -> None:
    """The worker's side: from an index to whether that episode succeeded, or the text of its crash."""
    slots = LocalSlots(1, family.build)
    expert = make_expert(family.instructions)
    recorder = StagedRecorder(root, plan.embodiment(family))

    def record(index: int) -> bool | str:
        (trajectory,) = record_episodes(recorder, [index], plan, family, expert, slots)
        return _succeeded(trajectory) if trajectory.error is None else trajectory.error

    answer_requests(connection, record)
