"""Checks that meta/stats.json describes the data.

Quantiles are checked by counting, in bounded memory: a value is the 1% quantile if about 1% of all values lie below it.
LeRobot used to write the mean of the episodes' quantiles there, and later their extremes.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float64
from pyarrow.dataset import dataset

from praxia.data.feature_statistics import MAX_DESCRIBED
from praxia.data.layout import EPISODE_STATS_LINES, STATS, parquet_files
from praxia.data.parquet import matrix
from praxia.datatools.check.problems import Problems
from praxia.statistics.running import QUANTILES, Moments

__all__ = ["check_statistics", "wrong_quantiles"]

# Relative to the range of a dim: other writers compute in float32.
TOLERANCE = {"min": 1e-4, "max": 1e-4, "mean": 1e-2, "std": 1e-2}
BATCH_ROWS = 4096
# Fraction of all values: writers take quantiles from samples or histograms.
RANK_TOLERANCE = 0.01


def check_statistics(root: Path, moments: Mapping[str, Moments], measured: Mapping[str, int], notes: Problems) -> None:
    """Compare the count, extremes, mean and standard deviation of every numeric feature, and the quantiles of
    `measured`.

    `measured` maps features that hold measurements or commands to their number of dims; it is empty if rows are
    damaged. Missing or wrong statistics are notes: Praxia does not learn from meta/stats.json, and an edit rewrites it.
    Statistics of images are not compared, because writers sample images differently, nor are those of single episodes.
    """
    if not (root / STATS).is_file():
        if (root / EPISODE_STATS_LINES).is_file():  # all that v2.1 has
            return
        notes.add(STATS, "statistics", "it is missing")
        return
    # Praxia does not read them, other readers do.
    command = f"praxia data edit split {quote(str(root))} --fractions 1 --out NEW"
    advice = f"training computes its own; to rewrite the file for other readers: `{command}`"
    try:
        stats = json.loads((root / STATS).read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        notes.add(STATS, "json", f"{error}; {advice}")
        return
    if not isinstance(stats, dict):
        notes.add(STATS, "json", f"expected an object, got {type(stats).__name__}; {advice}")
        return
    for wrong in wrong_quantiles(root, stats, measured):
        notes.add(STATS, "statistics", f"{wrong}; {advice}")
    for feature, found in moments.items():
        entry = stats.get(feature)
        if entry is None and found.mean.size > MAX_DESCRIBED:
            continue
        if not isinstance(entry, dict):
            notes.add(STATS, "statistics", f"it has no entry for {feature}; {advice}")
            continue
        for name, expected in _statistics_of(found).items():
            if name in entry and not _is_close(entry[name], expected, found, TOLERANCE.get(name, 0.0)):
                notes.add(STATS, "statistics", f"{name} of {feature} does not match the data; {advice}")


def _statistics_of(found: Moments) -> dict[str, np.ndarray]:
    return {
        "count": np.array([found.count]),
        "min": found.minimum,
        "max": found.maximum,
        "mean": found.mean,
        "std": np.sqrt(found.squares / found.count),
    }


def _is_close(value: Any, expected: np.ndarray, found: Moments, tolerance: float) -> bool:
    try:
        got = np.asarray(value, dtype=np.float64).reshape(expected.shape)
    except (TypeError, ValueError):
        return False
    allowed = tolerance * (found.maximum - found.minimum) + 1e-6 * np.maximum(
        np.abs(found.maximum), np.abs(found.minimum)
    )
    return bool((np.abs(got - expected) <= (allowed if tolerance else 0)).all())


def wrong_quantiles(root: Path, stats: Mapping[str, Any], features: Mapping[str, int]) -> Iterator[str]:
    """Messages about wrong quantiles of each feature; `features` maps names to the number of dims.

    The data files must be intact.
    """
    for feature, size in features.items():
        stored = _stored_quantiles(stats.get(feature), size)
        if not stored:
            continue
        levels = np.array([[QUANTILES[name]] for name in stored])
        below, up_to, total = _ranks(root, feature, np.stack(list(stored.values())))
        off = np.maximum(below - levels, levels - up_to) - 1 / max(
            total, 1
        )  # definitions of quantiles differ by one row
        names = [name for name, dims in zip(stored, off, strict=True) if (dims > RANK_TOLERANCE).any()]
        if names:
            row, dim = np.unravel_index(np.argmax(off), off.shape)
            share = below[row, dim] if below[row, dim] > levels[row, 0] else up_to[row, dim]
            yield (
                f"{', '.join(names)} of {feature} do not match the data: {share:.0%} of the values of dim {dim} "
                f"are below its {list(stored)[row]}"
            )


def _stored_quantiles(entry: Any, size: int) -> dict[str, Float64[np.ndarray, " D"]]:
    """The quantiles of a feature that are valid numbers for each dim, by name."""
    found = {}
    for name in QUANTILES:
        try:
            value = np.asarray(entry[name], dtype=np.float64).reshape(size)
        except (KeyError, TypeError, ValueError):
            continue
        found[name] = value
    return found


def _ranks(
    root: Path, feature: str, values: Float64[np.ndarray, "Q D"]
) -> tuple[Float64[np.ndarray, "Q D"], Float64[np.ndarray, "Q D"], int]:
    """The fraction of each dim's values below each of `values`, the fraction at or below it, and the number of rows."""
    below, up_to, total = np.zeros(values.shape), np.zeros(values.shape), 0
    for rows in _batches(root, feature):
        below += (rows[:, None] < values).sum(0)
        up_to += (rows[:, None] <= values).sum(0)
        total += len(rows)
    return below / max(total, 1), up_to / max(total, 1), total


def _batches(root: Path, feature: str) -> Iterator[Float64[np.ndarray, "N D"]]:
    files = parquet_files(root / "data")
    for batch in dataset(files, format="parquet").to_batches(
        columns=[feature], batch_size=BATCH_ROWS, use_threads=False
    ):
        yield matrix(pa.chunked_array([batch.column(0)])).astype(np.float64)
