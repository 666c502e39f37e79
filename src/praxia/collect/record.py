"""Demonstrations: run the expert and stage what it observed and did as episodes of a data set."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from praxia.collect.plan import CollectionPlan
from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError, RecordingError
from praxia.core.types import Actor, ChunkExecution, Policy, VectorEnv
from praxia.data.episode import Episode
from praxia.data.features import INTERVENTION
from praxia.data.recorder import EpisodeRecorder, save_episode
from praxia.envs.family import EnvFamily
from praxia.experts.injected_failures import InjectedFailures, InjectedNoise
from praxia.rollout.loop import run_episodes
from praxia.rollout.queues import GroupedQueue
from praxia.rollout.types import Agent, Recording, Trajectory

__all__ = ["CrashCount", "record_episodes", "to_episode"]

# A few steps at the goal teach a policy to stay there.
STEPS_AFTER_SUCCESS = 3

# What the plan calls who acts: for people, and as the actor of each step.
_COLLECTORS: dict[str, tuple[str, Actor]] = {
    "expert": ("scripted expert", "expert"),
    "random": ("random actions", "policy"),
}


def record_episodes(
    recorder: EpisodeRecorder,
    indices: Sequence[int],
    plan: CollectionPlan,
    family: EnvFamily,
    expert: Policy,
    slots: VectorEnv,
) -> Iterator[Trajectory]:
    """Record the episodes `indices` of `plan`, whether they succeed or not, and yield each when it ends.

    A crashed episode (`Trajectory.error`) is not kept: it says nothing about the expert. One that is saved already is
    run again for its result, where the process that recorded it died before it said so.
    """
    embodiment = plan.embodiment(family)
    disturbances = {index: (plan.noise_of(index), plan.injects_failure(index)) for index in indices}
    kinds = list(dict.fromkeys(disturbances.values()))
    jobs = (replace(plan.job(index, family), agent=kinds.index(kind)) for index, kind in disturbances.items())
    trajectories = run_episodes(
        [Agent(_disturbed(expert, embodiment, *kind), ChunkExecution(execution_horizon=1)) for kind in kinds],
        slots,
        GroupedQueue(jobs, lambda job: job.spec),
        embodiment=embodiment,
        horizon=plan.horizon,
        steps_after_success=STEPS_AFTER_SUCCESS,
        recording=Recording(tuple(one.name for one in (*embodiment.cameras, *embodiment.streams))),
    )
    for trajectory in trajectories:
        if trajectory.error is None:
            index = trajectory.job.index
            if index not in recorder:
                episode = to_episode(trajectory, embodiment, *disturbances[index], *_collector(plan))
                save_episode(recorder, index, episode)
        yield trajectory


def _collector(plan: CollectionPlan) -> tuple[str, Actor]:
    return _COLLECTORS[plan.policy] if plan.expert is None else (f"policy {plan.expert}", "expert")


def _disturbed(expert: Policy, embodiment: Embodiment, noise: float, injects_failure: bool) -> Policy:
    noisy = InjectedNoise(expert, embodiment, noise)
    return InjectedFailures(noisy, embodiment) if injects_failure else noisy


class CrashCount:
    """The crashes of a collection: an episode is recorded once more after its first, and the second is the end."""

    def __init__(self) -> None:
        self._reasons: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._reasons)

    def add(self, index: int, reason: str) -> None:
        """Count a crash of episode `index`.

        Raises:
            RecordingError: it is the second of that episode.
        """
        if index in self._reasons:
            raise RecordingError(
                f"episode {index} crashed twice from the same start ({reason}); every episode recorded before is kept:"
                " continue with --resume, or leave its task out"
            )
        self._reasons[index] = reason


def to_episode(
    trajectory: Trajectory,
    embodiment: Embodiment,
    noise: float,
    injects_failure: bool,
    collector: str = "scripted expert",
    driver: Actor = "policy",
) -> Episode:
    """A recorded trajectory as an episode of a data set: T steps, and the observation before each.

    `driver` is who acts where a decision does not say. Each step that somebody else chose is an intervention, unless
    the policy says itself which are, by the extra "intervention".
    An episode that the environment did not terminate was cut off by the recorder: its last step is marked truncated.
    """
    steps, outcomes = trajectory.steps, trajectory.outcomes
    if any(outcome.success is None for outcome in outcomes):
        raise MismatchError(
            f"expected an environment that knows whether a demonstration succeeds, got {trajectory.job.spec.env!r}, of"
            " which success is unknown"
        )
    observations = trajectory.observations[:steps]
    terminated = np.array([outcome.terminated for outcome in outcomes])
    truncated = np.array([outcome.truncated for outcome in outcomes])
    truncated[-1] = not terminated[-1]
    actors: tuple[Actor, ...] = tuple(actor or driver for actor in trajectory.actors or (None,) * steps)
    return Episode(
        embodiment=embodiment,
        images={
            camera.name: np.stack([observation.images[camera.name] for observation in observations])
            for camera in embodiment.cameras
        },
        state=np.stack([observation.state for observation in observations]),
        action=trajectory.labels,
        executed_action=trajectory.actions,
        reward=np.array([outcome.reward for outcome in outcomes], np.float32),
        success=np.array([outcome.success for outcome in outcomes]),
        terminated=terminated,
        truncated=truncated,
        instruction=observations[0].instruction,
        task=trajectory.job.start.task,
        start=trajectory.job.start,
        snapshots=trajectory.snapshots,
        extras={INTERVENTION: np.array([actor != driver for actor in actors]), **trajectory.extras},
        actors=actors,
        streams={
            stream.name: np.stack([observation.streams[stream.name] for observation in observations])
            for stream in embodiment.streams
        },
        # The key "blunders" is covered by the content hashes of data sets and stays as it is.
        provenance={
            "collector": collector,
            "noise": noise,
            "blunders": injects_failure,
            "key": trajectory.job.key,
        },
    )
