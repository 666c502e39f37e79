"""Films of judged episodes: one by itself, or two from the same start side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from praxia.results.rows import Row
from praxia.studio.mp4 import encode_mp4
from praxia.studio.repetition import Episode, Repeater, Repetition
from praxia.studio.sources import ResultsFile

__all__ = ["Film", "film", "film_episodes", "film_pairs", "worth_seeing"]

# Between the pictures of a film of two; pictures stay even.
_GAP_PX = 8


@dataclass(frozen=True)
class Film:
    """Episodes of `rows` from one start, from left to right.

    `mp4` plays at the robot's own speed; None: nothing could be filmed. A shorter episode's last picture stands until
    the longest is over. `mismatches` say how a repetition differed from its row, or why there is none.
    """

    rows: tuple[Row, ...]
    instruction: str
    mp4: bytes | None
    mismatches: tuple[str, ...]


def film(*repetitions: Repetition) -> Film:
    """One film of repetitions from one start."""
    return Film(
        tuple(one.episode.row for one in repetitions),
        repetitions[0].instruction or repetitions[-1].instruction,
        _mp4(repetitions) if all(one.pictures for one in repetitions) else None,
        tuple(one.mismatch for one in repetitions if one.mismatch is not None),
    )


def film_episodes(results: ResultsFile, repeater: Repeater) -> list[Film]:
    """A success and a failure of each task."""
    chosen = [Episode(results, row) for row in worth_seeing(results.rows)]
    films = {place: film(one) for place, one in repeater.episodes(chosen, pictures=True)}
    return [films[place] for place in sorted(films)]


def film_pairs(pairs: Sequence[tuple[Episode, Episode]], repeater: Repeater) -> list[Film]:
    """Each two episodes, which began at the same start, side by side."""
    films = {place: film(*both) for place, both in repeater.pairs(pairs, pictures=True)}
    return [films[place] for place in sorted(films)]


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
    most = max(len(one.pictures) for one in repetitions)
    held = [[*one.pictures, *[one.pictures[-1]] * (most - len(one.pictures))] for one in repetitions]
    return encode_mp4([_beside(pictures) for pictures in zip(*held, strict=True)], repetitions[0].picture_hz)


def _beside(pictures: Sequence[UInt8[np.ndarray, "Y X 3"]]) -> UInt8[np.ndarray, "Y W 3"]:
    """Pictures of one size in a row, with white between them."""
    gap = np.full((len(pictures[0]), _GAP_PX, 3), 255, np.uint8)
    parts = [part for picture in pictures for part in (gap, picture)]
    return np.concatenate(parts[1:], axis=1)
