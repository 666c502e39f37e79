"""Replay evaluated episodes: execute their stored actions from their stored starts, and record images or states.

An evaluation renders only what the policy observes. It stores starts and actions, which reproduce the episode exactly,
so images and motion are computed later, on demand. The outcome of each replay is compared with its row: a video that
shows something else than what was counted says so.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float32, UInt8

from praxia.core.errors import DataError, MismatchError
from praxia.core.process import available_cores
from praxia.core.simulator import expect_simulator
from praxia.core.types import Embodiment, EnvSpec, Outcome, SlotResult, Start, VectorEnv
from praxia.results.rows import Row
from praxia.results.store import read_replay
from praxia.rollout.pool import MakeSlots, process_pool
from praxia.rollout.slots import BuildEnv
from praxia.studio.sources import StoredResults

__all__ = ["VIDEO_PX", "EpisodeRow", "ReplayJob", "ReplayRunner", "ReplayedEpisode", "run_replays"]

_MAX_IMAGES_HZ = 25
# The side of an image in pixels. Images are rendered at twice that and averaged: fast render profiles do not antialias.
VIDEO_PX = 256


@dataclass(frozen=True)
class EpisodeRow:
    """One row of a results file."""

    results: StoredResults
    row: Row


@dataclass(frozen=True)
class ReplayJob:
    """One replay to run: the episode's start in the environment `spec` of `embodiment`, and its T executed actions.

    `camera`, one of the embodiment's, records at most 25 images per second. With None nothing is rendered, and the
    state is recorded after every step.
    """

    episode: EpisodeRow
    spec: EnvSpec
    start: Start
    actions: Float32[np.ndarray, "T A"]
    embodiment: Embodiment
    camera: str | None

    @property
    def stride(self) -> int:
        """Control steps from one observation to the next."""
        return 1 if self.camera is None else max(1, round(self.embodiment.control_hz / _MAX_IMAGES_HZ))


@dataclass(frozen=True)
class ReplayedEpisode:
    """Observations of one replay: at the start, after each stride, and at the end of the episode.

    `mismatch` explains how the replay differed from the row, or why there is no replay; None if both ended alike.
    `embodiment` is None and `states` is empty if the episode could not be started.
    """

    episode: EpisodeRow
    instruction: str = ""
    images: tuple[UInt8[np.ndarray, "Y X 3"], ...] = ()
    states: tuple[Float32[np.ndarray, " S"], ...] = ()
    embodiment: Embodiment | None = None
    image_hz: float = 0.0
    mismatch: str | None = None


class ReplayRunner:
    """Replays episodes in what `make_slots(number of cores)` returns, from the first replay on.

    None: one worker process per core, with environments of `build`, which must be picklable. An environment of `build`
    also says which embodiment acts.
    """

    def __init__(self, build: BuildEnv, make_slots: MakeSlots | None = None):
        self._build = build
        self._make_slots = make_slots or process_pool(build, available_cores(), slots_per_worker=1)
        self._embodiments: dict[str, Embodiment] = {}
        self._slots: VectorEnv | None = None

    def replay(self, episodes: Sequence[EpisodeRow], *, images: bool) -> Iterator[tuple[int, ReplayedEpisode]]:
        """Each episode's replay with its index in `episodes`, in order of completion; exhaust the iterator.

        An episode whose actions are missing, or that a robot executed, yields a `ReplayedEpisode` with a mismatch.
        """
        jobs: dict[int, ReplayJob] = {}
        for index, episode in enumerate(episodes):
            try:
                jobs[index] = self._job(episode, images)
            except (DataError, MismatchError) as error:
                yield index, ReplayedEpisode(episode, mismatch=str(error))
        if jobs:
            self._slots = self._slots or self._make_slots(available_cores())
            yield from run_replays(jobs, self._slots)

    def replay_pairs(
        self, pairs: Sequence[tuple[EpisodeRow, EpisodeRow]], *, images: bool
    ) -> Iterator[tuple[int, tuple[ReplayedEpisode, ReplayedEpisode]]]:
        """Like `replay`, but yields both episodes of a pair together, once both are done."""
        finished: dict[int, ReplayedEpisode] = {}
        for index, replayed in self.replay([episode for pair in pairs for episode in pair], images=images):
            # The partner's index is one more or one less.
            if index ^ 1 not in finished:
                finished[index] = replayed
            else:
                partner = finished.pop(index ^ 1)
                yield index // 2, (replayed, partner) if index % 2 == 0 else (partner, replayed)

    def close(self) -> None:
        """Close the slots."""
        if self._slots is not None:
            self._slots.close()
            self._slots = None

    def _job(self, episode: EpisodeRow, images: bool) -> ReplayJob:
        replay = read_replay(episode.results.path, *episode.row.episode)
        # Without wrappers: the true scene, even where a control showed the policy something else.
        spec = replace(replay.spec, size=2 * VIDEO_PX, wrappers=())
        if spec.env not in self._embodiments:
            with closing(self._build(spec)) as env:
                self._embodiments[spec.env] = expect_simulator(env, "a replay").embodiment
        embodiment = self._embodiments[spec.env]
        camera = embodiment.cameras[0].name if images else None
        return ReplayJob(episode, spec, replay.start, replay.actions, embodiment, camera)


def run_replays(jobs: Mapping[int, ReplayJob], slots: VectorEnv) -> Iterator[tuple[int, ReplayedEpisode]]:
    """Each job's replay under the job's key, in order of completion; as many run at once as there are slots."""
    pending = list(jobs.items())[::-1]
    running: dict[int, tuple[int, _RunningReplay]] = {}

    def begin(slot: int) -> None:
        if pending:
            key, job = pending.pop()
            running[slot] = key, _RunningReplay(job)
            slots.begin(slot, job.spec, job.start, () if job.camera is None else (job.camera,))

    for slot in range(slots.num_slots):
        begin(slot)
    while running:
        for result in slots.ready():
            key, replay = running[result.slot]
            replay.add(result)
            actions = replay.next_actions()
            if len(actions):
                slots.advance(result.slot, actions, stop_on_success=False)
            else:
                del running[result.slot]
                begin(result.slot)
                yield key, replay.finish()


@dataclass
class _RunningReplay:
    """A replay under way, with its observations so far."""

    job: ReplayJob
    instruction: str = ""
    images: list[np.ndarray] = field(default_factory=list)
    states: list[np.ndarray] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    error: str | None = None

    def add(self, result: SlotResult) -> None:
        self.error = result.error
        self.outcomes.extend(result.outcomes)
        if result.observation is not None:
            self.instruction = result.observation.instruction
            self.states.append(result.observation.state)
            if self.job.camera is not None:
                self.images.append(_halved(result.observation.images[self.job.camera]))

    def next_actions(self) -> Float32[np.ndarray, "K A"]:
        """The next stored actions, one stride of them; empty at the end, or if the episode cannot continue."""
        last = self.outcomes[-1] if self.outcomes else None
        over = self.error is not None or (last is not None and (last.terminated or last.truncated))
        done = len(self.job.actions) if over else len(self.outcomes)
        return self.job.actions[done : done + self.job.stride]

    def finish(self) -> ReplayedEpisode:
        return ReplayedEpisode(
            self.job.episode,
            self.instruction,
            tuple(self.images),
            tuple(self.states),
            self.job.embodiment,
            self.job.embodiment.control_hz / self.job.stride,
            self._mismatch(),
        )

    def _mismatch(self) -> str | None:
        row = self.job.episode.row
        if self.error is not None:
            return f"the replay crashed: {self.error}"
        first = next((step for step, outcome in enumerate(self.outcomes, 1) if outcome.success), None)
        steps = len(self.outcomes)
        if (steps, first) == (row.steps, row.success_step):
            return None
        return f"the results have {_outcome(row.steps, row.success_step)}, but the replay had {_outcome(steps, first)}"


def _halved(image: UInt8[np.ndarray, "Y X 3"]) -> UInt8[np.ndarray, "Y//2 X//2 3"]:
    """The image at half its size, each pixel the mean of four; Y and X are even."""
    rows = image[::2].astype(np.uint16) + image[1::2]
    return ((rows[:, ::2] + rows[:, 1::2] + 2) // 4).astype(np.uint8)


def _outcome(steps: int, success_step: int | None) -> str:
    return f"{f'success at step {success_step}' if success_step else 'no success'} in {steps} steps"
