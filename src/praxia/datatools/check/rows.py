"""Checks the rows of each data file against the episode table and info.json, one batch at a time.

Readers go by the row: LeRobot reads all files of `data/` in the order of their names, and its converter from v2.1
places some episodes in the file before theirs. So the number of rows decides which episodes a file holds. If rows are
missing or surplus, the `episode_index` of each row decides instead, so that a missing file affects only its own
episodes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Bool, Int64, Shaped
from pyarrow.dataset import dataset

from praxia.core.files import relative_name
from praxia.data.features import TRAINING_FEATURES
from praxia.data.frame_files import integers, runs
from praxia.data.layout import parquet_files
from praxia.data.parquet import count_rows
from praxia.datatools.check.features import check_images, check_values
from praxia.datatools.check.meta import DAMAGED_PARQUET, LenientMetadata
from praxia.datatools.check.problems import Problems
from praxia.statistics.running import Moments

__all__ = ["DataFile", "check_rows", "data_files"]

BATCH_ROWS, IMAGE_BATCH_ROWS = 4096, 64
TIME_TOLERANCE_S = 1e-4  # LeRobot's tolerance


@dataclass(frozen=True)
class DataFile:
    """A data file: its `name`, its `num_rows`, and K `episodes` with the row of each one's first frame in increasing
    order.

    `start` is negative if an episode begins in the file before. `by_count`: every row must belong to one of `episodes`.
    """

    name: str
    num_rows: int
    episodes: Int64[np.ndarray, " K"]
    start: Int64[np.ndarray, " K"]
    by_count: bool


def data_files(meta: LenientMetadata, consistent: Bool[np.ndarray, " E"], problems: Problems) -> list[DataFile]:
    """The data files that can be opened, in order; adds problems for those that cannot."""
    episodes_of = dict(meta.files(None))
    existing = {relative_name(meta.root, path) for path in parquet_files(meta.root / "data")}
    rows: dict[str, int] = {}
    for name in sorted(existing | set(episodes_of)):
        episodes = episodes_of.get(name, np.zeros(0, dtype=np.int64))
        if name not in existing:
            problems.add(name, "missing-file", "the rows in it are lost", episodes)
            continue
        path = meta.root / name
        try:
            rows[name] = count_rows(path)
        except DAMAGED_PARQUET as error:
            empty = path.stat().st_size == 0
            problems.add(name, "truncated" if empty else "unreadable", str(error), episodes if len(episodes) else None)
    if sum(rows.values()) == sum(meta.episodes["length"].tolist()) and not meta.has_gaps:
        return _by_count(meta, consistent, rows)
    return _by_number(meta, rows, problems)


def _by_count(meta: LenientMetadata, consistent: Bool[np.ndarray, " E"], rows: dict[str, int]) -> list[DataFile]:
    begins, ends = meta.episodes["dataset_from_index"], meta.episodes["dataset_to_index"]
    found, first = [], 0
    for name, num_rows in rows.items():
        episodes = np.flatnonzero(consistent & (ends > first) & (begins < first + num_rows))
        found.append(DataFile(name, num_rows, episodes, begins[episodes] - first, True))
        first += num_rows
    return found


def _by_number(meta: LenientMetadata, rows: dict[str, int], problems: Problems) -> list[DataFile]:
    """Locate each episode by the `episode_index` of the rows; adds problems where their count is not the table's."""
    episodes_of = dict(meta.files(None))
    length, counts = meta.episodes["length"], np.zeros(len(meta), dtype=np.int64)
    found, unread = [], np.zeros(len(meta), dtype=bool)
    for name, num_rows in rows.items():
        here = episodes_of.get(name, np.zeros(0, dtype=np.int64))
        try:
            columns = pq.ParquetFile(meta.root / name).read(columns=["episode_index", "frame_index"])
            numbers, frame = integers(columns, "episode_index"), integers(columns, "frame_index")
        except DAMAGED_PARQUET as error:
            problems.add(name, "wrong-index", str(error), here if len(here) else None)
            unread[here] = True
            continue
        starts, lengths = runs(numbers)
        positions = meta.positions_of(numbers[starts])
        if (positions < 0).any():
            detail = f"it has {lengths[positions < 0].sum()} rows of episodes that the table does not have"
            problems.add(name, "stray-file", detail)
        known = positions >= 0
        np.add.at(counts, positions[known], lengths[known])
        found.append(DataFile(name, num_rows, positions[known], (starts - frame[starts])[known], False))
    lacking = np.flatnonzero((counts != length) & ~unread)
    for name, here in episodes_of.items():
        for episode in np.intersect1d(here, lacking).tolist() if name in rows else ():
            problems.add(name, "wrong-index", f"it has {counts[episode]} of {length[episode]} rows", [episode])
    return found


