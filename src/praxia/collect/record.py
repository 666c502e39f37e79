"""One demonstration: run the expert once and stage what it observed and did as an episode of a data set."""

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

__all__ = ["record_episode", "to_episode"]

# A few steps at the goal teach a policy to stay there.
STEPS_AFTER_SUCCESS = 3


def record_episode(
    root: Path, index: int, plan: CollectionPlan, family: EnvFamily, expert: Policy, slots: VectorEnv
) -> Trajectory:
    """Record episode `index` of `plan` into `root`, whether it succeeds or not.

    A crashed episode (`Trajectory.error`) is not kept: it says nothing about the expert.
    """
    job = plan.job(index, family)
    embodiment = plan.embodiment(family)
    noise, injects_failure = plan.noise_of(index), plan.injects_failure(index)
    noisy = InjectedNoise(expert, embodiment, noise)
    (trajectory,) = rollout(
        InjectedFailures(noisy, embodiment) if injects_failure else noisy,
        slots,
        [job],
        embodiment=embodiment,
        execution=ChunkExecution(execution_horizon=1),
        horizon=plan.horizon,
        steps_after_success=STEPS_AFTER_SUCCESS,
        recording=Recording(tuple(camera.name for camera in embodiment.cameras)),
    )
    if trajectory.error is None:
        stage_episode(root, index, to_episode(trajectory, embodiment, noise, injects_failure))
    return trajectory


def to_episode(trajectory: Trajectory, embodiment: Embodiment, noise: float, injects_failure: bool) -> Episode:
    """A recorded trajectory as an episode of a data set: T steps, and the observation before each.

    An episode that the environment did not terminate was cut off by the recorder: its last step is marked truncated.
    """
    steps, outcomes = trajectory.steps, trajectory.outcomes
    observations = trajectory.observations[:steps]
    terminated = np.array([outcome.terminated for outcome in outcomes])
    truncated = np.array([outcome.truncated for outcome in outcomes])
    truncated[-1] = not terminated[-1]
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
        # The key "blunders" is covered by the content hashes of data sets and stays as it is.
        provenance={
            "collector": "scripted expert",
            "noise": noise,
            "blunders": injects_failure,
            "key": trajectory.job.key,
        },
    )
