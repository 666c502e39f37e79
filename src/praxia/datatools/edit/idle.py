"""Where in an episode nothing moves: how many frames could be cut at its begin and at its end.

A dim moves from one frame to the next where its value changes by more than `threshold` times its range, which is what
lies between the 1% and the 99% quantile of it over the data set: the threshold has no unit, and one outlier does not
widen it. Frames are idle up to the last one before the first motion of any dim, and from the first one after the last
motion. A dim that is the same in nearly all frames has the range 0: its every change is a motion.

The features must be ones whose change is motion, as positions are: of an action that is itself a change, a constant one
would count as rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64

from praxia.core.errors import UnknownName
from praxia.data.columns import matrix
from praxia.data.vectors import VECTORS, NoVector
from praxia.datatools.edit.source import SourceDataset

__all__ = ["Idle", "idle"]

MAX_SAMPLED_ROWS = 1_000_000


@dataclass(frozen=True)
class Idle:
    """Idle frames at the begin and at the end of each episode; both 0 where an episode never moves (`still`)."""

    begin: Int64[np.ndarray, " E"]
    end: Int64[np.ndarray, " E"]
    still: Bool[np.ndarray, " E"]


def idle(source: SourceDataset, features: Sequence[str], threshold: float) -> Idle:
    """What is idle in every episode, judged by the given features together.

    Raises:
        UnknownName: a feature that is no number a frame.
        DataError: a file that cannot be read.
    """
    numbers = source.features(
        "float32", "float64", "float16", *(f"{s}int{b}" for s in ("", "u") for b in (8, 16, 32, 64))
    )
    for feature in features:
        if feature in VECTORS and feature not in numbers:
            raise NoVector(source.root, source.info["features"], feature)
        if feature not in numbers:
            raise UnknownName("feature", feature, numbers, f"praxia data info {source.root}")
    firsts = source.firsts
    moves = np.zeros(int(source.lengths.sum()), dtype=bool)
    tables = [source.read(file, features) for file in source.files]
    for feature in features:
        values = np.concatenate([matrix(table[feature]) for table in tables]).astype(np.float64)
        sample = values[:: -(-len(values) // MAX_SAMPLED_ROWS)]
        low, high = np.quantile(sample, [0.01, 0.99], axis=0)
        moves[1:] |= (np.abs(np.diff(values, axis=0)) > threshold * (high - low)).any(axis=1)
    moves[firsts] = False  # an episode's first frame follows upon no other
    at = np.flatnonzero(moves)
    first = np.searchsorted(at, firsts)
    last = np.searchsorted(at, firsts + source.lengths) - 1
    still = last < first
    at = np.append(at, 0)
    begin = np.where(still, 0, at[first] - 1 - firsts)
    end = np.where(still, 0, firsts + source.lengths - 1 - at[last])
    return Idle(begin, end, still)