def check_rows(
    meta: LenientMetadata, data_file: DataFile, consistent: Bool[np.ndarray, " E"], problems: Problems, notes: Problems
) -> dict[str, Moments]:
    """Check one data file. Returns the moments of every numeric feature whose values are all valid.

    A value that is NaN, missing, or of another type or shape is a problem if training reads the feature, else a note.

    A row belongs to an episode by its position where the table is `consistent` about the episode, else by its own
    episode_index.
    """
    path = meta.root / data_file.name
    file = _ConsistentRows.of(meta, data_file, consistent)
    moments: dict[str, Moments] = {}
    complete = set(meta.features)
    try:
        first = 0
        size = IMAGE_BATCH_ROWS if meta.image_features("image") else BATCH_ROWS
        # Readers do the same; it looks at more of a damaged file than `ParquetFile` does.
        for batch in dataset(path, format="parquet").to_batches(batch_size=size, batch_readahead=1, use_threads=False):
            rows = pa.table(batch)
            checked = dict(_check_batch(file, rows, first, problems, notes))
            complete &= checked.keys()
            for feature, values in checked.items():
                with np.errstate(all="ignore"):  # values may be of any magnitude
                    new = Moments.of(values)
                    moments[feature] = moments[feature].merge(new) if feature in moments else new
            first += rows.num_rows
    except DAMAGED_PARQUET as error:
        episodes = data_file.episodes
        problems.add(data_file.name, "unreadable", str(error), episodes if len(episodes) else None)
        return {}
    return {feature: found for feature, found in moments.items() if feature in complete}


@dataclass(frozen=True)
class _ConsistentRows:
    """The K consistent episodes of a file: rows `first[k]` to `last[k]` belong to episode `number[k]`."""

    meta: LenientMetadata
    name: str
    episodes: Int64[np.ndarray, " _"]
    complete: bool
    number: Int64[np.ndarray, " K"]
    first: Int64[np.ndarray, " K"]
    last: Int64[np.ndarray, " K"]

    @classmethod
    def of(cls, meta: LenientMetadata, file: DataFile, consistent: Bool[np.ndarray, " E"]) -> "_ConsistentRows":
        is_consistent = consistent[file.episodes]
        number, first = file.episodes[is_consistent], file.start[is_consistent]
        last = first + meta.episodes["length"][number]
        complete = file.by_count and bool(consistent.all())
        return cls(meta, file.name, file.episodes, complete, number, first, last)

    def owners(self, rows: Int64[np.ndarray, " N"]) -> Int64[np.ndarray, " N"]:
        """The episode of each row; -1 where the table does not say."""
        if len(self.number) == 0:
            return np.full(len(rows), -1)
        at = np.searchsorted(self.first, rows, side="right") - 1
        return np.where((at >= 0) & (rows < self.last[at]), self.number[at], -1)

    def note(
        self, problems: Problems, owner: Int64[np.ndarray, " N"], kind: str, detail: str, wrong: Bool[np.ndarray, " N"]
    ) -> None:
        """Add one problem per episode with wrong rows, with the number of those rows."""
        for episode, count in zip(*np.unique(owner[wrong], return_counts=True), strict=True):
            problems.add(self.name, kind, detail, None if episode < 0 else [int(episode)], int(count))


