"""Whether the quantiles in meta/stats.json are quantiles of the numbers, by counting, in bounded memory."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float64
from pyarrow.dataset import dataset

from praxia.data.columns import matrix
from praxia.data.layout import parquet_files
from praxia.data.stats import QUANTILES

__all__ = ["misplaced"]

BATCH = 4096
# Of all values: writers take quantiles from samples or histograms.
TOLERANCE = 0.01


def misplaced(root: Path, stats: Mapping[str, Any], features: Mapping[str, int]) -> Iterator[str]:
    """What is wrong with the quantiles of each of the features (of so many dims), for people.

    A value is the quantile at 1% where about 1% of all values lie below it: LeRobot wrote means of the episodes' own
    quantiles there, and later their extremes. The data files must be whole.
    """
    for feature, size in features.items():
        told = _told(stats.get(feature), size)
        if not told:
            continue
        levels = np.array([[QUANTILES[name]] for name in told])
        below, upto, total = _shares(root, feature, np.stack(list(told.values())))
        off = np.maximum(below - levels, levels - upto) - 1 / max(total, 1)  # definitions differ by a row
        names = [name for name, dims in zip(told, off, strict=True) if (dims > TOLERANCE).any()]
        if names:
            row, dim = np.unravel_index(np.argmax(off), off.shape)
            share = below[row, dim] if below[row, dim] > levels[row, 0] else upto[row, dim]
            yield (
                f"{', '.join(names)} of {feature} are not those of the data: {share:.0%} of the values of dim {dim} "
                f"are below its {list(told)[row]}"
            )


def _told(described: Any, size: int) -> dict[str, Float64[np.ndarray, " D"]]:
    """The quantiles of a feature that are numbers for each dim, by name."""
    found = {}
    for name in QUANTILES:
        try:
            value = np.asarray(described[name], dtype=np.float64).reshape(size)
        except (KeyError, TypeError, ValueError):
            continue
        found[name] = value
    return found


def _shares(
    root: Path, feature: str, values: Float64[np.ndarray, "Q D"]
) -> tuple[Float64[np.ndarray, "Q D"], Float64[np.ndarray, "Q D"], int]:
    """Which share of each dim's values lies below each of these, which at or below it, and how many there are."""
    below, upto, total = np.zeros(values.shape), np.zeros(values.shape), 0
    for rows in _rows(root, feature):
        below += (rows[:, None] < values).sum(0)
        upto += (rows[:, None] <= values).sum(0)
        total += len(rows)
    return below / max(total, 1), upto / max(total, 1), total


def _rows(root: Path, feature: str) -> Iterator[Float64[np.ndarray, "N D"]]:
    files = parquet_files(root / "data")
    for batch in dataset(files, format="parquet").to_batches(columns=[feature], batch_size=BATCH, use_threads=False):
        yield matrix(pa.chunked_array([batch.column(0)])).astype(np.float64)
