"""Which of the data set's episodes each data file holds.

Readers go by the row: LeRobot reads all files of `data/` in the order of their names, and its converter from v2.1
places some episodes in the file before theirs. So the number of rows decides. Where some are lost, or nobody's, every
row's own `episode_index` does: a file that is not there then takes no other's episodes with it.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow.parquet as pq
from jaxtyping import Bool, Int64

from praxia.core.files import name_within
from praxia.data.layout import parquet_files
from praxia.data.parquet import count_rows
from praxia.data.placement import integers, runs
from praxia.datatools.check.described import DAMAGED_PARQUET, Described
from praxia.datatools.check.problems import Problems

__all__ = ["Segment", "segments"]


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
