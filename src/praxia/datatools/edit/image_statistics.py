"""Combines statistics of images without decoding them.

Count, mean, std, minimum and maximum of several sets follow exactly from their own (Chan, Golub and LeVeque 1979).
Quantiles do not: only the 0, 1, 10, 50, 90, 99 and 100% quantiles of each set are known. The combined ones assume that
levels are spread evenly between them. The true quantiles lie between two extremes, in which all levels of an interval
are at one of its ends; the largest distance to the result is returned as its error. For a single set the error is 0.
(LeRobot 0.4.4 takes the mean of the sets' quantiles, which has no such bound.)
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float64

from praxia.statistics.running import QUANTILES, FeatureStats

__all__ = ["combine_image_statistics"]

LEVELS = (0.0, *QUANTILES.values(), 1.0)
KNOTS = ("min", *QUANTILES, "max")

Values = Mapping[str, Float64[np.ndarray, "E C"]]


def combine_image_statistics(parts: Values) -> tuple[FeatureStats, float]:
    """The statistics of E sets of images together, in LeRobot's shape [C, 1, 1], and the largest error of a quantile.

    `parts` holds arrays [E, C] by the names of LeRobot's statistics; "count" is [E, 1]. Without quantiles in `parts`
    the result has none, and the error is 0.
    """
    weights = parts["count"] / parts["count"].sum()
    mean = (weights * parts["mean"]).sum(axis=0)
    found = {
        "min": parts["min"].min(axis=0),
        "max": parts["max"].max(axis=0),
        "mean": mean,
        "std": np.sqrt((weights * (parts["std"] ** 2 + (parts["mean"] - mean) ** 2)).sum(axis=0)),
    }
    error = 0.0
    if all(name in parts for name in KNOTS):
        knots = np.stack([parts[name] for name in KNOTS])
        channels = [_quantiles(knots[:, :, channel], weights[:, 0]) for channel in range(knots.shape[2])]
        for position, name in enumerate(QUANTILES):
            found[name] = np.array([levels[position] for levels, _ in channels])
        error = max(bound for _, bound in channels)
    described: FeatureStats = {name: values.reshape(-1, 1, 1).tolist() for name, values in found.items()}
    return {**described, "count": [int(parts["count"].sum())]}, error


def _quantiles(knots: Float64[np.ndarray, "7 E"], weights: Float64[np.ndarray, " E"]) -> tuple[list[float], float]:
    """Quantiles of a mixture of E distributions known at LEVELS, and their largest error."""
    masses = np.diff(LEVELS)[:, None] * weights
    low, high = knots[:-1].ravel(), knots[1:].ravel()
    at, below = _distribution(low, high, masses.ravel())
    estimated = [float(np.interp(level, below, at)) for level in QUANTILES.values()]
    if len(weights) == 1:
        return estimated, 0.0
    ends = [_step_function(values, masses.ravel()) for values in (low, high)]
    error = [
        max(abs(values[np.searchsorted(total, level)] - mean) for values, total in ends)
        for level, mean in zip(QUANTILES.values(), estimated, strict=True)
    ]
    return estimated, float(max(error))


def _distribution(
    low: Float64[np.ndarray, " N"], high: Float64[np.ndarray, " N"], mass: Float64[np.ndarray, " N"]
) -> tuple[Float64[np.ndarray, " M"], Float64[np.ndarray, " M"]]:
    """Levels and the fraction below them, for masses spread evenly from `low` to `high`."""
    width = high - low
    flat = width < 1e-9
    slope = np.where(flat, 0, mass / np.where(flat, 1, width))
    at = np.concatenate([low, high])
    order = np.argsort(at, kind="stable")
    at = at[order]
    rise = np.cumsum(np.concatenate([slope, -slope])[order])
    jump = np.concatenate([np.where(flat, mass, 0), np.zeros_like(mass)])[order]
    after = np.cumsum(np.concatenate([[0.0], rise[:-1] * np.diff(at)]) + jump)
    below = np.stack([after - jump, after], axis=1).ravel()
    return np.repeat(at, 2), np.maximum.accumulate(below)


def _step_function(
    values: Float64[np.ndarray, " N"], mass: Float64[np.ndarray, " N"]
) -> tuple[Float64[np.ndarray, " N"], Float64[np.ndarray, " N"]]:
    """Values in increasing order, and the fraction at or below each."""
    order = np.argsort(values)
    return values[order], np.cumsum(mass[order])
