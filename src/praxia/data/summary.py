"""Summary."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from praxia.core.files import AnyPath, relative_name
from praxia.data.dataset import Dataset

__all__ = ["count_outcomes", "info", "outcomes"]


def outcomes(dataset: Dataset) -> tuple[bool | None, ...]:
    """Of each episode whether it reached success; None where its writer did not say.

    The writer of a data set of ours says it, but where an importer had to assume it. Another's says it where there is a
    feature `next.success` with a value in every row: the episode succeeded if any of its steps did. `Dataset.select`
    trains on episodes of which nobody says anything as on successful ones.
    """
    if dataset.written_by_praxia:
        return tuple(None if _is_assumed(record) else bool(record["success"]) for record in dataset.records)
    reached = dataset.reached_success()
    return (None,) * dataset.num_episodes if reached is None else tuple(map(bool, reached))


def _is_assumed(record: Mapping[str, Any]) -> bool:
    return "success" in record.get("provenance", {}).get("assumed", {})


def info(
    root: str | Path, report: Callable[[int, int, str], None] = lambda done, planned, text: None
) -> dict[str, Any]:
    """A JSON value: what there is, how big it is, and that every file still has its hash.

    `successes` are of the episodes whose outcome is known, None where none is; of `unknown_outcomes` episodes nobody
    recorded whether they succeeded. `left_out`, where there are some, are the features of images that are no cameras,
    with what each is. `verified` is False for a data set of another writer: it has no hashes to verify. `report` is
    called after each file that was hashed with those done, those planned, and a text for people.

    Raises:
        DataError: a file that is missing, truncated or altered.
    """
    dataset = Dataset(root)
    dataset.verify(report)
    episodes, reached = dataset.episodes, outcomes(dataset)
    names = np.array(episodes.task)
    tasks = {}
    for task in sorted(set(episodes.task)):
        rows = names == task
        tasks[task] = {
            "episodes": int(rows.sum()),
            **count_outcomes([reached[at] for at in np.flatnonzero(rows)]),
            "frames": int(episodes.length[rows].sum()),
            "instructions": sorted({text for text, row in zip(episodes.instruction, rows, strict=True) if row}),
        }
    return {
        "kind": "dataset",
        "path": str(root),
        "embodiment": dataset.embodiment.name,
        "episodes": dataset.num_episodes,
        **count_outcomes(reached),
        "frames": dataset.num_frames,
        "fps": dataset.fps,
        "cameras": {camera.name: [camera.height, camera.width] for camera in dataset.embodiment.cameras},
        **({"left_out": dataset.unsupported_images} if dataset.unsupported_images else {}),
        "state_dim": dataset.embodiment.state_dim,
        "action_dim": dataset.embodiment.action_dim,
        "bytes": sum(path.stat().st_size for path in dataset.root.rglob("*") if _counts(path, dataset.root)),
        "tasks": tasks,
        "content_sha256": dataset.content_sha256,
        "verified": dataset.written_by_praxia,
    }


def count_outcomes(reached: Sequence[bool | None]) -> dict[str, int | None]:
    """`{successes, unknown_outcomes}` of episodes by their `outcomes`."""
    unknown = sum(one is None for one in reached)
    return {"successes": None if unknown == len(reached) else sum(map(bool, reached)), "unknown_outcomes": unknown}


def _counts(path: AnyPath, root: AnyPath) -> bool:
    return path.is_file() and not relative_name(root, path).startswith(".")
