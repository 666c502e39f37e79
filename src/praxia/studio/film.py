"""Films of judged episodes, made by doing their stored actions again in the simulator.

Nothing is drawn during an evaluation but what the policy asks for. Starts and actions are kept, and the same start
and actions give the same episode, so a film is made when somebody wants to look. The repetition's outcome is
compared with the row: a film that shows something else than what was counted says so.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float32, UInt8

from praxia.core.errors import DataError
from praxia.core.types import Embodiment, EnvSpec, Outcome, Progress, Start, VectorEnv
from praxia.results.rows import Row
from praxia.results.store import read_replay
from praxia.rollout.pool import WorkerPool
from praxia.rollout.slots import Build
from praxia.studio.mp4 import encode_mp4
from praxia.studio.sources import ResultsFile

__all__ = ["Film", "Take", "film_episodes", "shoot", "worth_seeing"]

_PICTURES_HZ = 25
# Drawn at twice the size of the film and averaged: the fast render profiles do not smooth edges.
_DRAWN_PX = 512


@dataclass(frozen=True)
class Take:
    """One episode to film: its row, its start in the environment `spec`, and the T actions that were executed.

    `camera` is one of the environment's, `control_hz` its rate.
    """

    row: Row
    spec: EnvSpec
    start: Start
    actions: Float32[np.ndarray, "T A"]
    camera: str
    control_hz: float

    @property
    def stride(self) -> int:
        """Control steps from picture to picture."""
        return max(1, round(self.control_hz / _PICTURES_HZ))


@dataclass(frozen=True)
class Film:
    """A filmed episode. `mp4` plays at the robot's own speed; None: nothing could be filmed.

    `mismatch` says how the repetition differed from the row, or why there is none; None: it ended the same.
    """

    row: Row
    instruction: str
    mp4: bytes | None
    mismatch: str | None


def film_episodes(results: ResultsFile, build: Build) -> list[Film]:
    """A success and a failure of each task, filmed in as many processes as there are cores.

    `build` must be picklable. An episode whose actions are not there becomes a film that says so.
    """
    takes: list[Take] = []
    films: dict[str, Film] = {}
    chosen = worth_seeing(results.rows)
    body: Embodiment | None = None
    for row in chosen:
        try:
            replay = read_replay(results.path, row.start)
        except DataError as error:
            films[row.start] = Film(row, "", None, str(error))
            continue
        # The scene itself, whatever a control showed to the policy.
        spec = replace(replay.spec, size=_DRAWN_PX, wrappers=())
        body = body or _body(spec, build)
        takes.append(Take(row, spec, replay.start, replay.actions, body.cameras[0].name, body.control_hz))
    if takes:
        with closing(WorkerPool(min(len(takes), os.cpu_count() or 1), 1, build)) as slots:
            films |= {one.row.start: one for one in shoot(takes, slots)}
    return [films[row.start] for row in chosen]


def worth_seeing(rows: Sequence[Row]) -> list[Row]:
    """Of each task, in order, one success and one failure, where there is one: that of the smallest start key.

    Keys are hashes, so this is a draw by lot that everybody can repeat, and not a choice by looks.
    """
    chosen = []
    for task in dict.fromkeys(row.task for row in rows):
        for status in ("success", "failure"):
            found = [row for row in rows if (row.task, row.status) == (task, status)]
            chosen += sorted(found, key=lambda row: row.start)[:1]
    return chosen


def shoot(takes: Sequence[Take], slots: VectorEnv) -> Iterator[Film]:
    """One film a take, as they are finished; as many at once as there are slots."""
    waiting = list(takes)[::-1]
    shooting: dict[int, _Shooting] = {}

    def begin(slot: int) -> None:
        if waiting:
            take = waiting.pop()
            shooting[slot] = _Shooting(take)
            slots.begin(slot, take.spec, take.start, (take.camera,))

    for slot in range(slots.num_slots):
        begin(slot)
    while shooting:
        for progress in slots.ready():
            scene = shooting[progress.slot]
            scene.see(progress)
            actions = scene.next_actions()
            if len(actions):
                slots.advance(progress.slot, actions, stop_on_success=False)
            else:
                del shooting[progress.slot]
                begin(progress.slot)
                yield scene.finish()


def _body(spec: EnvSpec, build: Build) -> Embodiment:
    env = build(spec)
    try:
        return env.embodiment
    finally:
        env.close()


@dataclass
class _Shooting:
    """A take under way: what was seen so far."""

    take: Take
    instruction: str = ""
    pictures: list[np.ndarray] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    error: str | None = None

    def see(self, progress: Progress) -> None:
        self.error = progress.error
        self.outcomes.extend(progress.outcomes)
        if progress.observation is not None:
            self.instruction = progress.observation.instruction
            self.pictures.append(_halved(progress.observation.images[self.take.camera]))

    def next_actions(self) -> Float32[np.ndarray, "K A"]:
        """The next few stored actions; none when all were done, or the episode cannot go on."""
        last = self.outcomes[-1] if self.outcomes else None
        over = self.error is not None or (last is not None and (last.terminated or last.truncated))
        done = len(self.take.actions) if over else len(self.outcomes)
        return self.take.actions[done : done + self.take.stride]

    def finish(self) -> Film:
        mp4 = encode_mp4(self.pictures, self.take.control_hz / self.take.stride) if self.pictures else None
        return Film(self.take.row, self.instruction, mp4, self._mismatch())

    def _mismatch(self) -> str | None:
        row = self.take.row
        if self.error is not None:
            return f"the repetition crashed: {self.error}"
        first = next((step for step, outcome in enumerate(self.outcomes, 1) if outcome.success), None)
        steps = len(self.outcomes)
        if (steps, first) == (row.steps, row.success_step):
            return None
        return f"counted was {_outcome(row.steps, row.success_step)}, but its repetition had {_outcome(steps, first)}"


def _halved(picture: UInt8[np.ndarray, "Y X 3"]) -> UInt8[np.ndarray, "Y//2 X//2 3"]:
    """The picture at half its size, each pixel the mean of four; Y and X are even."""
    rows = picture[::2].astype(np.uint16) + picture[1::2]
    return ((rows[:, ::2] + rows[:, 1::2] + 2) // 4).astype(np.uint8)


def _outcome(steps: int, success_step: int | None) -> str:
    return f"{f'success at step {success_step}' if success_step else 'no success'} in {steps} steps"
