"""Statistics of images out of statistics of images, without decoding one.

Count, mean, std, minimum and maximum of several sets together follow exactly from their own (Chan, Golub and LeVeque
1979). Quantiles do not: of each set 0, 1, 10, 50, 90, 99 and 100% are known, and what lies between is not. Those of all
are computed as if levels were evenly spread in between. The true ones lie between two extremes, in which all levels of
an interval are at one of its ends; how far that is from what is given is computed too. Of one set alone they are exact.
(LeRobot 0.4.4 gives the mean of the sets' quantiles, which has no such bound.)
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float64

from praxia.data.stats import QUANTILES, Described

__all__ = ["mixture"]

LEVELS = (0.0, *QUANTILES.values(), 1.0)
KNOTS = ("min", *QUANTILES, "max")

Values = Mapping[str, Float64[np.ndarray, "E C"]]


def mixture(parts: Values) -> tuple[Described, float]:
    """The statistics of E sets of images together, of LeRobot's shape [C, 1, 1], and how far a quantile may be off.

    `parts` are arrays [E, C] by the names of LeRobot's statistics; "count" is [E, 1]. Where quantiles are not among
    them there are none in what comes back, and the bound is 0.
    """
    weights = parts["count"] / parts["count"].sum()
    mean = (weights * parts["mean"]).sum(axis=0)
    found = {
        "min": parts["min"].min(axis=0),
        "max": parts["max"].max(axis=0),
        "mean": mean,
        "std": np.sqrt((weights * (parts["std"] ** 2 + (parts["mean"] - mean) ** 2)).sum(axis=0)),
    }
    off = 0.0
    if all(name in parts for name in KNOTS):
        knots = np.stack([parts[name] for name in KNOTS])
        channels = [_quantiles(knots[:, :, channel], weights[:, 0]) for channel in range(knots.shape[2])]
        for place, name in enumerate(QUANTILES):
            found[name] = np.array([levels[place] for levels, _ in channels])
        off = max(bound for _, bound in channels)
    described: Described = {name: values.reshape(-1, 1, 1).tolist() for name, values in found.items()}
    return {**described, "count": [int(parts["count"].sum())]}, off


def _quantiles(knots: Float64[np.ndarray, "7 E"], weights: Float64[np.ndarray, " E"]) -> tuple[list[float], float]:
    """The mixture's quantiles, and how far from the true ones they may be, of E distributions given by their knots."""
    masses = np.diff(LEVELS)[:, None] * weights
    low, high = knots[:-1].ravel(), knots[1:].ravel()
    at, below = _distribution(low, high, masses.ravel())
    given = [float(np.interp(level, below, at)) for level in QUANTILES.values()]
    if len(weights) == 1:
        return given, 0.0
    ends = [_atoms(values, masses.ravel()) for values in (low, high)]
    off = [
        max(abs(values[np.searchsorted(total, level)] - mean) for values, total in ends)
        for level, mean in zip(QUANTILES.values(), given, strict=True)
    ]
    return given, float(max(off))


def _distribution(
    low: Float64[np.ndarray, " N"], high: Float64[np.ndarray, " N"], mass: Float64[np.ndarray, " N"]
) -> tuple[Float64[np.ndarray, " M"], Float64[np.ndarray, " M"]]:
    """Levels and what part lies below them, for masses that are spread evenly from `low` to `high` each."""
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


def _atoms(
    values: Float64[np.ndarray, " N"], mass: Float64[np.ndarray, " N"]
) -> tuple[Float64[np.ndarray, " N"], Float64[np.ndarray, " N"]]:
    """Values in rising order, and what part lies at or below each."""
    order = np.argsort(values)
    return values[order], np.cumsum(mass[order])
