"""What can be wrong with a data set, and the list of what was found.

A list holds problems, or notes: of the same kinds, but about what no reader needs, so that nothing is wrong for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64

from praxia.data.layout import PLAN, STATS

__all__ = ["KINDS", "Problem", "Problems"]

KINDS = {
    "missing-file": "a file that the data set names is not there",
    "stray-file": "a file of rows that nothing names: readers that go by folder would take its rows for others",
    "truncated": "a file is shorter than it was, or empty",
    "altered": "a file does not have the SHA-256 that it was recorded with",
    "unreadable": "a parquet or video file cannot be opened",
    "json": "a JSON file cannot be parsed, or lacks what must be in it",
    "version": "a layout version that is not read",
    "wrong-shape": "a column is missing, or has another shape or type than declared",
    "numbering": "episodes are numbered with gaps, or info.json counts others: each of them may be whole for all that",
    "wrong-index": "index, frame_index or episode_index are not consecutive, or rows and episode table disagree",
    "empty-episode": "an episode without a frame",
    "duplicate-episode": "two rows of the episode table describe one episode",
    "unknown-task": "a task_index, or an episode's task, that the table of tasks does not have",
    "not-finite": "a number is NaN, infinite or absent",
    "wrong-timestamp": "a time is not frame_index / fps, or an episode's place in its video cannot be right",
    "missing-frames": "an episode's images are not in the video",
    "surplus-frames": "more images than the episode table gives to a video (said only without checksums): one may be"
    " put in. As a note: images that it gives to an episode, and that follow the episode's last row",
    "undecodable": "an image cannot be decoded",
    "camera": "images have another size, rate or codec than declared",
    "statistics": "meta/stats.json does not describe the numbers",
    "left-out": "a feature of images that is no camera, such as depth: observations do not have it, edits keep it",
}
HOLD_NO_EPISODE = (STATS, PLAN)
CONCERN_NO_EPISODE = ("numbering", "stray-file")


@dataclass(frozen=True)
class Problem:
    """`count` problems of a kind in an episode (None: the whole data set) of a file; `detail` tells of the first."""

    file: str
    episode: int | None
    kind: str
    detail: str
    count: int = 1

    def to_json(self, numbers: Int64[np.ndarray, " E"]) -> dict[str, Any]:
        """With the episode's own number, of `numbers` in the order of the table."""
        return {
            "file": self.file,
            "episode": None if self.episode is None else int(numbers[self.episode]),
            "kind": self.kind,
            "detail": self.detail,
            "count": self.count,
        }


class Problems:
    """What was found so far: one entry for each file, episode and kind."""

    def __init__(self):
        self._found: dict[tuple[str, int | None, str], Problem] = {}

    def add(
        self,
        file: str,
        kind: str,
        detail: str,
        episodes: Sequence[int] | Int64[np.ndarray, " K"] | None = None,
        count: int = 1,
    ) -> None:
        """Note `count` problems in each of `episodes`; None: in the whole data set."""
        assert kind in KINDS, kind
        for episode in [None] if episodes is None else map(int, episodes):
            key = (file, episode, kind)
            known = self._found.get(key)
            self._found[key] = replace(known, count=known.count + count) if known else Problem(*key, detail, count)

    def of(self, kind: str) -> bool:
        """Whether one of this kind was found."""
        return any(problem.kind == kind for problem in self._found.values())

    def listed(self) -> list[Problem]:
        """By file, then by episode; what concerns all of a file first."""
        return sorted(self._found.values(), key=lambda one: (one.file, -1 if one.episode is None else one.episode))

    def safe(self, num_episodes: int) -> Bool[np.ndarray, " E"]:
        """Which episodes nothing found touches.

        Wrong statistics and plans touch none: they can be made anew. Nor do rows of episodes that the table lacks.
        """
        keep = np.ones(num_episodes, dtype=bool)
        for problem in self._found.values():
            if problem.file not in HOLD_NO_EPISODE and problem.kind not in CONCERN_NO_EPISODE:
                keep[slice(None) if problem.episode is None else problem.episode] = False
        return keep
