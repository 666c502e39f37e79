"""Whether meta/stats.json describes the numbers that are there."""

import json
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np

from praxia.data.layout import EPISODE_STATS_LINES, STATS
from praxia.data.stats import Moments
from praxia.datatools.check.problems import Problems
from praxia.datatools.check.quantiles import misplaced

__all__ = ["check_statistics"]

# Of a dim's own range: other writers compute in float32.
TOLERANCE = {"min": 1e-4, "max": 1e-4, "mean": 1e-2, "std": 1e-2}


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
