"""A sequential test of two policies: it may be evaluated after every pair and stopped as soon as it is decided.

The test is a bet. The difference of a pair is d = 1 where only the first policy succeeded, d = -1 where only the second
did, and d = 0 otherwise. To bet against a mean difference of m, stake a share q of the capital on the first policy: the
capital is multiplied by q / u at d = 1, by (1 - q) / (1 - u) at d = -1 and by the mean of both at d = 0, where
u = (1 + m) / 2. If the mean is m, the game is fair for every q, and so is its mixture over q ~ Beta(PRIOR, PRIOR). By
Ville's inequality the capital ever reaches 1 / alpha with a probability of at most alpha.

At m = 0 concordant pairs change nothing, and the capital is the beta-mixture e-value of the discordant pairs. The means
whose capital is below 1 / alpha form the confidence sequence, which excludes 0 exactly when the e-value decides.

Where tasks differ in m and alternate, the argument still holds at the end of each round of tasks (a product of means is
largest where all are equal). Within a round it holds for the hypothesis that no task differs. Where some tasks favour
one policy and some the other, the beginning of a round must be a fair sample of it: `pairs.round_robin` draws a new
order of tasks for each round. (`python speed/verdict.py`, `opposed`: 1.4% wrong verdicts then, 20.8% with all tasks of
one kind first.)

Sources: Ville 1939; Robbins 1970, "Statistical methods related to the law of the iterated logarithm" (mixtures);
Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by betting", JRSS-B 86, who bet a
predictable share. The mixture over a fixed prior is that of Orabona and Jun 2024, "Tight concentrations and confidence
sequences from the regret of universal portfolio", here with Beta(3, 3) in place of Beta(1/2, 1/2).
"""

from math import ceil, log
from typing import Any

import numpy as np
from jaxtyping import Num
from scipy.optimize import root_scalar
from scipy.special import betaln

from praxia.results.mcnemar import PairCounts

__all__ = ["ALPHA", "confidence_sequence", "is_decided", "log_capital", "log_e_value", "pairs_needed"]

ALPHA = 0.05
# Needs few pairs where the effect is large and not many more where it is small. docs/LOG.md compares other values.
PRIOR = 3.0

Number = int | float | Num[np.ndarray, "..."]

# Midpoints of a grid over q. After 100,000 pairs the capital as a function of q is still several of them wide.
_SHARES = (np.arange(2000) + 0.5) / 2000
_LOG_WEIGHTS = (PRIOR - 1) * (np.log(_SHARES) + np.log1p(-_SHARES)) - betaln(PRIOR, PRIOR) - log(len(_SHARES))


def log_e_value(a_alone: Number, b_alone: Number) -> Any:
    """The logarithm of the e-value of the discordant pairs, for numbers or arrays:
    B(p + a_alone, p + b_alone) / B(p, p) * 2^(a_alone + b_alone), p = PRIOR.
    """
    return betaln(PRIOR + a_alone, PRIOR + b_alone) - betaln(PRIOR, PRIOR) + (a_alone + b_alone) * log(2)


def is_decided(counts: PairCounts) -> bool:
    """Whether the e-value has reached 1 / ALPHA: the policy that succeeded alone more often is better."""
    return bool(log_e_value(counts.a_alone, counts.b_alone) >= -log(ALPHA))


def log_capital(effect: float, counts: PairCounts) -> float:
    """The logarithm of the capital, from an initial 1, of the bets against a mean difference of `effect` in (-1, 1).

    It is convex in `effect` (each bet is, and so is their mixture) and at most 0 at the mean of `counts`.
    """
    won, lost = np.log(2 * _SHARES / (1 + effect)), np.log(2 * (1 - _SHARES) / (1 - effect))
    neither = np.logaddexp(won, lost) - log(2)
    undivided = counts.both + counts.neither
    bets = _LOG_WEIGHTS + counts.a_alone * won + counts.b_alone * lost + undivided * neither
    return float(np.logaddexp.reduce(bets))


def confidence_sequence(counts: PairCounts) -> tuple[float, float]:
    """An interval of the difference of success rates, within [-1, 1], that holds at all times at once with probability
    1 - ALPHA.

    It needs at least one pair. It is wider than `newcombe_interval`, which holds for one number of pairs only.
    """
    mean = counts.effect
    assert mean is not None, "an interval needs at least one pair"

    def short(effect: float) -> float:
        return log_capital(effect, counts) + log(ALPHA)

    # A bet against an end of the range wins infinitely much at the first pair that contradicts it.
    close = 1 - 1e-9
    middle = min(max(mean, -close), close)

    def limit(end: float) -> float:
        if mean == end or short(end * close) < 0:
            return end
        return float(root_scalar(short, bracket=(middle, end * close), xtol=1e-9).root)

    return limit(-1.0), limit(1.0)


def pairs_needed(counts: PairCounts) -> int | None:
    """An estimate of the total number of pairs that a decision takes; None where there is no effect yet.

    With a share r of discordant pairs, of which a share t is won by the first policy, it is the least D / r for which
    `log_e_value(D t, D (1 - t))` decides. This is the typical course: by chance it may take half or twice as many.
    """
    discordant = counts.a_alone + counts.b_alone
    if counts.a_alone == counts.b_alone:
        return None

    def lacking(number: float) -> float:
        return log_e_value(number * counts.a_alone / discordant, number * counts.b_alone / discordant) + log(ALPHA)

    # The bet first loses a little and then wins for good, so there is one crossing. One pair never decides.
    enough = 1.0
    while lacking(enough) < 0:
        enough *= 2
    return ceil(root_scalar(lacking, bracket=(enough / 2, enough)).root * counts.pairs / discordant)
