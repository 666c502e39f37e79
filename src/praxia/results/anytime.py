"""Evidence that may be looked at after every pair: whoever stops when it is enough errs no more often for it.

All of it is one bet. A pair's difference is d = 1 where only the first policy succeeded, -1 where only the second
did, and 0 elsewhere. Whoever doubts that its mean is m stakes a share q of the capital on the first and multiplies it
by q / u at d = 1, by (1 - q) / (1 - u) at d = -1 and by the mean of both at d = 0, where u = (1 + m) / 2. If the mean
is m, that is a fair game for every q, and so is its mixture over q ~ Beta(PRIOR, PRIOR): by Ville's inequality the
capital ever reaches 1 / alpha with a probability of at most alpha.

At m = 0 pairs without a difference change nothing, and the capital is the beta-mixture e-value of the discordant
pairs. The means whose capital is below 1 / alpha make up the confidence sequence: it excludes 0 exactly when the
e-value decides.

Where tasks differ in m and are met in turn, the argument still holds at the end of each round of tasks (a product of
means is largest where all are equal). Within a round it holds for the hypothesis that no task differs. Where some
favour one policy and some the other, the beginning of a round must be a fair sample of it: `turns.py` gives each round
its own order of tasks. (`python speed/verdict.py`, `opposed`: 1.4% wrong verdicts then, 20.8% with all tasks of one
kind first.)

Sources: Ville 1939; Robbins 1970, "Statistical methods related to the law of the iterated logarithm" (mixtures);
Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by betting", JRSS-B 86. Theirs bets a
predictable share; the mixture over a fixed prior is that of Orabona and Jun 2024, "Tight concentrations and
confidence sequences from the regret of universal portfolio", here with Beta(3, 3) in place of Beta(1/2, 1/2).
"""

from math import ceil, log
from typing import Any

import numpy as np
from jaxtyping import Num
from scipy.optimize import root_scalar
from scipy.special import betaln

from praxia.results.paired import Counts

__all__ = ["ALPHA", "confidence_sequence", "is_decided", "log_capital", "log_e_value", "pairs_needed"]

ALPHA = 0.05
# Few pairs where the effect is large, few more where it is small: docs/LOG.md has what other numbers do.
PRIOR = 3.0

Number = int | float | Num[np.ndarray, "..."]

# Midpoints of a grid over q. The narrowest capital worth integrating, after 100,000 pairs, is several of them wide.
_SHARES = (np.arange(2000) + 0.5) / 2000
_LOG_WEIGHTS = (PRIOR - 1) * (np.log(_SHARES) + np.log1p(-_SHARES)) - betaln(PRIOR, PRIOR) - log(len(_SHARES))


def log_e_value(a_alone: Number, b_alone: Number) -> Any:
    """The logarithm of B(p + a_alone, p + b_alone) / B(p, p) * 2^(a_alone + b_alone), p = PRIOR, of discordant pairs.

    Of numbers or of arrays of them.
    """
    return betaln(PRIOR + a_alone, PRIOR + b_alone) - betaln(PRIOR, PRIOR) + (a_alone + b_alone) * log(2)


def is_decided(counts: Counts) -> bool:
    """Whether the e-value has reached 1 / ALPHA: then the one that succeeded alone more often is better."""
    return bool(log_e_value(counts.a_alone, counts.b_alone) >= -log(ALPHA))


def log_capital(effect: float, counts: Counts) -> float:
    """The logarithm of what the bets against a mean difference of `effect`, in (-1, 1), have made of 1.

    It is convex in `effect` (each bet is, and so is a mixture of them) and at most 0 at the mean of `counts`.
    """
    won, lost = np.log(2 * _SHARES / (1 + effect)), np.log(2 * (1 - _SHARES) / (1 - effect))
    neither = np.logaddexp(won, lost) - log(2)
    undivided = counts.both + counts.neither
    bets = _LOG_WEIGHTS + counts.a_alone * won + counts.b_alone * lost + undivided * neither
    return float(np.logaddexp.reduce(bets))


def confidence_sequence(counts: Counts) -> tuple[float, float]:
    """An interval of the difference of success rates, within [-1, 1], that holds at all times at once with 1 - ALPHA.

    It is wider than `newcombe_interval`, which holds at one number of pairs, fixed beforehand. At least one pair.
    """
    mean = counts.effect
    assert mean is not None, "no pairs have no interval"

    def short(effect: float) -> float:
        return log_capital(effect, counts) + log(ALPHA)

    # Bets against an end of the range win infinitely much at the first pair that is otherwise.
    close = 1 - 1e-9
    middle = min(max(mean, -close), close)

    def limit(end: float) -> float:
        if mean == end or short(end * close) < 0:
            return end
        return float(root_scalar(short, bracket=(middle, end * close), xtol=1e-9).root)

    return limit(-1.0), limit(1.0)


def pairs_needed(counts: Counts) -> int | None:
    """About how many pairs in all it takes to decide, if the discordant ones go on as they have; None: no effect yet.

    With a share r of discordant pairs, a share t of those for the first, it is the least D / r of a D for which
    `log_e_value(D t, D (1 - t))` is enough. It speaks of a typical course: by chance it may take half or twice as many.
    """
    discordant = counts.a_alone + counts.b_alone
    if counts.a_alone == counts.b_alone:
        return None

    def lacking(number: float) -> float:
        return log_e_value(number * counts.a_alone / discordant, number * counts.b_alone / discordant) + log(ALPHA)

    # The bet loses a little at first and then wins for good, so there is one crossing; one pair is never enough.
    enough = 1.0
    while lacking(enough) < 0:
        enough *= 2
    return ceil(root_scalar(lacking, bracket=(enough / 2, enough)).root * counts.pairs / discordant)
