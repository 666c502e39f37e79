"""Which episodes each data file holds, and whether its rows are right."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Bool, Int64, Shaped
from pyarrow.dataset import dataset

from praxia.core.files import name_within
from praxia.data.features import READ
from praxia.data.layout import parquet_files
from praxia.data.parquet import count_rows
from praxia.data.placement import integers, runs
from praxia.data.stats import Moments
from praxia.datatools.check.features import check_images, check_values
from praxia.datatools.check.meta import DAMAGED_PARQUET, Described
from praxia.datatools.check.problems import Problems

__all__ = ["Segment", "check_rows", "segments"]

BATCH, BATCH_OF_IMAGES = 4096, 64  # rows
SECONDS = 1e-4  # as LeRobot tolerates


@dataclass(frozen=True)
class Segment:
    """The file `name`, its `num_rows`, and the episodes `named` with the row of each one's first frame.

    `start` rises; it is below 0 where an episode begins in the file before. `counted`: all rows must be theirs.
    """

    name: str
    num_rows: int
    named: Int64[np.ndarray, " K"]
    start: Int64[np.ndarray, " K"]
    counted: bool


def segments(described: Described, sound: Bool[np.ndarray, " E"], problems: Problems) -> list[Segment]:
    """The data files that can be opened, in order, and problems for those that cannot."""
    episodes_of = dict(described.files(None))
    there = {name_within(described.root, path) for path in parquet_files(described.root / "data")}
    rows: dict[str, int] = {}
    for name in sorted(there | set(episodes_of)):
        named = episodes_of.get(name, np.zeros(0, dtype=np.int64))
        if name not in there:
            problems.add(name, "missing-file", "its rows are lost", named)
            continue
        path = described.root / name
        try:
            rows[name] = count_rows(path)
        except DAMAGED_PARQUET as error:
            empty = path.stat().st_size == 0
            problems.add(name, "truncated" if empty else "unreadable", str(error), named if len(named) else None)
    if sum(rows.values()) == sum(described.episodes["length"].tolist()) and not described.gapped:
        return _by_count(described, sound, rows)
    return _by_number(described, rows, problems)


def _by_count(described: Described, sound: Bool[np.ndarray, " E"], rows: dict[str, int]) -> list[Segment]:
    begins, ends = described.episodes["dataset_from_index"], described.episodes["dataset_to_index"]
    found, first = [], 0
    for name, num_rows in rows.items():
        named = np.flatnonzero(sound & (ends > first) & (begins < first + num_rows))
        found.append(Segment(name, num_rows, named, begins[named] - first, True))
        first += num_rows
    return found


def _by_number(described: Described, rows: dict[str, int], problems: Problems) -> list[Segment]:
    """Every episode where its rows say; problems for those that have not as many as the table says."""
    episodes_of = dict(described.files(None))
    length, counts = described.episodes["length"], np.zeros(len(described), dtype=np.int64)
    found, unread = [], np.zeros(len(described), dtype=bool)
    for name, num_rows in rows.items():
        here = episodes_of.get(name, np.zeros(0, dtype=np.int64))
        try:
            columns = pq.ParquetFile(described.root / name).read(columns=["episode_index", "frame_index"])
            own, frame = integers(columns, "episode_index"), integers(columns, "frame_index")
        except DAMAGED_PARQUET as error:
            problems.add(name, "wrong-index", str(error), here if len(here) else None)
            unread[here] = True
            continue
        starts, lengths = runs(own)
        placed = described.placed(own[starts])
        if (placed < 0).any():
            detail = f"it has {lengths[placed < 0].sum()} rows of episodes that the table does not have"
            problems.add(name, "stray-file", detail)
        known = placed >= 0
        np.add.at(counts, placed[known], lengths[known])
        found.append(Segment(name, num_rows, placed[known], (starts - frame[starts])[known], False))
    lacking = np.flatnonzero((counts != length) & ~unread)
    for name, here in episodes_of.items():
        for episode in np.intersect1d(here, lacking).tolist() if name in rows else ():
            problems.add(name, "wrong-index", f"it has {counts[episode]} of {length[episode]} rows", [episode])
    return found


def check_rows(
    described: Described, segment: Segment, sound: Bool[np.ndarray, " E"], problems: Problems, notes: Problems
) -> dict[str, Moments]:
    """Note what is wrong in one data file; the moments of every numeric feature that is whole there.

    That a number is NaN, absent or of another type or shape is a problem where it is read for training, else a note.

    Rows are told apart by their position where the table is `sound` about their episode, else by their own
    episode_index.
    """
    path = described.root / segment.name
    file = _File.of(described, segment, sound)
    moments: dict[str, Moments] = {}
    whole = set(described.features)
    try:
        first = 0
        size = BATCH_OF_IMAGES if described.keys("image") else BATCH
        # As readers do: this looks at more of a damaged file than `ParquetFile`.
        for batch in dataset(path, format="parquet").to_batches(batch_size=size, batch_readahead=1, use_threads=False):
            rows = pa.table(batch)
            checked = dict(_checked(file, rows, first, problems, notes))
            whole &= checked.keys()
            for feature, values in checked.items():
                with np.errstate(all="ignore"):  # numbers of any size
                    new = Moments.of(values)
                    moments[feature] = moments[feature].merge(new) if feature in moments else new
            first += rows.num_rows
    except DAMAGED_PARQUET as error:
        problems.add(segment.name, "unreadable", str(error), segment.named if len(segment.named) else None)
        return {}
    return {feature: one for feature, one in moments.items() if feature in whole}


@dataclass(frozen=True)
class _File:
    """The K episodes of a file of which the table is sure: row `first[k]` to `last[k]` of the file are `number[k]`."""

    described: Described
    name: str
    named: Int64[np.ndarray, " _"]
    complete: bool
    number: Int64[np.ndarray, " K"]
    first: Int64[np.ndarray, " K"]
    last: Int64[np.ndarray, " K"]

    @classmethod
    def of(cls, described: Described, segment: Segment, sound: Bool[np.ndarray, " E"]) -> "_File":
        sure = sound[segment.named]
        number, first = segment.named[sure], segment.start[sure]
        last = first + described.episodes["length"][number]
        complete = segment.counted and bool(sound.all())
        return cls(described, segment.name, segment.named, complete, number, first, last)

    def owners(self, rows: Int64[np.ndarray, " N"]) -> Int64[np.ndarray, " N"]:
        """The episode of each row, -1 where the table does not say."""
        if len(self.number) == 0:
            return np.full(len(rows), -1)
        at = np.searchsorted(self.first, rows, side="right") - 1
        return np.where((at >= 0) & (rows < self.last[at]), self.number[at], -1)

    def note(
        self, problems: Problems, owner: Int64[np.ndarray, " N"], kind: str, detail: str, wrong: Bool[np.ndarray, " N"]
    ) -> None:
        """One problem for each episode that has wrong rows, with their number."""
        for episode, count in zip(*np.unique(owner[wrong], return_counts=True), strict=True):
            problems.add(self.name, kind, detail, None if episode < 0 else [int(episode)], int(count))


def _checked(
    file: _File, rows: pa.Table, first: int, problems: Problems, notes: Problems
) -> Iterator[tuple[str, Shaped[np.ndarray, "N D"]]]:
    """Check rows `first` and on of the file; their numeric features that are whole."""
    position = np.arange(first, first + rows.num_rows)
    owner = file.owners(position)
    own = _integers(rows, "episode_index")
    if own is not None:
        owner = np.where(owner < 0, file.described.placed(own), owner)
    for feature, declared in file.described.features.items():
        if declared["dtype"] == "video":
            continue
        is_image = declared["dtype"] == "image"
        camera = is_image and file.described.left_out(feature) is None
        listed = problems if camera or feature in READ else notes
        if feature not in rows.column_names:
            listed.add(file.name, "wrong-shape", f"it has no column {feature}", file.named)
        elif is_image:
            check_images(file.described.root, file.name, rows[feature], declared, owner, listed, camera=camera)
        else:
            values = check_values(feature, declared, rows[feature], partial(file.note, listed, owner))
            if values is not None:
                yield feature, values
    if file.complete:
        nobodys = file.owners(position) < 0
        file.note(problems, owner, "wrong-index", "a row belongs to no episode of the table", nobodys)
    _indices(file, rows, position, owner, problems)


def _integers(rows: pa.Table, name: str) -> Int64[np.ndarray, " N"] | None:
    if name not in rows.column_names or not pa.types.is_integer(rows[name].type) or rows[name].null_count:
        return None
    return rows[name].to_numpy().astype(np.int64)


def _indices(
    file: _File,
    rows: pa.Table,
    position: Int64[np.ndarray, " N"],
    owner: Int64[np.ndarray, " N"],
    problems: Problems,
) -> None:
    """The columns that LeRobot always has, against what a row's place says they must be."""
    described = file.described
    placed = file.owners(position)
    sure = placed >= 0
    at = np.searchsorted(file.first, position[sure], side="right") - 1
    frame = np.full(len(position), -1)
    frame[sure] = position[sure] - file.first[at]
    expected = {"episode_index": described.numbers[placed] if len(described) else placed, "frame_index": frame}
    if not described.gapped:  # else nobody knows whether episodes that are gone still count
        expected["index"] = described.episodes["dataset_from_index"][placed] + frame if len(described) else frame
    for name, value in expected.items():
        got = _integers(rows, name)
        if got is not None:
            file.note(problems, owner, "wrong-index", f"{name} is not consecutive", sure & (got != value))
    if "timestamp" in rows.column_names and pa.types.is_floating(rows["timestamp"].type):
        times = rows["timestamp"].to_numpy().astype(np.float64)
        due = frame / described.fps
        late = sure & ~(np.abs(times - due) <= SECONDS + 1e-6 * due)
        file.note(problems, owner, "wrong-timestamp", "timestamp is not frame_index / fps", late)
    _tasks(file, rows, owner, problems)


def _tasks(file: _File, rows: pa.Table, owner: Int64[np.ndarray, " N"], problems: Problems) -> None:
    described, task = file.described, _integers(rows, "task_index")
    if task is None or not described.tasks:
        return
    pairs, counts = np.unique(np.stack([owner, task]), axis=1, return_counts=True)
    for (episode, index), count in zip(pairs.T.tolist(), counts.tolist(), strict=True):
        instructions = described.instructions[episode] if 0 <= episode < len(described.instructions) else None
        if index not in described.tasks:
            detail = f"task_index {index} is in no table"
        elif instructions is not None and described.tasks[index] not in instructions:
            detail = f"task_index {index} is {described.tasks[index]!r}, not the episode's {', '.join(instructions)!r}"
        else:
            continue
        problems.add(file.name, "unknown-task", detail, None if episode < 0 else [episode], count)
