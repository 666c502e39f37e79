"""meta/info.json of a new data set: the first source's, with other counts, splits and names."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from praxia.core.errors import MismatchError
from praxia.data.layout import CODEBASE_VERSION, DATA, VIDEO, VIDEO_FRAMES
from praxia.datatools.edit.change import Change, EpisodeSlice

__all__ = ["new_info"]

OLDER = ("total_chunks", "total_videos")  # v3.0 has no such counts


def new_info(change: Change, video_frames: Mapping[str, int | None]) -> dict[str, Any]:
    """What is not known here stays as it is.

    Where no hashes vouch for the videos `video_frames` goes in as well: how many frames each has, with those that no
    episode has any more. A reader can then still tell a video that was altered.

    Raises:
        MismatchError: sources to be merged with splits that could not be told apart in one data set.
    """
    source, total = change.sources[0], len(change.lengths)
    kept = {name: value for name, value in change.names.info(source.info).items() if name not in OLDER}
    if not source.ours:
        kept[VIDEO_FRAMES] = dict(video_frames)
    return kept | {
        "codebase_version": CODEBASE_VERSION,
        "total_episodes": total,
        "total_frames": int(change.lengths.sum()),
        "total_tasks": len(change.tasks),
        "splits": _splits(change.parts[0]) if len(change.parts) == 1 else _one_split(change),
        "data_path": DATA,
        "video_path": VIDEO if source.features("video") else None,
    }


def _ranges(part: EpisodeSlice) -> dict[str, tuple[int, int]]:
    """The source's splits that are written as LeRobot writes them: "first:end"."""
    found = {name: re.fullmatch(r"(\d+):(\d+)", str(span)) for name, span in part.source.info.get("splits", {}).items()}
    return {name: (int(match[1]), int(match[2])) for name, match in found.items() if match}


def _splits(part: EpisodeSlice) -> dict[str, str]:
    """Each split where its episodes are now; without those that have none any more."""
    moved = {name: np.searchsorted(part.source.numbers[part.episode], span) for name, span in _ranges(part).items()}
    spans = {name: f"{first}:{end}" for name, (first, end) in moved.items() if first < end}
    return spans or {"train": f"0:{len(part.episode)}"}


def _one_split(change: Change) -> dict[str, str]:
    for part in change.parts:
        others = {name: span for name, span in _ranges(part).items() if span != (0, len(part.source.lengths))}
        if others:
            raise MismatchError(
                f"{part.source.root} is divided into {', '.join(_ranges(part))}: merged, they could not be told from"
                " other episodes. Split it into data sets first: `praxia data edit split --episodes`"
            )
    return {"train": f"0:{len(change.lengths)}"}
