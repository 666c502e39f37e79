"""Dreams: a policy runs inside a world, and what is imagined becomes an ordinary data set that says what it is."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from praxia.collect.record import to_episode
from praxia.core.embodiment import Embodiment
from praxia.core.errors import DataError, MismatchError, RecordingError
from praxia.core.keys import generator
from praxia.core.types import ChunkExecution, EnvSpec, Observation, Policy, Start
from praxia.data.dataset import Dataset
from praxia.data.episode import Episode
from praxia.data.finalize import finalize
from praxia.data.generation import GENERATION, generations
from praxia.data.recorder import StagedRecorder, save_episode
from praxia.data.recording import begin_recording, recording_lock
from praxia.rollout.loop import rollout
from praxia.rollout.pool import MakeSlots
from praxia.rollout.types import Job, Recording, Trajectory

__all__ = ["DreamPlan", "RecordedStarts", "dream", "next_generation"]

# The environment of a start that is a frame of a data set.
RECORDED = "recorded"


@dataclass(frozen=True)
class DreamPlan:
    """`episodes` of at most `steps` control steps of a policy inside a world, from frames of a data set.

    A world imagines every `stride` control steps, at which the policy decides at the soonest: it executes
    `execution_horizon` actions of a chunk. The hashes say whose dreams these are, and `data` from where they begin.
    """

    data: str
    world_sha256: str
    probes_sha256: str
    policy_sha256: str
    generation: int
    episodes: int
    steps: int
    execution_horizon: int
    stride: int
    seed: int = 0

    def to_json(self) -> dict[str, Any]:
        """The content of plan.json."""
        return {"dream": asdict(self)}

    def provenance(self, key: str) -> dict[str, Any]:
        """That of an episode, whose noise depends on `key`."""
        hashes = {name: getattr(self, name) for name in ("world_sha256", "probes_sha256", "policy_sha256")}
        return {"collector": "dream", GENERATION: self.generation, **hashes, "stride": self.stride, "key": key}


class RecordedStarts:
    """First observations from frames of a data set: a `worlds.env.FirstObservation`."""

    def __init__(self, dataset: Dataset):
        self.dataset = dataset
        done = dataset.column("next.success")[:, 0] if dataset.has_finite("next.success") else None
        self._done = np.zeros(dataset.num_frames, bool) if done is None else done.astype(bool)

    def draw(self, seed: int, index: int) -> Start:
        """Start `index`: a frame of any episode, before its success. A pure function of data, seed and index."""
        episodes, rng = self.dataset.episodes, generator("dream", seed, index)
        episode = int(rng.integers(len(episodes)))
        first, length = int(episodes.first[episode]), int(episodes.length[episode])
        done = np.flatnonzero(self._done[first : first + length])
        frame = int(rng.integers(max(1, done[0] if len(done) else length)))
        payload = {"data": self.dataset.content_hash, "episode": episode, "frame": frame}
        return Start(RECORDED, episodes.task[episode], payload)

    def __call__(
        self, spec: EnvSpec, start: Start, cameras: Sequence[str]
    ) -> tuple[Observation, Mapping[str, np.ndarray] | None]:
        """The observation of the start's frame.

        Raises:
            MismatchError: a start of other data.
        """
        dataset, payload = self.dataset, start.payload
        if start.env != RECORDED or payload["data"] != dataset.content_hash:
            raise MismatchError(f"expected a start that is a frame of {dataset.root}, got one of {start.env!r}")
        frame = int(dataset.episodes.first[payload["episode"]]) + payload["frame"]
        images = {name: dataset.decode(name, np.array([frame]))[0] for name in cameras}
        state = dataset.column("observation.state")[frame].astype(np.float32)
        return Observation(images, state, dataset.episodes.instruction[payload["episode"]], 0.0), None


def next_generation(provenances: Sequence[Mapping[str, Any]], datasets: Sequence[Dataset]) -> int:
    """One more than the latest of the sources: what world and policy were trained on (`run.json`), and data."""
    trained = [int(one.get(GENERATION, 0)) for one in provenances]
    return 1 + max([*trained, *(int(generations(one).max(initial=0)) for one in datasets)])


def dream(
    plan: DreamPlan,
    out: Path,
    embodiment: Embodiment,
    policy: Policy,
    starts: RecordedStarts,
    make_slots: MakeSlots,
    *,
    resume: bool = False,
    report: Callable[[int, int, str], None] = lambda done, planned, text: None,
) -> dict[str, Any]:
    """Write the dreams of `plan` that are missing in `out`, and finalize the data set.

    Episodes run in the world that `make_slots(number of episodes)` returns. `embodiment` has the cameras that are
    decoded there; rows are control steps, between two imagined timesteps with the state on the line between theirs. So
    images are recorded at a stride of 1 alone. Success is what the world's detector says.

    Returns {episodes, frames, generation, dreamed_done, content_sha256}; `dreamed_done` counts the episodes in which
    the detector saw the task done.

    Raises:
        PraxiaError: `out` is not empty and `resume` was not given. MismatchError: `resume` with another plan; cameras
            at a stride above 1. RecordingError: an episode failed inside the world.
    """
    if embodiment.cameras and plan.stride > 1:
        raise MismatchError(
            f"images are dreamed every {plan.stride} control steps, and a data set has one at each: expected an"
            f" embodiment without cameras, got {embodiment.cameras[0].name!r}"
        )
    with recording_lock(out):
        recovered = begin_recording(out, plan.to_json(), resume=resume)
        missing = sorted(set(range(plan.episodes)) - set(recovered))
        recorder, spec = StagedRecorder(out, embodiment), EnvSpec(RECORDED, "")
        cameras = tuple(one.name for one in embodiment.cameras)
        drawn = {index: starts.draw(plan.seed, index) for index in missing}
        jobs = [Job(spec, start, f"{plan.seed}/{index}", index) for index, start in drawn.items()]
        if jobs:
            with closing(make_slots(len(jobs))) as slots:
                for number, trajectory in enumerate(
                    rollout(
                        policy,
                        slots,
                        jobs,
                        execution=ChunkExecution(plan.execution_horizon),
                        horizon=plan.steps,
                        steps_after_success=plan.stride,
                        recording=Recording(cameras, snapshots=False, every_step=True, stride=plan.stride),
                    )
                ):
                    _save(recorder, trajectory, embodiment, plan)
                    report(len(recovered) + number + 1, plan.episodes, "dreamed")
        content_sha256 = finalize(out, embodiment, plan.to_json())
    dataset = Dataset(out)
    return {
        "episodes": dataset.num_episodes,
        "frames": dataset.num_frames,
        "generation": plan.generation,
        "dreamed_done": int(dataset.episodes.success.sum()),
        "content_sha256": content_sha256,
    }


def _save(recorder: StagedRecorder, trajectory: Trajectory, embodiment: Embodiment, plan: DreamPlan) -> None:
    index = trajectory.job.index
    if trajectory.error is not None:
        raise RecordingError(
            f"dream {index} ended in an error ({trajectory.error}); those before are kept: continue with --resume"
        )
    try:
        save_episode(recorder, index, _episode(trajectory, embodiment, plan))
    except DataError as error:
        raise RecordingError(f"dream {index} is not finite: {error}; the world left what it knows") from error


def _episode(trajectory: Trajectory, embodiment: Embodiment, plan: DreamPlan) -> Episode:
    """The trajectory, which was observed at every imagined timestep, with an observation before every step."""
    seen = trajectory.observations

    def before(step: int) -> Observation:
        at, share = step // plan.stride, step % plan.stride / plan.stride
        if share == 0:
            return seen[at]
        state = (1 - share) * seen[at].state + share * seen[at + 1].state
        return replace(seen[at], state=state.astype(np.float32))

    whole = replace(trajectory, observations=tuple(before(step) for step in range(trajectory.steps)))
    episode = to_episode(whole, embodiment, 0.0, injects_failure=False)
    return replace(episode, provenance=plan.provenance(trajectory.job.key))
