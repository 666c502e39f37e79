"""meta/stats.json of a new data set: numbers from its rows, images from the statistics of its episodes."""

from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float64

from praxia.data.columns import matrix
from praxia.datatools.edit.change import Change
from praxia.datatools.edit.image_statistics import KNOTS, mixture
from praxia.datatools.edit.rows import Written

__all__ = ["statistics"]

Values = dict[str, Float64[np.ndarray, "E _"]]

NEEDED = ("min", "max", "mean", "std", "count")


def statistics(change: Change, rows: Written, table: pa.Table) -> tuple[dict[str, Any], dict[str, float]]:
    """The statistics by feature, and how far the quantiles of each camera's images may be off, in levels of 0 to 1.

    Images whose episodes have no statistics get those of their whole sources, mixed. Features of a single source that
    are neither numbers nor images stay as they are in its stats.json; of numbers nothing does, for all of it may be
    wrong of the rows that are left.
    """
    names = change.names
    one = change.sources[0].stats if len(change.parts) == 1 else {}
    kept = {feature: described for feature, described in one.items() if feature not in names.vectors.parts}
    found = {names.feature(feature): dict(described) for feature, described in kept.items()}
    found |= rows.stats
    bounds = {}
    for old in change.sources[0].cameras:
        new = names.feature(old)
        values = _of_episodes(table, new) or _of_sources(change, old)
        if values is not None:
            described, bounds[new] = mixture(values)
            found[new] = found.get(new, {}) | described
    return found, bounds


def _of_episodes(table: pa.Table, feature: str) -> Values | None:
    """The statistics of every episode's images; None where an episode lacks some."""
    columns = {name: f"stats/{feature}/{name}" for name in (*KNOTS, "mean", "std", "count")}
    found = {
        name: matrix(table[column]).astype(np.float64)
        for name, column in columns.items()
        if column in table.column_names and table[column].null_count == 0
    }
    return found if set(NEEDED) <= set(found) else None


def _of_sources(change: Change, feature: str) -> Values | None:
    """The statistics of all images of every source; None where one lacks some."""
    described = [source.stats.get(feature, {}) for source in change.sources]
    names = [name for name in (*KNOTS, "mean", "std", "count") if all(name in one for one in described)]
    if not set(NEEDED) <= set(names):
        return None
    return {name: np.array([np.ravel(one[name]) for one in described], dtype=np.float64) for name in names}
