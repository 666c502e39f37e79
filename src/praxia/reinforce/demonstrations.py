"""Demonstrations as transitions: recorded actions are repeated in the simulator, in the learner's own time.

Axes: N steps, R action repeat, A action dims.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from praxia.core.embodiment import Embodiment
from praxia.core.errors import DataError, MismatchError
from praxia.core.types import ChunkExecution, Decision, EnvSpec, Query, Start
from praxia.core.window import Window
from praxia.data.dataset import Dataset
from praxia.data.generation import is_as_recorded
from praxia.reinforce.interaction import Lockstep
from praxia.reinforce.transitions import Transition, TransitionMaker
from praxia.rollout.loop import run_episodes
from praxia.rollout.pool import MakeSlots
from praxia.rollout.queues import GroupedQueue
from praxia.rollout.types import Agent, Job

__all__ = ["Demonstration", "read_demonstrations", "repeat_demonstrations"]

# A demonstration ends so many steps after its success: those at the goal are worth most.
STEPS_AFTER_SUCCESS = 3


@dataclass(frozen=True)
class Demonstration:
    """The start of a recorded episode and the actions that were executed, in declared units."""

    start: Start
    actions: Float32[np.ndarray, "N A"]


def read_demonstrations(folder: Path, spec: EnvSpec, embodiment: Embodiment) -> tuple[list[Demonstration], Dataset]:
    """The successful episodes of the task of `spec` in a data set, and the data set.

    Read are starts and executed actions. Rewards and privileged states are not: repeating gives both.

    Raises:
        MismatchError: a data set of another writer, which has no starts, or of another embodiment.
        DataError: it has no successful episode of the task.
    """
    data = Dataset(folder)
    if not data.written_by_praxia:
        raise MismatchError(
            f"expected --demos that praxia recorded, got {folder}: it has no starts to repeat them from"
        )
    if data.embodiment.action != embodiment.action:
        raise MismatchError(
            f"expected --demos with actions of {embodiment.name!r}, got {data.embodiment.name!r}: {folder}"
        )
    executed, found = data.column("action.executed").astype(np.float32), []
    for number in data.select():
        record, first = data.records[number], data.episodes.first[number]
        start = Start(**record["start"])
        if is_as_recorded(record) and (start.env, start.task) == (spec.env, spec.task):
            found.append(Demonstration(start, executed[first : first + data.episodes.length[number]]))
    if not found:
        raise DataError(
            f"expected successful episodes of {spec.env}/{spec.task} in --demos {folder}, got none; record them:"
            f" `praxia collect {spec.env} --tasks {spec.task}`"
        )
    return found, data


def repeat_demonstrations(
    demonstrations: Sequence[Demonstration],
    spec: EnvSpec,
    embodiment: Embodiment,
    layout: Mapping[str, int],
    make_slots: MakeSlots,
    *,
    slots: int,
    repeat: int,
    horizon: int,
) -> list[list[Transition]]:
    """The transitions of each demonstration that succeeds again, in the order of the demonstrations.

    The learner repeats each action for R steps, so its demonstrations do, too: every R recorded actions are executed as
    their mean, R times. The states and rewards are those of this episode, in the learner's own decision process.
    """
    kept: dict[int, list[Transition]] = {number: [] for number in range(len(demonstrations))}
    jobs = [Job(spec, one.start, str(number), number) for number, one in enumerate(demonstrations)]
    agent = Agent(_Repeating([one.actions for one in demonstrations], embodiment, repeat), ChunkExecution(repeat))
    with closing(Lockstep(make_slots(min(slots, len(jobs))))) as environments:
        ended = run_episodes(
            [agent],
            environments,
            GroupedQueue(jobs, lambda job: job.spec),
            horizon=horizon,
            embodiment=embodiment,
            steps_after_success=STEPS_AFTER_SUCCESS,
            on_step=TransitionMaker(layout, lambda one: kept[one.episode].append(one)),
        )
        failed = [one.job.index for one in ended if one.success_step is None or one.error is not None]
    return [transitions for number, transitions in kept.items() if number not in failed]


class _Repeating:
    """Executes the mean of every `repeat` recorded actions; beyond the last it goes on with that."""

    privileged = True

    def __init__(self, actions: Sequence[Float32[np.ndarray, "N A"]], embodiment: Embodiment, repeat: int):
        self.embodiment: Embodiment | None = embodiment
        self.window = Window({"state": (0,)}, repeat)
        self._actions, self._repeat = actions, repeat

    def start(self, num_rows: int) -> None:
        return None

    def act(self, queries: Sequence[Query], carry: None) -> tuple[list[Decision], None]:
        valid = np.ones(self._repeat, dtype=bool)
        return [Decision(np.tile(self._mean(query), (self._repeat, 1)), valid) for query in queries], None

    def _mean(self, query: Query) -> Float32[np.ndarray, " A"]:
        actions = self._actions[int(query.key)]
        first = min(query.step, (len(actions) - 1) // self._repeat * self._repeat)
        return actions[first : first + self._repeat].mean(axis=0)
