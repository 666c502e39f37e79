"""Films of judged episodes: one by itself, or two from the same start side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from praxia.results.rows import Row
from praxia.studio.mp4 import encode_mp4
from praxia.studio.repetition import Episode, Repeater, Repetition
from praxia.studio.sources import ResultsFile

__all__ = ["Video", "video", "video_episodes", "video_pairs", "worth_seeing"]

# Between the images of a film of two; images stay even.
_GAP_PX = 8


@dataclass(frozen=True)
class Video:
    """Episodes of `rows` from one start, from left to right.

    `mp4` plays at the robot's own speed; None: nothing could be filmed. A shorter episode's last image stands until
    the longest is over. `mismatches` say how a repetition differed from its row, or why there is none.
    """

    rows: tuple[Row, ...]
    instruction: str
    mp4: bytes | None
    mismatches: tuple[str, ...]


def video(*repetitions: Repetition) -> Video:
    """One film of repetitions from one start."""
    return Video(
        tuple(one.episode.row for one in repetitions),
        repetitions[0].instruction or repetitions[-1].instruction,
        _mp4(repetitions) if all(one.images for one in repetitions) else None,
        tuple(one.mismatch for one in repetitions if one.mismatch is not None),
    )


def video_episodes(results: ResultsFile, repeater: Repeater) -> list[Video]:
    """A success and a failure of each task."""
    chosen = [Episode(results, row) for row in worth_seeing(results.rows)]
    videos = {place: video(one) for place, one in repeater.episodes(chosen, images=True)}
    return [videos[place] for place in sorted(videos)]


def video_pairs(pairs: Sequence[tuple[Episode, Episode]], repeater: Repeater) -> list[Video]:
    """Each two episodes, which began at the same start, side by side."""
    videos = {place: video(*both) for place, both in repeater.pairs(pairs, images=True)}
    return [videos[place] for place in sorted(videos)]


def worth_seeing(rows: Sequence[Row]) -> list[Row]:
    """Of each task, in order, one success and one failure, where there is one: that of the smallest start key.

    Keys are hashes, so this is a draw by lot that everybody can repeat, and not a choice by looks.
    """
    chosen = []
    for task in dict.fromkeys(row.task for row in rows):
        for status in ("success", "failure"):
            found = [row for row in rows if (row.task, row.status) == (task, status)]
            chosen += sorted(found, key=lambda row: row.start)[:1]
    return chosen


def _mp4(repetitions: Sequence[Repetition]) -> bytes:
    most = max(len(one.images) for one in repetitions)
    held = [[*one.images, *[one.images[-1]] * (most - len(one.images))] for one in repetitions]
    return encode_mp4([_beside(images) for images in zip(*held, strict=True)], repetitions[0].image_hz)


def _beside(images: Sequence[UInt8[np.ndarray, "Y X 3"]]) -> UInt8[np.ndarray, "Y W 3"]:
    """Images of one size in a row, with white between them."""
    gap = np.full((len(images[0]), _GAP_PX, 3), 255, np.uint8)
    parts = [part for image in images for part in (gap, image)]
    return np.concatenate(parts[1:], axis=1)
