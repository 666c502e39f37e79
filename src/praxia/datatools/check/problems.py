"""The kinds of problems of a data set, and the list of those found.

A list holds problems or notes. Notes are of the same kinds, but concern only what no reader needs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64

from praxia.data.layout import PLAN, STATS

__all__ = ["KINDS", "Problem", "Problems"]

KINDS = {
    "missing-file": "a file that the data set lists does not exist",
    "stray-file": "an unlisted data file: readers that scan the folder would assign its rows to other episodes",
    "truncated": "a file is shorter than recorded, or empty",
    "altered": "the SHA-256 of a file differs from the recorded one",
    "unreadable": "a parquet or video file cannot be opened",
    "json": "a JSON file cannot be parsed, or lacks a required entry",
    "version": "an unsupported version of the layout",
    "wrong-shape": "a column is missing, or has another shape or type than declared",
    "numbering": "episodes are numbered with gaps, or info.json has other totals; episodes may be intact",
    "wrong-index": "index, frame_index or episode_index are not consecutive, or rows and episode table disagree",
    "empty-episode": "an episode without frames",
    "duplicate-episode": "two rows of the episode table describe one episode",
    "unknown-task": "a task_index, or the task of an episode, that the task table does not list",
    "not-finite": "a number is NaN, infinite or absent",
    "wrong-timestamp": "a timestamp is not frame_index / fps, or an episode's position in its video cannot be right",
    "missing-frames": "images of an episode are not in the video",
    "surplus-frames": "a video has more images than the episode table expects (reported only without checksums):"
    " some may have been inserted. As a note: images of an episode that follow its last row",
    "undecodable": "an image cannot be decoded",
    "camera": "images differ from the declared size, rate or codec",
    "statistics": "meta/stats.json does not describe the data",
    "left-out": "an image feature that is not a camera, such as depth: observations do not include it, edits keep it",
}
FILES_WITHOUT_EPISODES = (STATS, PLAN)
KINDS_WITHOUT_EPISODES = ("numbering", "stray-file")


@dataclass(frozen=True)
class Problem:
    """`count` problems of one kind in an episode (None: the whole data set) of a file; `detail` describes the first."""

    file: str
    episode: int | None
    kind: str
    detail: str
    count: int = 1

    def to_json(self, numbers: Int64[np.ndarray, " E"]) -> dict[str, Any]:
        """A JSON value with the episode's own number, from `numbers` in the order of the table."""
        return {
            "file": self.file,
            "episode": None if self.episode is None else int(numbers[self.episode]),
            "kind": self.kind,
            "detail": self.detail,
            "count": self.count,
        }


class Problems:
    """The problems found so far: one entry per file, episode and kind."""

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
        """Add `count` problems in each of `episodes`; None: in the whole data set."""
        assert kind in KINDS, kind
        for episode in [None] if episodes is None else map(int, episodes):
            key = (file, episode, kind)
            known = self._found.get(key)
            self._found[key] = replace(known, count=known.count + count) if known else Problem(*key, detail, count)

    def has(self, kind: str) -> bool:
        """Whether a problem of this kind was found."""
        return any(problem.kind == kind for problem in self._found.values())

    def to_list(self) -> list[Problem]:
        """Sorted by file, then by episode; problems of the whole file come first."""
        return sorted(
            self._found.values(), key=lambda problem: (problem.file, -1 if problem.episode is None else problem.episode)
        )

    def safe(self, num_episodes: int) -> Bool[np.ndarray, " E"]:
        """A mask of the episodes that no problem affects.

        Wrong statistics and plans affect none, because they can be rewritten, nor do rows of episodes that the table
        lacks.
        """
        keep = np.ones(num_episodes, dtype=bool)
        for problem in self._found.values():
            if problem.file not in FILES_WITHOUT_EPISODES and problem.kind not in KINDS_WITHOUT_EPISODES:
                keep[slice(None) if problem.episode is None else problem.episode] = False
        return keep
