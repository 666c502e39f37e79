from itertools import product

import numpy as np
import pytest
from results_testing import made_rows
from scipy.stats import betabinom

from praxia.results.seeds import OF_SEEDS, OF_STARTS, SPREAD, recipe_success, seeds_interval
from praxia.results.statistics import wilson_interval


def reference(counts: list[tuple[int, int]]) -> list[float]:
    """The same posterior on an even, finer grid, by scipy's beta-binomial distribution."""
    means, spreads = np.meshgrid((np.arange(1000) + 0.5) / 1000, (np.arange(60) + 0.5) / 60, indexing="ij")
    sizes = 1 / spreads**2 - 1
    log_posterior = -0.5 * (spreads / SPREAD) ** 2
    for successes, trials in counts:
        log_posterior = log_posterior + betabinom.logpmf(successes, trials, means * sizes, (1 - means) * sizes)
    weights = np.exp(log_posterior - log_posterior.max()).sum(1)
    return np.interp([0.025, 0.975], (np.cumsum(weights) - weights / 2) / weights.sum(), means[:, 0]).tolist()


@pytest.mark.parametrize(
    "counts", [[(80, 100), (90, 100), (70, 100)], [(3, 20), (9, 20)], [(45, 50), (49, 50), (30, 40)]]
)
def test_the_interval_is_that_of_the_beta_binomial_posterior(counts):
    assert seeds_interval(counts) == pytest.approx(reference(counts), abs=0.002)
    assert seeds_interval(counts[::-1]) == pytest.approx(seeds_interval(counts))


def test_ends_are_included_where_all_or_none_succeeded():
    low, high = seeds_interval([(20, 20), (20, 20)])
    assert (low > 0.5, high) == (True, 1.0)
    assert seeds_interval([(0, 20), (0, 20)]) == pytest.approx((0.0, 1 - low), abs=1e-3)


def test_seeds_that_differ_have_a_wider_interval_than_seeds_that_agree():
    alike, apart = seeds_interval([(80, 100)] * 3), seeds_interval([(95, 100), (80, 100), (65, 100)])
    assert apart[1] - apart[0] > 1.3 * (alike[1] - alike[0])
    pooled = wilson_interval(240, 300)
    assert apart[0] < alike[0] < pooled[0] < pooled[1] < alike[1] < apart[1]


def test_the_interval_has_its_nominal_coverage():
    """A small grid of `python speed/seeds.py`; pooling seeds and starts into one proportion is far off."""
    coverage, pooled = {}, []
    for seeds, rate, spread in product((2, 3, 8), (0.2, 0.5, 0.9), (0.0, 0.05, 0.12)):
        rng = np.random.default_rng([seeds, int(100 * rate), int(100 * spread)])
        size = rate * (1 - rate) / spread**2 - 1 if spread else None
        rates = rng.beta(rate * size, (1 - rate) * size, (150, seeds)) if size else np.full((150, seeds), rate)
        successes = rng.binomial(100, rates).tolist()
        found = [seeds_interval([(count, 100) for count in counts]) for counts in successes]
        coverage[seeds, rate, spread] = np.mean([low <= rate <= high for low, high in found])
        intervals = [wilson_interval(sum(counts), 100 * seeds) for counts in successes]
        pooled.append(np.mean([low <= rate <= high for low, high in intervals]))
    assert min(coverage.values()) >= 0.88, coverage
    assert 0.94 <= np.mean(list(coverage.values())) <= 0.985
    assert np.mean(pooled) < 0.75


def test_errors_are_in_no_rate_and_a_seed_of_errors_alone_is_unknown():
    found = recipe_success([made_rows({"walk": "1111!!"}), made_rows({"walk": "1100"}), made_rows({"walk": "!!!"})])
    assert (found["seeds"], found["episodes"], found["errors"]) == (2, 13, 5)
    assert (found["per_seed"], found["success"]) == ([1.0, 0.5, None], 0.75)
    assert found["ci95_of"] == OF_SEEDS


def test_one_seed_has_wilsons_interval_of_the_starts():
    found = recipe_success([made_rows({"walk": "1110!"})])
    assert (found["ci95"], found["ci95_of"]) == (list(wilson_interval(3, 4)), OF_STARTS)


@pytest.mark.parametrize("evaluations", [[], [made_rows({"walk": "!!"})], [[], []]])
def test_from_nothing_nothing_is_known(evaluations):
    found = recipe_success(evaluations)
    assert (found["success"], found["ci95"], found["ci95_of"]) == (None, None, None)


def test_starts_that_are_hard_for_every_seed_count_once():
    """Seeds that agree at every start are no more evidence about starts than one of them."""
    hard = "1" * 60 + "0" * 40
    shared = recipe_success([made_rows({"walk": hard})] * 3)["ci95"]
    apart = recipe_success([made_rows({"walk": "." * (100 * at) + hard}) for at in range(3)])["ci95"]
    one = wilson_interval(60, 100)
    assert shared[0] < one[0] < one[1] < shared[1]
    assert apart[1] - apart[0] < shared[1] - shared[0]


def test_what_differs_between_tasks_is_no_difficulty_of_starts():
    easy_and_hard = [made_rows({"easy": "1" * 50, "hard": "0" * 50})] * 3
    low, high = recipe_success(easy_and_hard)["ci95"]
    assert (low, high) == seeds_interval([(50, 100)] * 3)


def test_episodes_whose_success_is_unknown_are_counted_apart_and_in_no_rate():
    found = recipe_success([made_rows({"walk": "10??!"}), made_rows({"walk": "??"})])
    assert (found["seeds"], found["episodes"], found["errors"], found["unknown"]) == (1, 7, 1, 4)
    assert (found["per_seed"], found["success"]) == ([0.5, None], 0.5)
    assert "unknown" not in recipe_success([made_rows({"walk": "10!"})])
