"""What several trainings that differ in their seed say together of one recipe.

Episodes of one seed are more alike than episodes of several: pooled into one proportion, three seeds of 200 episodes
look like 600 independent trials, which they are not. What is estimated is the success of the recipe: the mean over the
seeds with which it might have been trained, and over the starts which it might have met.
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

# What an interval allows for: that other starts, and that other training seeds, might have been drawn.
OF_STARTS, OF_SEEDS = "starts", "starts and training seeds"

# How far seeds lie apart, as a share of the largest standard deviation that their mean allows (the root of the
# intra-class correlation), is likely to be below this. Chosen by the coverage of `python speed/seeds.py`.
SPREAD = 0.3

# Points in the mean of all seeds, closer near 0 and 1, and in that spread, closer near 0.
_MEANS = np.sin(np.pi / 2 * (np.arange(400) + 0.5) / 400) ** 2
_SPREADS = ((np.arange(24) + 0.5) / 24) ** 2
_LOG_PRIOR = np.log(np.gradient(_MEANS))[:, None] + np.log(np.gradient(_SPREADS)) - 0.5 * (_SPREADS / SPREAD) ** 2
_SIZES = 1 / _SPREADS**2 - 1
_ALPHAS, _BETAS = _MEANS[:, None] * _SIZES, (1 - _MEANS[:, None]) * _SIZES


def seeds_interval(counts: Sequence[tuple[int, int]], confidence: float = 0.95) -> tuple[float, float]:
    """An interval, within [0, 1], of the mean success over training seeds, from (successes, trials) of at least two.

    Each seed's success rate is a draw from a beta distribution, and its successes are binomial (the beta-binomial
    model). The interval is the central one of the posterior of that distribution's mean under a uniform prior; the
    distribution's spread has a half-normal prior of scale `SPREAD`, without which two seeds would exclude nothing.
    Where every trial succeeded it reaches to 1, and where none did to 0.

    How often it holds, by simulation, is in docs/RESULTS.md, "Intervals of several training seeds".

    Source: Skellam 1948, "A probability distribution derived from the binomial distribution by regarding the
    probability of success as variable between the sets of trials", JRSS-B 10; the prior of a spread that few groups
    tell of is that of Gelman 2006, "Prior distributions for variance parameters in hierarchical models", Bayesian
    Analysis 1.
    """
    assert len(counts) > 1, "one seed says nothing of how far seeds lie apart"
    for successes, trials in counts:
        assert 0 <= successes <= trials, f"{successes} successes of {trials}"
        assert trials > 0, "a seed without trials"
    log_posterior = sum((_log_likelihood(*count) for count in counts), _LOG_PRIOR)
    weights = np.exp(log_posterior - log_posterior.max()).sum(1)
    below = (np.cumsum(weights) - weights / 2) / weights.sum()
    low, high = np.interp([(1 - confidence) / 2, (1 + confidence) / 2], below, _MEANS)
    total, trials = (sum(column) for column in zip(*counts, strict=True))
    return 0.0 if total == 0 else float(low), 1.0 if total == trials else float(high)


# Simulations ask for the same counts again and again.
@lru_cache(maxsize=1024)
def _log_likelihood(successes: int, trials: int) -> Float64[np.ndarray, "M S"]:
    """Of one seed's successes, up to a constant, for every mean and spread."""
    return betaln(_ALPHAS + successes, _BETAS + trials - successes) - betaln(_ALPHAS, _BETAS)


def recipe_success(evaluations: Sequence[Sequence[Row]]) -> dict[str, Any]:
    """`{seeds, episodes, errors, success, per_seed, ci95, ci95_of}` of one recipe, from the rows of each training seed.

    `success` is the mean of the seeds' rates `per_seed`; errors are in none of them, and a seed of which every episode
    is an error has the rate None and is not among the `seeds` that count. `ci95_of` says what the interval allows for:
    `OF_SEEDS`, or with one seed `OF_STARTS` alone, which is Wilson's interval of the policy of that seed. All are None
    where no episode was judged.

    Where seeds met the same starts, what is hard about a start is shared by all of them. The covariance of two seeds'
    outcomes at one start, within tasks, says how much that is; the distance it makes is added in squares (MOVER: Zou
    and Donner 2008, see `statistics.macro_interval`).
    """
    judged = [[row for row in rows if row.status != "error"] for rows in evaluations]
    counts = [(sum(row.status == "success" for row in rows), len(rows)) for rows in judged]
    rates = [successes / trials if trials else None for successes, trials in counts]
    known = [rate for rate in rates if rate is not None]
    episodes = sum(map(len, evaluations))
    found: dict[str, Any] = {"seeds": len(known), "episodes": episodes, "errors": episodes - sum(map(len, judged))}
    found |= {"success": fmean(known) if known else None, "per_seed": rates, "ci95": None, "ci95_of": None}
    if len(known) == 1:
        (only,) = (one for one in counts if one[1])
        return {**found, "ci95": list(wilson_interval(*only)), "ci95_of": OF_STARTS}
    if known:
        return {**found, "ci95": _interval([rows for rows in judged if rows], fmean(known)), "ci95_of": OF_SEEDS}
    return found


def _interval(judged: Sequence[Sequence[Row]], success: float) -> list[float]:
    low, high = seeds_interval([(sum(row.status == "success" for row in rows), len(rows)) for rows in judged])
    shared = _shared_variance(judged)
    if shared > 0 and 0 < success < 1:
        starts = fmean(len({row.start for row in rows}) for rows in judged)
        # As many independent starts as would give the variance of the starts' mean.
        effective = starts * success * (1 - success) / shared
        start_low, start_high = wilson_interval(success * effective, effective)
        low = success - sqrt((success - low) ** 2 + (success - start_low) ** 2)
        high = success + sqrt((high - success) ** 2 + (start_high - success) ** 2)
    return [max(low, 0.0), min(high, 1.0)]


def _shared_variance(judged: Sequence[Sequence[Row]]) -> float:
    """The mean covariance of two seeds' outcomes at the same start, within tasks; 0 without starts in common."""
    products, degrees = 0.0, 0
    for ours, theirs in combinations(judged, 2):
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
