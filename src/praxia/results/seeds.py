"""The success of a recipe, from several trainings that differ in their seed.

Episodes of one seed are more alike than episodes of several seeds. Pooled into one proportion, three seeds of 200
episodes would pass for 600 independent trials. What is estimated is the success of the recipe: the mean over the seeds
with which it might be trained and over the starts that it might meet.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from math import sqrt
from statistics import fmean
from typing import Any

import numpy as np
from jaxtyping import Float64
from scipy.special import betaln

from praxia.results.rows import Row
from praxia.results.statistics import wilson_interval

__all__ = ["OF_SEEDS", "OF_STARTS", "recipe_success", "seeds_interval"]

# The sources of randomness that an interval accounts for.
OF_STARTS, OF_SEEDS = "starts", "starts and training seeds"

# Scale of the prior of the spread between seeds, as a share of the largest standard deviation that their mean allows
# (the square root of the intra-class correlation). Chosen by the coverage in `python speed/seeds.py`.
SPREAD = 0.3

# Grids over the mean of all seeds, denser near 0 and 1, and over the spread, denser near 0.
_MEANS = np.sin(np.pi / 2 * (np.arange(400) + 0.5) / 400) ** 2
_SPREADS = ((np.arange(24) + 0.5) / 24) ** 2
_LOG_PRIOR = np.log(np.gradient(_MEANS))[:, None] + np.log(np.gradient(_SPREADS)) - 0.5 * (_SPREADS / SPREAD) ** 2
_SIZES = 1 / _SPREADS**2 - 1
_ALPHAS, _BETAS = _MEANS[:, None] * _SIZES, (1 - _MEANS[:, None]) * _SIZES


def seeds_interval(counts: Sequence[tuple[int, int]], confidence: float = 0.95) -> tuple[float, float]:
    """An interval, within [0, 1], of the mean success over training seeds, from (successes, trials) of at least two.

    Each seed's success rate is drawn from a beta distribution, and its successes are binomial (the beta-binomial
    model). The interval is the central posterior interval of that distribution's mean under a uniform prior. The spread
    has a half-normal prior of scale `SPREAD`, without which two seeds would exclude nothing. The interval reaches 1
    where every trial succeeded, and 0 where none did.

    Its simulated coverage is in docs/RESULTS.md, "Intervals of several training seeds".

    Source: Skellam 1948, "A probability distribution derived from the binomial distribution by regarding the
    probability of success as variable between the sets of trials", JRSS-B 10; the prior of a spread of few
    groups follows Gelman 2006, "Prior distributions for variance parameters in hierarchical models", Bayesian
    Analysis 1.
    """
    assert len(counts) > 1, "one seed has no spread between seeds"
    for successes, trials in counts:
        assert 0 <= successes <= trials, f"{successes} successes of {trials}"
        assert trials > 0, "a seed without trials"
    log_posterior = sum((_log_likelihood(*count) for count in counts), _LOG_PRIOR)
    weights = np.exp(log_posterior - log_posterior.max()).sum(1)
    below = (np.cumsum(weights) - weights / 2) / weights.sum()
    low, high = np.interp([(1 - confidence) / 2, (1 + confidence) / 2], below, _MEANS)
    total, trials = (sum(column) for column in zip(*counts, strict=True))
    return 0.0 if total == 0 else float(low), 1.0 if total == trials else float(high)


# Simulations repeat the same counts many times.
@lru_cache(maxsize=1024)
def _log_likelihood(successes: int, trials: int) -> Float64[np.ndarray, "M S"]:
    """Log-likelihood of one seed's successes, up to a constant, for every mean and spread."""
    return betaln(_ALPHAS + successes, _BETAS + trials - successes) - betaln(_ALPHAS, _BETAS)


def recipe_success(evaluations: Sequence[Sequence[Row]]) -> dict[str, Any]:
    """`{seeds, episodes, errors, success, per_seed, ci95, ci95_of}` of one recipe, from the rows of each training seed.

    `success` is the mean of the seeds' rates `per_seed`, which exclude errors and episodes whose success is unknown;
    with any of these there is their number, `unknown`. A seed without another episode has the rate None and does not
    count in `seeds`. `ci95_of` names the randomness that the interval accounts for: `OF_SEEDS`, or
    for one seed `OF_STARTS`, which is the Wilson interval of that seed's policy. All are None where no seed has a rate.

    Seeds that met the same starts share the difficulty of those starts. Its size is the covariance of two seeds'
    outcomes at one start, within tasks, and its contribution to the interval is added in squares (MOVER: Zou and Donner
    2008, see `statistics.macro_interval`).
    """
    evaluated = [[row for row in rows if row.is_known] for rows in evaluations]
    counts = [(sum(row.status == "success" for row in rows), len(rows)) for rows in evaluated]
    rates = [successes / trials if trials else None for successes, trials in counts]
    known = [rate for rate in rates if rate is not None]
    episodes = sum(map(len, evaluations))
    errors = sum(row.status == "error" for rows in evaluations for row in rows)
    found: dict[str, Any] = {"seeds": len(known), "episodes": episodes, "errors": errors}
    if unknown := episodes - errors - sum(map(len, evaluated)):
        found["unknown"] = unknown
    found |= {"success": fmean(known) if known else None, "per_seed": rates, "ci95": None, "ci95_of": None}
    if len(known) == 1:
        (only,) = (one for one in counts if one[1])
        return {**found, "ci95": list(wilson_interval(*only)), "ci95_of": OF_STARTS}
    if known:
        return {**found, "ci95": _interval([rows for rows in evaluated if rows], fmean(known)), "ci95_of": OF_SEEDS}
    return found


def _interval(evaluated: Sequence[Sequence[Row]], success: float) -> list[float]:
    low, high = seeds_interval([(sum(row.status == "success" for row in rows), len(rows)) for rows in evaluated])
    shared = _shared_variance(evaluated)
    if shared > 0 and 0 < success < 1:
        starts = fmean(len({row.start for row in rows}) for rows in evaluated)
        # The number of independent starts that would have the variance of the starts' mean.
        effective = starts * success * (1 - success) / shared
        start_low, start_high = wilson_interval(success * effective, effective)
        low = success - sqrt((success - low) ** 2 + (success - start_low) ** 2)
        high = success + sqrt((high - success) ** 2 + (start_high - success) ** 2)
    return [max(low, 0.0), min(high, 1.0)]


def _shared_variance(evaluated: Sequence[Sequence[Row]]) -> float:
    """The mean covariance of two seeds' outcomes at the same start, within tasks; 0 without starts in common."""
    products, degrees = 0.0, 0
    for ours, theirs in combinations(evaluated, 2):
        others = {row.start: row for row in theirs}
        pairs = [
            (row.task, row.status == "success", others[row.start].status == "success")
            for row in ours
            if row.start in others
        ]
        for task in {pair[0] for pair in pairs}:
            outcomes = np.array([pair[1:] for pair in pairs if pair[0] == task], float)
            centred = outcomes - outcomes.mean(0)
            products += float(centred[:, 0] @ centred[:, 1])
            degrees += len(outcomes) - 1
    return products / degrees if degrees else 0.0
