"""One step of an episode, and all of it but its images as one record of bytes."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from praxia.core.embodiment import Embodiment
from praxia.core.errors import DataError
from praxia.core.types import Start
from praxia.data.episode import Episode

__all__ = ["pack", "step_of", "unpack"]

NUMBERS = ("state", "action", "executed_action", "reward")
FLAGS = ("success", "terminated", "truncated")


def row_type(embodiment: Embodiment) -> np.dtype:
    """What a record begins with; the simulator's state follows where there is one."""
    size = {"state": (embodiment.state_dim,), "reward": ()} | dict.fromkeys(
        ("action", "executed_action"), (embodiment.action_dim,)
    )
    return np.dtype([*((name, "<f4", size[name]) for name in NUMBERS), *((name, "?") for name in (*FLAGS, "snapshot"))])


def step_of(
    embodiment: Embodiment,
    images: Mapping[str, np.ndarray],
    fields: Mapping[str, Any],
    snapshot: bytes | None,
    task: str,
) -> Episode:
    """A step as an episode of length one, which refuses what does not fit. Images are the caller's own arrays.

    Raises:
        MismatchError: a size that is not the embodiment's.
        DataError: a number that is not finite, or images that are not uint8.
    """
    for name, image in images.items():
        if image.dtype != np.uint8:
            raise DataError(f"expected images of {name!r} as uint8, got {image.dtype}")
    numbers = {name: np.asarray(fields[name], np.float32)[None] for name in NUMBERS}
    flags = {name: np.array([fields[name]], bool) for name in FLAGS}
    return Episode(
        embodiment=embodiment,
        images={name: image[None] for name, image in images.items()},
        state=numbers["state"],
        action=numbers["action"],
        executed_action=numbers["executed_action"],
        reward=numbers["reward"],
        success=flags["success"],
        terminated=flags["terminated"],
        truncated=flags["truncated"],
        instruction="",
        task=task,
        start=Start("", task, {}),
        snapshots=() if snapshot is None else (snapshot,),
    )


def pack(step: Episode) -> bytes:
    """An episode of one step as a record."""
    row = np.empty(1, row_type(step.embodiment))
    for name in (*NUMBERS, *FLAGS):
        row[name] = getattr(step, name)
    row["snapshot"] = bool(step.snapshots)
    return row.tobytes() + b"".join(step.snapshots)


def unpack(embodiment: Embodiment, records: Iterable[bytes]) -> dict[str, Any]:
    """The fields of an `Episode` out of the records of its steps."""
    kind = row_type(embodiment)
    records = list(records)
    rows = np.frombuffer(b"".join(record[: kind.itemsize] for record in records), kind)
    fields = {name: np.array(rows[name]) for name in (*NUMBERS, *FLAGS)}
    snapshots = [record[kind.itemsize :] for record in records] if rows["snapshot"].all() else []
    return {**fields, "snapshots": snapshots}
