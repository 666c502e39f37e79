"""Finds idle frames at the start and end of episodes.

A dim moves between two frames if its value changes by more than `threshold` times its range, which is the distance
between its 1% and 99% quantiles over the data set: the threshold has no unit, and one outlier does not widen it. Frames
before the last one that precedes the first motion of any dim are idle, and so are those from the first one after the
last motion. A dim that is constant in nearly all frames has a range of 0, so every change of it is a motion.

The features must be ones whose change is motion, such as positions: a constant delta action would count as rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64

from praxia.core.errors import UnknownName
from praxia.data.parquet import matrix
from praxia.data.vectors import VECTORS, MissingVector
from praxia.datatools.edit.source import SourceDataset

__all__ = ["IdleFrames", "find_idle_frames"]

MAX_SAMPLED_ROWS = 1_000_000


@dataclass(frozen=True)
class IdleFrames:
    """The number of idle frames at the start and end of each episode; both 0 if the episode never moves (`still`)."""

    begin: Int64[np.ndarray, " E"]
    end: Int64[np.ndarray, " E"]
    still: Bool[np.ndarray, " E"]


def find_idle_frames(source: SourceDataset, features: Sequence[str], threshold: float) -> IdleFrames:
    """The idle frames of every episode, where none of the given features moves.

    Raises:
        UnknownName: a feature that is missing or not numeric.
        DataError: a file that cannot be read.
    """
    numeric = source.features(
        "float32", "float64", "float16", *(f"{s}int{b}" for s in ("", "u") for b in (8, 16, 32, 64))
    )
    for feature in features:
        if feature in VECTORS and feature not in numeric:
            raise MissingVector(source.root, source.info["features"], feature)
        if feature not in numeric:
            raise UnknownName("feature", feature, numeric, f"praxia data info {source.root}")
    firsts = source.first_frames
    moves = np.zeros(int(source.lengths.sum()), dtype=bool)
    tables = [source.read(file, features) for file in source.files]
    for feature in features:
        values = np.concatenate([matrix(table[feature]) for table in tables]).astype(np.float64)
        sample = values[:: -(-len(values) // MAX_SAMPLED_ROWS)]
        low, high = np.quantile(sample, [0.01, 0.99], axis=0)
        moves[1:] |= (np.abs(np.diff(values, axis=0)) > threshold * (high - low)).any(axis=1)
    moves[firsts] = False  # the first frame of an episode has no predecessor
    at = np.flatnonzero(moves)
    first = np.searchsorted(at, firsts)
    last = np.searchsorted(at, firsts + source.lengths) - 1
    still = last < first
    at = np.append(at, 0)
    begin = np.where(still, 0, at[first] - 1 - firsts)
    end = np.where(still, 0, firsts + source.lengths - 1 - at[last])
    return IdleFrames(begin, end, still)
