"""What a data set contains: outcomes of its episodes, and the summary of `praxia data info`."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from praxia.core.files import AnyPath, relative_name
from praxia.data.dataset import Dataset
from praxia.data.features import camera_features
from praxia.data.splits import read_splits

__all__ = ["count_outcomes", "info", "outcomes"]


def outcomes(dataset: Dataset) -> tuple[bool | None, ...]:
    """Whether each episode reached success; None: unknown.

    Praxia records it, unless an importer had to assume it. Other writers record it if there is a feature `next.success`
    with a value in every row: the episode succeeded if any of its steps did. `Dataset.select` treats episodes of
    unknown outcome as successful.
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
    """Summarise a data set as a JSON value, after every file was compared with its hash.

    `successes` counts the episodes known to have succeeded (None if no outcome is known), `unknown_outcomes` those
    without a recorded outcome. `codecs` is by camera, `state` and `action` are their fields with units, ranges and the
    names of dims, `splits` the episodes "first:end" of each split. `left_out`, if present, has the image features that
    are not read as cameras, with what each is. `verified` is False for a data set of another writer, which has no
    hashes. `report` is called after each hashed file with the number done, the number planned, and a text for people.

    Raises:
        DataError: a file is missing, truncated or altered.
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
        "codecs": {name: _codec(dataset, key) for name, key in camera_features(dataset.info["features"]).items()},
        "splits": {name: f"{span.start}:{span.stop}" for name, span in read_splits(dataset.info).items()},
        "state_dim": dataset.embodiment.state_dim,
        "action_dim": dataset.embodiment.action_dim,
        "state": [field.to_json() for field in dataset.embodiment.state],
        "action": [field.to_json() for field in dataset.embodiment.action],
        "bytes": sum(path.stat().st_size for path in dataset.root.rglob("*") if _counts(path, dataset.root)),
        "tasks": tasks,
        "content_sha256": dataset.content_sha256,
        "verified": dataset.written_by_praxia,
    }


def _codec(dataset: Dataset, key: str) -> str:
    """The codec and pixel format of the first video of a camera's feature, or "images"."""
    if dataset.info["features"][key]["dtype"] != "video":
        return "images"
    path = dataset.metadata.video_files(key)[0].path
    try:
        with path.open("rb") as file, av.open(file) as container:
            context = container.streams.video[0].codec_context
            return f"{context.codec.canonical_name}, {context.pix_fmt}"
    except (FFmpegError, OSError, IndexError, AttributeError, ValueError):
        return "unreadable: see `praxia data check`"


def count_outcomes(reached: Sequence[bool | None]) -> dict[str, int | None]:
    """`{successes, unknown_outcomes}` of episodes with these `outcomes`."""
    unknown = sum(one is None for one in reached)
    return {"successes": None if unknown == len(reached) else sum(map(bool, reached)), "unknown_outcomes": unknown}


def _counts(path: AnyPath, root: AnyPath) -> bool:
    return path.is_file() and not relative_name(root, path).startswith(".")
