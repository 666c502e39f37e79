"""Whether the episode table agrees with itself and with info.json."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from praxia.data.layout import INFO, TASKS
from praxia.datatools.check.meta import Described
from praxia.datatools.check.problems import Problems

__all__ = ["Sound", "check_table", "starts"]

HUGE = 2**48  # more frames than anybody has, and far from where int64 overflows


@dataclass(frozen=True)
class Sound:
    """The episodes whose rows, and by video feature whose images, lie where the table says without contradiction."""

    rows: Bool[np.ndarray, " E"]
    images: dict[str, Bool[np.ndarray, " E"]]


def check_table(described: Described, problems: Problems) -> Sound:
    """Lengths, places and times of every episode, without a look at the files they are about."""
    rows = _rows(described, problems)
    images = {key: _images(described, key, rows, problems) for key in described.keys("video")}
    _totals(described, problems)
    _instructions(described, problems)
    return Sound(rows, images)


def starts(described: Described, key: str) -> Float64[np.ndarray, " E"]:
    """Where each episode begins in its video, in frames: whole numbers where nothing is wrong."""
    return described.episodes[f"videos/{key}/from_timestamp"] * described.fps


def _rows(described: Described, problems: Problems) -> Bool[np.ndarray, " E"]:
    columns, file = described.episodes, described.table_file
    number, length = columns["episode_index"], columns["length"]
    first, last = columns["dataset_from_index"], columns["dataset_to_index"]
    away = number != described.numbers
    again = np.isin(np.arange(len(described)), np.unique(number, return_index=True)[1], invert=True)
    problems.add(file, "duplicate-episode", "episode_index occurs twice", np.flatnonzero(again))
    problems.add(file, "wrong-index", "episode_index is not the row's number", np.flatnonzero(away & ~again))
    empty = length < 1
    problems.add(file, "empty-episode", "it has no frame", np.flatnonzero(empty))
    places = np.stack([column for name, column in columns.items() if name.endswith(("chunk_index", "file_index"))])
    nowhere = ((places < 0) | (places > HUGE)).any(axis=0)
    problems.add(file, "wrong-index", "a chunk_index or file_index is none", np.flatnonzero(nowhere))
    huge = (np.abs(np.stack([length, first, last])) > HUGE).any(axis=0)
    unequal = ~empty & (huge | (first < 0) | (last - first != length))
    problems.add(file, "wrong-index", "length is not dataset_to_index - dataset_from_index", np.flatnonzero(unequal))
    sound = ~(away | empty | nowhere | unequal)
    apart = np.concatenate([first[:1] != 0, first[1:] != last[:-1]])
    apart &= sound & np.concatenate([[True], sound[:-1]])  # who is to blame is known where one contradicts itself
    problems.add(file, "wrong-index", "dataset_from_index is not where the last one ends", np.flatnonzero(apart))
    chunk, place = columns["data/chunk_index"], columns["data/file_index"]
    back = (np.diff(chunk) < 0) | ((np.diff(chunk) == 0) & (np.diff(place) < 0))
    back = np.concatenate([np.zeros(min(1, len(chunk)), dtype=bool), back])
    problems.add(file, "wrong-index", "its rows lie in an earlier file than the last one's", np.flatnonzero(back))
    return sound & ~apart & ~back


def _images(described: Described, key: str, rows: Bool[np.ndarray, " E"], problems: Problems) -> Bool[np.ndarray, " E"]:
    columns, file, fps = described.episodes, described.table_file, described.fps
    length = columns["length"]
    first, last = starts(described, key), columns[f"videos/{key}/to_timestamp"] * fps
    outside = ~(np.isfinite(first) & np.isfinite(last) & (first > -0.25) & (first < HUGE) & (last < HUGE))
    problems.add(file, "wrong-timestamp", f"from_timestamp of {key} is no time of a video", np.flatnonzero(outside))
    first, last = np.where(outside, 0, first), np.where(outside, 0, last)
    between = ~outside & (np.abs(first - np.round(first)) > 0.25)
    problems.add(file, "wrong-timestamp", f"from_timestamp of {key} lies between frames", np.flatnonzero(between))
    unequal = rows & ~outside & (last - first - length < -0.5)
    detail = f"to_timestamp - from_timestamp of {key} is less than length / fps"
    problems.add(file, "wrong-timestamp", detail, np.flatnonzero(unequal))
    sound = rows & ~(outside | between | unequal)
    for _, episodes in described.files(key):
        kept = episodes[sound[episodes]]
        overlapping = _overlapping(kept, np.round(first[kept]), length[kept])
        detail = f"its place in the video of {key} overlaps another's"
        problems.add(file, "wrong-timestamp", detail, overlapping)
        sound[overlapping] = False
    return sound


def _overlapping(
    episodes: Int64[np.ndarray, " K"], first: Float64[np.ndarray, " K"], length: Int64[np.ndarray, " K"]
) -> Int64[np.ndarray, " M"]:
    """Both of each two that share a frame."""
    order = np.argsort(first, kind="stable")
    end = np.maximum.accumulate((first + length)[order])
    clash = np.flatnonzero(first[order][1:] < end[:-1])
    return np.unique(np.concatenate([episodes[order][clash], episodes[order][clash + 1]]))


def _totals(described: Described, problems: Problems) -> None:
    frames = sum(described.episodes["length"].tolist())
    for name, counted in (("total_episodes", len(described)), ("total_frames", frames)):
        if described.info.get(name, counted) != counted:
            detail = f"{name} is {described.info[name]!r}, the episode table has {counted}"
            problems.add(INFO, "numbering", detail)


def _instructions(described: Described, problems: Problems) -> None:
    known = set(described.tasks.values())
    if not known:
        return
    for episode, instructions in enumerate(described.instructions):
        if not instructions or not known.issuperset(instructions):
            problems.add(described.table_file, "unknown-task", f"{TASKS} lacks its instruction", [episode])