def _check_batch(
    file: _ConsistentRows, rows: pa.Table, first: int, problems: Problems, notes: Problems
) -> Iterator[tuple[str, Shaped[np.ndarray, "N D"]]]:
    """Check rows from `first` on; yields the numeric features whose values are all valid."""
    position = np.arange(first, first + rows.num_rows)
    owner = file.owners(position)
    numbers = _integer_column(rows, "episode_index")
    if numbers is not None:
        owner = np.where(owner < 0, file.meta.positions_of(numbers), owner)
    for feature, declared in file.meta.features.items():
        if declared["dtype"] == "video":
            continue
        is_image = declared["dtype"] == "image"
        camera = is_image and file.meta.unsupported_images(feature) is None
        listed = problems if camera or feature in TRAINING_FEATURES else notes
        if feature not in rows.column_names:
            listed.add(file.name, "wrong-shape", f"it has no column {feature}", file.episodes)
        elif is_image:
            check_images(file.meta.root, file.name, rows[feature], declared, owner, listed, camera=camera)
        else:
            values = check_values(feature, declared, rows[feature], partial(file.note, listed, owner))
            if values is not None:
                yield feature, values
    if file.complete:
        unowned = file.owners(position) < 0
        file.note(problems, owner, "wrong-index", "a row belongs to no episode of the table", unowned)
    _check_indices(file, rows, position, owner, problems)


def _integer_column(rows: pa.Table, name: str) -> Int64[np.ndarray, " N"] | None:
    if name not in rows.column_names or not pa.types.is_integer(rows[name].type) or rows[name].null_count:
        return None
    return rows[name].to_numpy().astype(np.int64)


def _check_indices(
    file: _ConsistentRows,
    rows: pa.Table,
    position: Int64[np.ndarray, " N"],
    owner: Int64[np.ndarray, " N"],
    problems: Problems,
) -> None:
    """Check the index columns of LeRobot against the position of each row."""
    meta = file.meta
    episode_of_row = file.owners(position)
    is_located = episode_of_row >= 0
    at = np.searchsorted(file.first, position[is_located], side="right") - 1
    frame = np.full(len(position), -1)
    frame[is_located] = position[is_located] - file.first[at]
    expected = {
        "episode_index": meta.episode_numbers[episode_of_row] if len(meta) else episode_of_row,
        "frame_index": frame,
    }
    if not meta.has_gaps:  # with gaps, it is unknown whether the index counts missing episodes
        expected["index"] = meta.episodes["dataset_from_index"][episode_of_row] + frame if len(meta) else frame
    for name, value in expected.items():
        got = _integer_column(rows, name)
        if got is not None:
            file.note(problems, owner, "wrong-index", f"{name} is not consecutive", is_located & (got != value))
    if "timestamp" in rows.column_names and pa.types.is_floating(rows["timestamp"].type):
        times = rows["timestamp"].to_numpy().astype(np.float64)
        expected_s = frame / meta.fps
        off = is_located & ~(np.abs(times - expected_s) <= TIME_TOLERANCE_S + 1e-6 * expected_s)
        file.note(problems, owner, "wrong-timestamp", "timestamp is not frame_index / fps", off)
    _check_tasks(file, rows, owner, problems)


def _check_tasks(file: _ConsistentRows, rows: pa.Table, owner: Int64[np.ndarray, " N"], problems: Problems) -> None:
    meta, task = file.meta, _integer_column(rows, "task_index")
    if task is None or not meta.tasks:
        return
    pairs, counts = np.unique(np.stack([owner, task]), axis=1, return_counts=True)
    for (episode, index), count in zip(pairs.T.tolist(), counts.tolist(), strict=True):
        instructions = meta.instructions[episode] if 0 <= episode < len(meta.instructions) else None
        if index not in meta.tasks:
            detail = f"task_index {index} is in no table"
        elif instructions is not None and meta.tasks[index] not in instructions:
            detail = f"task_index {index} is {meta.tasks[index]!r}, not the episode's {', '.join(instructions)!r}"
        else:
            continue
        problems.add(file.name, "unknown-task", detail, None if episode < 0 else [episode], count)
