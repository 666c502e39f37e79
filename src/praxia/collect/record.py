"""One demonstration: run the expert once, with everything it sees and does, and put it into a data set's staging."""

from pathlib import Path

import numpy as np

from praxia.collect.plan import CollectionPlan
from praxia.core.embodiment import Embodiment
from praxia.core.types import ChunkExecution, Policy, VectorEnv
from praxia.data.episode import Episode
from praxia.data.staging import stage_episode
from praxia.envs.family import EnvFamily
from praxia.experts.injected_failures import InjectedFailures, InjectedNoise
from praxia.rollout.loop import rollout
from praxia.rollout.types import Recording, Trajectory

__all__ = ["record", "to_episode"]

# A few steps at the goal teach a policy to stay there.
STEPS_AFTER_SUCCESS = 3


def record(
    root: Path, index: int, collection: CollectionPlan, family: EnvFamily, expert: Policy, slots: VectorEnv
) -> Trajectory:
    """Record episode `index` of `collection` into `root`, success or not.

    A crashed episode (`Trajectory.error`) is not kept: it says nothing about the expert.
    """
    job = collection.job(index, family)
    embodiment = collection.embodiment(family)
    noise, injected_failure = collection.noise_of(index), collection.injects_failure(index)
    disturbed = InjectedNoise(expert, embodiment, noise)
    (trajectory,) = rollout(
        InjectedFailures(disturbed, embodiment) if injected_failure else disturbed,
        slots,
        [job],
        embodiment=embodiment,
        execution=ChunkExecution(execution_horizon=1),
        horizon=collection.horizon,
        steps_after_success=STEPS_AFTER_SUCCESS,
        recording=Recording(tuple(camera.name for camera in embodiment.cameras)),
    )
    if trajectory.error is None:
        stage_episode(root, index, to_episode(trajectory, embodiment, noise, injected_failure))
    return trajectory


def to_episode(trajectory: Trajectory, embodiment: Embodiment, noise: float, injected_failure: bool) -> Episode:
    """A recorded trace as an episode of a data set: T steps, and the T moments they were taken in.

    An episode that the environment did not terminate was cut off by us: its last step is marked truncated.
    """
    steps, outcomes = trajectory.steps, trajectory.outcomes
    seen = trajectory.observations[:steps]
    terminated = np.array([outcome.terminated for outcome in outcomes])
    truncated = np.array([outcome.truncated for outcome in outcomes])
    truncated[-1] = not terminated[-1]
    return Episode(
        embodiment=embodiment,
        images={
            camera.name: np.stack([moment.images[camera.name] for moment in seen]) for camera in embodiment.cameras
        },
        state=np.stack([moment.state for moment in seen]),
        action=trajectory.labels,
        executed_action=trajectory.actions,
        reward=np.array([outcome.reward for outcome in outcomes], np.float32),
        success=np.array([outcome.success for outcome in outcomes]),
        terminated=terminated,
        truncated=truncated,
        instruction=seen[0].instruction,
        task=trajectory.job.start.task,
        start=trajectory.job.start,
        snapshots=trajectory.snapshots,
        provenance={
            "collector": "scripted expert",
            "noise": noise,
            "blunders": injected_failure,
            "key": trajectory.job.key,
        },
    )
