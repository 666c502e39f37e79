"""Confidence intervals of success rates and of means, and the adjustment of p-values for several tests."""

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist, fmean, stdev

from scipy.special import betaincinv, stdtrit

__all__ = ["clopper_pearson_interval", "holm", "macro_interval", "t_interval", "wilson_interval"]


def t_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float] | None:
    """Student's t interval of a mean; None for fewer than two values, which say nothing about how far they scatter.

    Source: Student 1908, "The probable error of a mean", Biometrika 6.
    """
    if len(values) < 2:
        return None
    mean = fmean(values)
    half = float(stdtrit(len(values) - 1, 0.5 + confidence / 2)) * stdev(values) / sqrt(len(values))
    return mean - half, mean + half


def wilson_interval(successes: int | float, trials: int | float, confidence: float = 0.95) -> tuple[float, float]:
    """The Wilson score interval of a proportion, within [0, 1]. Effective counts need not be integers.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference", JASA 22.
    """
    assert 0 <= successes <= trials, f"{successes} successes of {trials}"
    assert trials > 0, "an interval needs at least one trial"
    z2 = NormalDist().inv_cdf(0.5 + confidence / 2) ** 2
    centre = (successes + z2 / 2) / (trials + z2)
    half = sqrt(z2 * (successes * (trials - successes) / trials + z2 / 4)) / (trials + z2)
    # At the ends the limits are exactly 0 and 1, without a rounding error.
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == trials else centre + half
    return low, high


def clopper_pearson_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact interval of a proportion: its coverage is at least `confidence`, and mostly higher.

    Source: Clopper and Pearson 1934, "The use of confidence or fiducial limits illustrated in the case of the
    binomial", Biometrika 26.
    """
    assert 0 <= successes <= trials, f"{successes} successes of {trials}"
    assert trials > 0, "an interval needs at least one trial"
    tail = (1 - confidence) / 2
    failures = trials - successes
    low = 0.0 if successes == 0 else float(betaincinv(successes, failures + 1, tail))
    high = 1.0 if failures == 0 else float(betaincinv(successes + 1, failures, 1 - tail))
    return low, high


def macro_interval(
    counts: Sequence[tuple[int | float, int]], confidence: float = 0.95, weights: Sequence[float] | None = None
) -> tuple[float, float]:
    """An interval of the mean of several tasks' success rates, from (successes, trials) per task.

    The distances from each task's rate to the limits of its Wilson interval are added in squares, as the tasks are
    independent (MOVER). Unlike the normal and the bootstrap interval, this one has a width where every task always
    succeeded, and it needs no random numbers. For one task it is the Wilson interval. The tasks' `weights` sum to 1;
    None: equal weights.

    Source: Zou and Donner 2008, "Construction of confidence limits about effect measures: a general approach",
    Statistics in Medicine 27, eq. 3, applied to a mean.
    """
    weights = weights or [1 / len(counts)] * len(counts)
    rates = [successes / trials for successes, trials in counts]
    limits = [wilson_interval(successes, trials, confidence) for successes, trials in counts]
    mean = sum(weight * rate for weight, rate in zip(weights, rates, strict=True))
    tasks = list(zip(weights, rates, limits, strict=True))
    below = sqrt(sum((weight * (rate - low)) ** 2 for weight, rate, (low, _) in tasks))
    above = sqrt(sum((weight * (high - rate)) ** 2 for weight, rate, (_, high) in tasks))
    return mean - below, mean + above


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values, in the given order: rejecting those of at most alpha bounds the probability of any error by
    alpha.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6.
    """
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, at in enumerate(sorted(range(len(p_values)), key=lambda at: p_values[at])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[at]))
        adjusted[at] = highest
    return adjusted
