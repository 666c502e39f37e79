"""What `praxia info DIR` says about a data set."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from praxia.core.files import Place, name_within
from praxia.data.dataset import Dataset

__all__ = ["info"]


def info(
    root: str | Path, report: Callable[[int, int, str], None] = lambda done, planned, text: None
) -> dict[str, Any]:
    """A JSON value: what there is, how big it is, and that every file still has its hash.

    `left_out`, where there are some, are the features of pictures that are no cameras, with what each is. `verified` is
    False for a data set of another writer: it has no hashes to verify. `report` is called after each file that was
    hashed with those done, those planned, and a text for people.

    Raises:
        DataError: a file that is missing, truncated or altered.
    """
    dataset = Dataset(root)
    dataset.verify(report)
    episodes = dataset.episodes
    names = np.array(episodes.task)
    tasks = {}
    for task in sorted(set(episodes.task)):
        rows = names == task
        tasks[task] = {
            "episodes": int(rows.sum()),
            "successes": int(episodes.success[rows].sum()),
            "frames": int(episodes.length[rows].sum()),
            "instructions": sorted({text for text, row in zip(episodes.instruction, rows, strict=True) if row}),
        }
    return {
        "kind": "dataset",
        "path": str(root),
        "embodiment": dataset.embodiment.name,
        "episodes": dataset.num_episodes,
        "successes": int(episodes.success.sum()),
        "frames": dataset.num_frames,
        "fps": dataset.fps,
        "cameras": {camera.name: [camera.height, camera.width] for camera in dataset.embodiment.cameras},
        **({"left_out": dataset.left_out} if dataset.left_out else {}),
        "state_dim": dataset.embodiment.state_dim,
        "action_dim": dataset.embodiment.action_dim,
        "bytes": sum(path.stat().st_size for path in dataset.root.rglob("*") if _counts(path, dataset.root)),
        "tasks": tasks,
        "content_sha256": dataset.content_sha256,
        "verified": dataset.ours,
    }


def _counts(path: Place, root: Place) -> bool:
    return path.is_file() and not name_within(root, path).startswith(".")
