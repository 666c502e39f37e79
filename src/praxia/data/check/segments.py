"""Which of the data set's frames each data file holds.

Readers go by the row: LeRobot reads all files of `data/` in the order of their names, and its converter from v2.1
places some episodes in the file before theirs. So the number of rows decides; the table does where rows are lost.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64

from praxia.data.check.described import DAMAGED_PARQUET, Described
from praxia.data.check.problems import Problems
from praxia.data.parquet import count_rows

__all__ = ["Segment", "segments"]


@dataclass(frozen=True)
class Segment:
    """The file `name` holds frames `first` to `first + num_rows`, and the episodes `named`."""

    name: str
    first: int
    num_rows: int
    named: Int64[np.ndarray, " K"]


def segments(described: Described, sound: Bool[np.ndarray, " E"], problems: Problems) -> list[Segment]:
    """The data files that can be opened, in order, and problems for those that cannot."""
    episodes_of = dict(described.files(None))
    there = {path.relative_to(described.root).as_posix() for path in (described.root / "data").glob("*/*.parquet")}
    begins, ends = described.episodes["dataset_from_index"], described.episodes["dataset_to_index"]
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
    if sum(rows.values()) == sum(described.episodes["length"].tolist()):
        counted = np.cumsum([0, *rows.values()]).tolist()
        return [
            Segment(name, first, rows[name], np.flatnonzero(sound & (ends > first) & (begins < first + rows[name])))
            for name, first in zip(rows, counted[:-1], strict=True)
        ]
    found = []
    for name, num_rows in rows.items():
        if name not in episodes_of:
            problems.add(name, "stray-file", "the episode table does not name it, and has enough rows without it")
            continue
        named = episodes_of[name]
        sure = named[sound[named]]
        if len(sure) == 0:
            problems.add(name, "wrong-index", "the episode table contradicts itself about its rows", named)
            continue
        before = named[named < sure[0]]
        first = int(ends[before[0] - 1] if len(before) and before[0] and sound[before[0] - 1] else begins[sure[0]])
        if len(before) and not before[0]:
            first = 0
        found.append(Segment(name, first, num_rows, named))
        lost = sure[ends[sure] > first + num_rows]
        problems.add(name, "wrong-index", f"rows are missing: the file has {num_rows}", lost)
    return found
