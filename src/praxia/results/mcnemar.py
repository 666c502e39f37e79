"""Exact test and confidence interval for two policies on a number of shared starts that was fixed beforehand."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

from scipy.special import bdtr

from praxia.results.statistics import wilson_interval

__all__ = ["PairCounts", "mcnemar_p_value", "newcombe_interval"]


@dataclass(frozen=True)
class PairCounts:
    """Number of starts at which both policies succeeded, only the first (`a_alone`), only the second, or neither."""

    both: int = 0
    a_alone: int = 0
    b_alone: int = 0
    neither: int = 0

    @classmethod
    def of(cls, outcomes: Iterable[tuple[bool, bool]]) -> "PairCounts":
        """The counts of pairs (the first succeeded, the second succeeded)."""
        outcomes = list(outcomes)
        return cls(*(outcomes.count(kind) for kind in ((True, True), (True, False), (False, True), (False, False))))

    @property
    def pairs(self) -> int:
        return self.both + self.a_alone + self.b_alone + self.neither

    @property
    def effect(self) -> float | None:
        """The first one's success rate minus the second one's, in [-1, 1]; None without pairs."""
        return (self.a_alone - self.b_alone) / self.pairs if self.pairs else None


def mcnemar_p_value(counts: PairCounts) -> float:
    """The exact two-sided p-value (not mid-p) of McNemar's test, whose null hypothesis is that both policies are
    equally likely to succeed alone.

    It holds for a number of pairs that was fixed beforehand, also where tasks differ in difficulty: under the null
    hypothesis each discordant pair is a fair coin, whatever its start.

    Source: McNemar 1947, Psychometrika 12; exact by the binomial distribution of the discordant pairs.
    """
    discordant = counts.a_alone + counts.b_alone
    return min(1.0, 2 * float(bdtr(min(counts.a_alone, counts.b_alone), discordant, 0.5)))


def newcombe_interval(counts: PairCounts, confidence: float = 0.95) -> tuple[float, float]:
    """A confidence interval of the difference between the success rates, within [-1, 1], of at least one pair.

    It combines the Wilson intervals of both rates, with a continuity correction of the outcomes' correlation. It is not
    an inversion of McNemar's test: near the border one may exclude a difference of 0 where the other does not.

    Source: Newcombe 1998, "Improved confidence intervals for the difference between binomial proportions based on
    paired data", Statistics in Medicine 17, method 10.
    """
    pairs, effect = counts.pairs, counts.effect
    assert effect is not None, "an interval needs at least one pair"
    a, b = counts.both + counts.a_alone, counts.both + counts.b_alone
    a_low, a_high = wilson_interval(a, pairs, confidence)
    b_low, b_high = wilson_interval(b, pairs, confidence)
    correlation = _correlation(counts)

    def distance(of_a: float, of_b: float) -> float:
        return sqrt(of_a**2 - 2 * correlation * of_a * of_b + of_b**2)

    return effect - distance(a / pairs - a_low, b_high - b / pairs), effect + distance(
        a_high - a / pairs, b / pairs - b_low
    )


def _correlation(counts: PairCounts) -> float:
    """Newcombe's phi. A positive one is moved towards 0 by half a pair."""
    a, b, pairs = counts.both + counts.a_alone, counts.both + counts.b_alone, counts.pairs
    scale = sqrt(a * (pairs - a) * b * (pairs - b))
    if scale == 0:
        return 0.0
    product = counts.both * counts.neither - counts.a_alone * counts.b_alone
    return (max(product - pairs / 2, 0) if product > 0 else product) / scale
