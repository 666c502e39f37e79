"""Whether meta/stats.json describes the data."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float64
from pyarrow.dataset import dataset

from praxia.data.columns import matrix
from praxia.data.layout import EPISODE_STATS_LINES, STATS, parquet_files
from praxia.data.stats import QUANTILES, Moments
from praxia.datatools.check.problems import Problems

__all__ = ["check_statistics", "misplaced"]

# Of a dim's own range: other writers compute in float32.
TOLERANCE = {"min": 1e-4, "max": 1e-4, "mean": 1e-2, "std": 1e-2}
BATCH_ROWS = 4096
# Of all values: writers take quantiles from samples or histograms.
RANK_TOLERANCE = 0.01


def check_statistics(root: Path, moments: Mapping[str, Moments], measured: Mapping[str, int], notes: Problems) -> None:
    """Compare the count, extremes, mean and standard deviation of every numeric feature, and quantiles of `measured`.

    `measured` are features that hold measured numbers or commands, with their dims; none where rows are damaged. What
    is missing or wrong is a note: nothing here learns from meta/stats.json, and an edit writes it anew. The statistics
    of images are not compared, for writers take them from samples of their own choice, nor are those of single
    episodes.
    """
    if not (root / STATS).is_file():
        if (root / EPISODE_STATS_LINES).is_file():  # v2.1 has nothing else
            return
        notes.add(STATS, "statistics", "it is missing")
        return
    # No reader here asks for them, others do.
    command = f"praxia data edit split {quote(str(root))} --fractions 1 --out NEW"
    anew = f"training counts the rows itself; to have them counted for others: `{command}`"
    try:
        stats = json.loads((root / STATS).read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        notes.add(STATS, "json", f"{error}; {anew}")
        return
    if not isinstance(stats, dict):
        notes.add(STATS, "json", f"expected an object, got {type(stats).__name__}; {anew}")
        return
    for wrong in misplaced(root, stats, measured):
        notes.add(STATS, "statistics", f"{wrong}; {anew}")
    for feature, found in moments.items():
        described = stats.get(feature)
        if not isinstance(described, dict):
            notes.add(STATS, "statistics", f"it has nothing on {feature}; {anew}")
            continue
        for name, due in _described(found).items():
            if name in described and not _alike(described[name], due, found, TOLERANCE.get(name, 0.0)):
                notes.add(STATS, "statistics", f"{name} of {feature} is not that of the data; {anew}")


def _described(found: Moments) -> dict[str, np.ndarray]:
    return {
        "count": np.array([found.count]),
        "min": found.minimum,
        "max": found.maximum,
        "mean": found.mean,
        "std": np.sqrt(found.squares / found.count),
    }


def _alike(value: Any, due: np.ndarray, found: Moments, tolerance: float) -> bool:
    try:
        got = np.asarray(value, dtype=np.float64).reshape(due.shape)
    except (TypeError, ValueError):
        return False
    allowed = tolerance * (found.maximum - found.minimum) + 1e-6 * np.maximum(
        np.abs(found.maximum), np.abs(found.minimum)
    )
    return bool((np.abs(got - due) <= (allowed if tolerance else 0)).all())


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
        names = [name for name, dims in zip(told, off, strict=True) if (dims > RANK_TOLERANCE).any()]
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
    for batch in dataset(files, format="parquet").to_batches(
        columns=[feature], batch_size=BATCH_ROWS, use_threads=False
    ):
        yield matrix(pa.chunked_array([batch.column(0)])).astype(np.float64)
