"""Checks that the episode table is consistent with itself and with info.json."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from praxia.data.layout import INFO, TASKS
from praxia.datatools.check.meta import LenientMetadata
from praxia.datatools.check.problems import Problems

__all__ = ["ConsistentEpisodes", "check_table", "video_starts"]

HUGE = 2**48  # more frames than any data set has, and far below the overflow of int64


@dataclass(frozen=True)
class ConsistentEpisodes:
    """Masks of the episodes whose rows, and per video feature whose images, the table locates without contradiction."""

    rows: Bool[np.ndarray, " E"]
    images: dict[str, Bool[np.ndarray, " E"]]


def check_table(meta: LenientMetadata, problems: Problems) -> ConsistentEpisodes:
    """Check the lengths, positions and times of every episode, without opening the files they refer to."""
    rows = _consistent_rows(meta, problems)
    images = {key: _consistent_images(meta, key, rows, problems) for key in meta.image_features("video")}
    _check_totals(meta, problems)
    _check_instructions(meta, problems)
    return ConsistentEpisodes(rows, images)


def video_starts(meta: LenientMetadata, key: str) -> Float64[np.ndarray, " E"]:
    """The first frame of each episode in its video, in frames; an integer if the table is right."""
    return meta.episodes[f"videos/{key}/from_timestamp"] * meta.fps


def _consistent_rows(meta: LenientMetadata, problems: Problems) -> Bool[np.ndarray, " E"]:
    columns, file = meta.episodes, meta.table_file
    number, length = columns["episode_index"], columns["length"]
    first, last = columns["dataset_from_index"], columns["dataset_to_index"]
    misnumbered = number != meta.episode_numbers
    repeated = np.isin(np.arange(len(meta)), np.unique(number, return_index=True)[1], invert=True)
    problems.add(file, "duplicate-episode", "episode_index occurs twice", np.flatnonzero(repeated))
    problems.add(file, "wrong-index", "episode_index is not the row's number", np.flatnonzero(misnumbered & ~repeated))
    empty = length < 1
    problems.add(file, "empty-episode", "it has no frames", np.flatnonzero(empty))
    positions = np.stack([column for name, column in columns.items() if name.endswith(("chunk_index", "file_index"))])
    no_file = ((positions < 0) | (positions > HUGE)).any(axis=0)
    problems.add(file, "wrong-index", "chunk_index or file_index is not a valid number", np.flatnonzero(no_file))
    huge = (np.abs(np.stack([length, first, last])) > HUGE).any(axis=0)
    wrong_length = ~empty & (huge | (first < 0) | (last - first != length))
    problems.add(
        file, "wrong-index", "length is not dataset_to_index - dataset_from_index", np.flatnonzero(wrong_length)
    )
    consistent = ~(misnumbered | empty | no_file | wrong_length)
    not_consecutive = np.concatenate([first[:1] != 0, first[1:] != last[:-1]])
    # A contradiction within the row before is reported there.
    not_consecutive &= consistent & np.concatenate([[True], consistent[:-1]])
    problems.add(
        file,
        "wrong-index",
        "dataset_from_index is not the dataset_to_index of the previous episode",
        np.flatnonzero(not_consecutive),
    )
    chunk, file_index = columns["data/chunk_index"], columns["data/file_index"]
    out_of_order = (np.diff(chunk) < 0) | ((np.diff(chunk) == 0) & (np.diff(file_index) < 0))
    out_of_order = np.concatenate([np.zeros(min(1, len(chunk)), dtype=bool), out_of_order])
    problems.add(
        file,
        "wrong-index",
        "its rows are in an earlier file than those of the previous episode",
        np.flatnonzero(out_of_order),
    )
    return consistent & ~not_consecutive & ~out_of_order


def _consistent_images(
    meta: LenientMetadata, key: str, rows: Bool[np.ndarray, " E"], problems: Problems
) -> Bool[np.ndarray, " E"]:
    columns, file, fps = meta.episodes, meta.table_file, meta.fps
    length = columns["length"]
    first, last = video_starts(meta, key), columns[f"videos/{key}/to_timestamp"] * fps
    invalid = ~(np.isfinite(first) & np.isfinite(last) & (first > -0.25) & (first < HUGE) & (last < HUGE))
    problems.add(file, "wrong-timestamp", f"from_timestamp of {key} is not a time in a video", np.flatnonzero(invalid))
    first, last = np.where(invalid, 0, first), np.where(invalid, 0, last)
    off_frame = ~invalid & (np.abs(first - np.round(first)) > 0.25)
    problems.add(file, "wrong-timestamp", f"from_timestamp of {key} lies between frames", np.flatnonzero(off_frame))
    wrong_length = rows & ~invalid & (last - first - length < -0.5)
    detail = f"to_timestamp - from_timestamp of {key} is less than length / fps"
    problems.add(file, "wrong-timestamp", detail, np.flatnonzero(wrong_length))
    consistent = rows & ~(invalid | off_frame | wrong_length)
    for _, episodes in meta.files(key):
        kept = episodes[consistent[episodes]]
        overlapping = _overlapping_episodes(kept, np.round(first[kept]), length[kept])
        detail = f"its frames in the video of {key} overlap those of another episode"
        problems.add(file, "wrong-timestamp", detail, overlapping)
        consistent[overlapping] = False
    return consistent


def _overlapping_episodes(
    episodes: Int64[np.ndarray, " K"], first: Float64[np.ndarray, " K"], length: Int64[np.ndarray, " K"]
) -> Int64[np.ndarray, " M"]:
    """All episodes that share a frame with another one."""
    order = np.argsort(first, kind="stable")
    end = np.maximum.accumulate((first + length)[order])
    clash = np.flatnonzero(first[order][1:] < end[:-1])
    return np.unique(np.concatenate([episodes[order][clash], episodes[order][clash + 1]]))


def _check_totals(meta: LenientMetadata, problems: Problems) -> None:
    frames = sum(meta.episodes["length"].tolist())
    for name, counted in (("total_episodes", len(meta)), ("total_frames", frames)):
        if meta.info.get(name, counted) != counted:
            detail = f"{name} is {meta.info[name]!r}, the episode table has {counted}"
            problems.add(INFO, "numbering", detail)


def _check_instructions(meta: LenientMetadata, problems: Problems) -> None:
    known = set(meta.tasks.values())
    if not known:
        return
    for episode, instructions in enumerate(meta.instructions):
        if not instructions or not known.issuperset(instructions):
            problems.add(meta.table_file, "unknown-task", f"{TASKS} does not list its instruction", [episode])
