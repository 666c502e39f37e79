"""Intervals around success rates."""

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist

__all__ = ["macro_interval", "wilson_interval"]


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """The Wilson score interval of a proportion, within [0, 1]; `trials` is at least 1.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference", JASA 22.
    """
    assert 0 <= successes <= trials, f"{successes} successes of {trials}"
    assert trials > 0, "no trials have no interval"
    z2 = NormalDist().inv_cdf(0.5 + confidence / 2) ** 2
    centre = (successes + z2 / 2) / (trials + z2)
    half = sqrt(z2 * (successes * (trials - successes) / trials + z2 / 4)) / (trials + z2)
    # At the ends the limits are exactly 0 and 1; rounding would leave a speck.
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == trials else centre + half
    return low, high


def macro_interval(counts: Sequence[tuple[int, int]], confidence: float = 0.95) -> tuple[float, float]:
    """An interval of the unweighted mean of several tasks' success rates, from (successes, trials) of each task.

    Each task's Wilson interval says how far its rate may lie below and above; for independent tasks the distances
    add in squares (MOVER). Unlike the normal and the bootstrap interval this one has a width where every task
    succeeded always, and it needs no random numbers. With one task it is Wilson's interval.

    Source: Zou and Donner 2008, "Construction of confidence limits about effect measures: a general approach",
    Statistics in Medicine 27, eq. 3, applied to a mean.
    """
    rates = [successes / trials for successes, trials in counts]
    limits = [wilson_interval(successes, trials, confidence) for successes, trials in counts]
    mean = sum(rates) / len(rates)
    below = sqrt(sum((rate - low) ** 2 for rate, (low, _) in zip(rates, limits, strict=True))) / len(rates)
    above = sqrt(sum((high - rate) ** 2 for rate, (_, high) in zip(rates, limits, strict=True))) / len(rates)
    return mean - below, mean + above
