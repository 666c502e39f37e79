"""An episode of a source as an episode of ours."""

from collections.abc import Mapping

import numpy as np

from praxia.core.errors import DataError
from praxia.core.types import Start
from praxia.data.episode import Episode
from praxia.datatools.exchange.source import ForeignDataset, Steps

__all__ = ["assumed", "columns_of", "episode_of"]


def assumed(source: ForeignDataset, steps: Steps) -> dict[str, str]:
    """What neither the source nor a person said, and what is taken instead."""
    taken = {
        "executed_action": "the action",
        "reward": "0 in every step",
        "success": "true in the last step",
        "terminated": "false",
        "truncated": "true in the last step, unless it is terminated",
    }
    unsaid = {name: text for name, text in taken.items() if getattr(steps, name) is None}
    return {**source.plan["assumed"], **unsaid}


def columns_of(steps: Steps) -> Mapping[str, np.ndarray]:
    """Every number of an episode by our feature's name, in the source's own precision."""
    last = np.arange(len(steps)) == len(steps) - 1
    terminated = _or(steps.terminated, np.zeros(len(steps), bool))
    truncated = _or(steps.truncated, last & ~terminated)
    return {
        "observation.state": steps.state,
        "action": steps.action,
        "action.executed": _or(steps.executed_action, steps.action),
        "next.reward": _or(steps.reward, np.zeros(len(steps))),
        "next.success": _or(steps.success, last),
        "next.terminated": terminated,
        "next.truncated": truncated,
        "next.done": terminated | truncated,
    }


def episode_of(source: ForeignDataset, number: int) -> Episode:
    """Episode `number`, all of it in memory. Its start says where it came from: no simulator can begin it.

    Raises:
        DataError: naming file and array.
    """
    steps, embodiment, kind = source.steps(number), source.embodiment, source.plan["import"]
    images = {camera.name: source.images(number, camera.name, slice(0, len(steps))) for camera in embodiment.cameras}
    for camera in embodiment.cameras:
        wanted = (len(steps), camera.height, camera.width, 3)
        if images[camera.name].shape != wanted:
            raise DataError(
                f"{steps.origin['file']}, episode {steps.origin['episode']}: expected images {wanted} of camera "
                f"{camera.name}, got {images[camera.name].shape}"
            )
    columns = columns_of(steps)
    return Episode(
        embodiment=embodiment,
        images=images,
        state=columns["observation.state"].astype(np.float32),
        action=columns["action"].astype(np.float32),
        executed_action=columns["action.executed"].astype(np.float32),
        reward=columns["next.reward"].astype(np.float32),
        success=columns["next.success"],
        terminated=columns["next.terminated"],
        truncated=columns["next.truncated"],
        instruction=steps.instruction,
        task=steps.task,
        start=Start(kind, steps.task, {"file": steps.origin["file"], "episode": steps.origin["episode"]}),
        provenance={"importer": kind, **steps.origin, "assumed": assumed(source, steps)},
    )


def _or(values: np.ndarray | None, otherwise: np.ndarray) -> np.ndarray:
    return otherwise if values is None else values
