"""Judged episodes done again: their stored actions from their stored start, watched on the way.

Nothing is drawn during an evaluation but what the policy asks for. Starts and actions are kept, and the same start
and actions give the same episode, so images are drawn and motion is measured when somebody wants to know. The
repetition's outcome is compared with the row: what shows something else than what was counted says so.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float32, UInt8

from praxia.core.embodiment import Embodiment
from praxia.core.errors import DataError
from praxia.core.process import available_cores
from praxia.core.types import EnvSpec, Outcome, SlotResult, Start, VectorEnv
from praxia.results.rows import Row
from praxia.results.store import read_replay
from praxia.rollout.pool import WorkerPool
from praxia.rollout.slots import BuildEnv
from praxia.studio.sources import ResultsFile

__all__ = ["VIDEO_PX", "Episode", "Repeater", "Repetition", "Take", "repeat"]

_IMAGES_HZ = 25
# The side of an image, in pixels. It is drawn at twice that and averaged: fast render profiles do not smooth edges.
VIDEO_PX = 256


@dataclass(frozen=True)
class Episode:
    """A row of a results file."""

    results: ResultsFile
    row: Row


@dataclass(frozen=True)
class Take:
    """What to do again: an episode's start in the environment `spec` of `embodiment`, and the T actions that were executed.

    Images are taken by `camera`, one of the embodiment's, 25 a second or fewer. With None nothing is drawn, and the state
    is read after each step.
    """

    episode: Episode
    spec: EnvSpec
    start: Start
    actions: Float32[np.ndarray, "T A"]
    embodiment: Embodiment
    camera: str | None

    @property
    def stride(self) -> int:
        """Control steps from look to look."""
        return 1 if self.camera is None else max(1, round(self.embodiment.control_hz / _IMAGES_HZ))


@dataclass(frozen=True)
class Repetition:
    """What was seen of an episode's repetition: at the start, after each stride, and at the end where it went on.

    `mismatch` says how the repetition differed from the row, or why there is none; None: it ended the same. `embodiment` is
    None, and there are no `states`, where the episode could not be begun.
    """

    episode: Episode
    instruction: str = ""
    images: tuple[UInt8[np.ndarray, "Y X 3"], ...] = ()
    states: tuple[Float32[np.ndarray, " S"], ...] = ()
    embodiment: Embodiment | None = None
    image_hz: float = 0.0
    mismatch: str | None = None


class Repeater:
    """Repeats judged episodes in as many processes as there are cores; they start with the first episode.

    `build` must be picklable.
    """

    def __init__(self, build: BuildEnv):
        self._build = build
        self._embodiments: dict[str, Embodiment] = {}
        self._slots: WorkerPool | None = None

    def episodes(self, episodes: Sequence[Episode], *, images: bool) -> Iterator[tuple[int, Repetition]]:
        """Each episode's repetition with its place among `episodes`, as they are done: take all of them.

        An episode whose actions are not there becomes a repetition that says so.
        """
        takes: dict[int, Take] = {}
        for place, episode in enumerate(episodes):
            try:
                takes[place] = self._take(episode, images)
            except DataError as error:
                yield place, Repetition(episode, mismatch=str(error))
        if takes:
            self._slots = self._slots or WorkerPool(available_cores(), 1, self._build)
            yield from repeat(takes, self._slots)

    def pairs(
        self, pairs: Sequence[tuple[Episode, Episode]], *, images: bool
    ) -> Iterator[tuple[int, tuple[Repetition, Repetition]]]:
        """As `episodes`; both of a pair come together, when both are done."""
        halves: dict[int, Repetition] = {}
        for place, done in self.episodes([episode for pair in pairs for episode in pair], images=images):
            # The other half's place is one more or one less.
            if place ^ 1 not in halves:
                halves[place] = done
            else:
                other = halves.pop(place ^ 1)
                yield place // 2, (done, other) if place % 2 == 0 else (other, done)

    def close(self) -> None:
        """End the processes."""
        if self._slots is not None:
            self._slots.close()
            self._slots = None

    def _take(self, episode: Episode, images: bool) -> Take:
        replay = read_replay(episode.results.path, episode.row.start)
        # The scene itself, whatever a control showed to the policy.
        spec = replace(replay.spec, size=2 * VIDEO_PX, wrappers=())
        if spec.env not in self._embodiments:
            with closing(self._build(spec)) as env:
                self._embodiments[spec.env] = env.embodiment
        embodiment = self._embodiments[spec.env]
        return Take(
            episode, spec, replay.start, replay.actions, embodiment, embodiment.cameras[0].name if images else None
        )


def repeat(takes: Mapping[int, Take], slots: VectorEnv) -> Iterator[tuple[int, Repetition]]:
    """One repetition a take, under the take's key, as they are finished; as many at once as there are slots."""
    waiting = list(takes.items())[::-1]
    running: dict[int, tuple[int, _Running]] = {}

    def begin(slot: int) -> None:
        if waiting:
            key, take = waiting.pop()
            running[slot] = key, _Running(take)
            slots.begin(slot, take.spec, take.start, () if take.camera is None else (take.camera,))

    for slot in range(slots.num_slots):
        begin(slot)
    while running:
        for progress in slots.ready():
            key, scene = running[progress.slot]
            scene.see(progress)
            actions = scene.next_actions()
            if len(actions):
                slots.advance(progress.slot, actions, stop_on_success=False)
            else:
                del running[progress.slot]
                begin(progress.slot)
                yield key, scene.finish()


@dataclass
class _Running:
    """A take under way: what was seen so far."""

    take: Take
    instruction: str = ""
    images: list[np.ndarray] = field(default_factory=list)
    states: list[np.ndarray] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    error: str | None = None

    def see(self, progress: SlotResult) -> None:
        self.error = progress.error
        self.outcomes.extend(progress.outcomes)
        if progress.observation is not None:
            self.instruction = progress.observation.instruction
            self.states.append(progress.observation.state)
            if self.take.camera is not None:
                self.images.append(_halved(progress.observation.images[self.take.camera]))

    def next_actions(self) -> Float32[np.ndarray, "K A"]:
        """The next few stored actions; none when all were done, or the episode cannot go on."""
        last = self.outcomes[-1] if self.outcomes else None
        over = self.error is not None or (last is not None and (last.terminated or last.truncated))
        done = len(self.take.actions) if over else len(self.outcomes)
        return self.take.actions[done : done + self.take.stride]

    def finish(self) -> Repetition:
        return Repetition(
            self.take.episode,
            self.instruction,
            tuple(self.images),
            tuple(self.states),
            self.take.embodiment,
            self.take.embodiment.control_hz / self.take.stride,
            self._mismatch(),
        )

    def _mismatch(self) -> str | None:
        row = self.take.episode.row
        if self.error is not None:
            return f"the repetition crashed: {self.error}"
        first = next((step for step, outcome in enumerate(self.outcomes, 1) if outcome.success), None)
        steps = len(self.outcomes)
        if (steps, first) == (row.steps, row.success_step):
            return None
        return f"counted was {_outcome(row.steps, row.success_step)}, but its repetition had {_outcome(steps, first)}"


def _halved(image: UInt8[np.ndarray, "Y X 3"]) -> UInt8[np.ndarray, "Y//2 X//2 3"]:
    """The image at half its size, each pixel the mean of four; Y and X are even."""
    rows = image[::2].astype(np.uint16) + image[1::2]
    return ((rows[:, ::2] + rows[:, 1::2] + 2) // 4).astype(np.uint8)


def _outcome(steps: int, success_step: int | None) -> str:
    return f"{f'success at step {success_step}' if success_step else 'no success'} in {steps} steps"
