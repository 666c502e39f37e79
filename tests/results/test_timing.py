import numpy as np
import pytest
from results_testing import made_row
from scipy.stats import ks_2samp

from praxia.results.rows import Row
from praxia.results.timing import time_to_success


def successes(steps: list[int]) -> list[Row]:
    return [made_row("walk", index, "success", step) for index, step in enumerate(steps)]


def test_quantiles_are_of_the_successes_alone():
    rows = [*successes(list(range(1, 102))), made_row("walk", 200, "failure", 400), made_row("walk", 201, "error", 1)]
    found = time_to_success(rows, rows)
    assert found["a"] == {"successes": 101, "q10": 11.0, "q25": 26.0, "q50": 51.0, "q75": 76.0, "q90": 91.0}
    assert found["ks"] == {"statistic": 0.0, "p_value": 1.0}


def test_the_time_is_that_of_the_first_success_however_long_the_episode_went_on():
    rows = [made_row("walk", 0, "success", 30, success_step=12)]
    assert time_to_success(rows, rows)["a"]["q50"] == 12.0


def test_the_distance_of_both_distributions_is_scipys():
    rng = np.random.default_rng(0)
    fast, slow = rng.integers(20, 60, 80).tolist(), rng.integers(30, 90, 70).tolist()
    expected = ks_2samp(fast, slow)
    found = time_to_success(successes(fast), successes(slow))["ks"]
    assert found == pytest.approx({"statistic": expected.statistic, "p_value": expected.pvalue})
    assert found["p_value"] < 1e-3


def test_a_quantile_takes_enough_successes_to_be_one():
    found = [time_to_success(successes(list(range(1, 1 + number))), [])["a"] for number in (1, 2, 3, 4, 9, 10)]
    assert [one["q50"] is not None for one in found] == [True] * 6
    assert [one["q25"] is not None for one in found] == [one["q75"] is not None for one in found]
    assert [one["q75"] is not None for one in found] == [False] * 3 + [True] * 3
    assert [one["q90"] is not None for one in found] == [False] * 5 + [True]


def test_a_policy_without_successes_has_no_quantiles_and_no_test():
    found = time_to_success(successes([3]), [made_row("walk", 0, "failure")])
    assert (found["a"]["q50"], found["b"]["q50"], found["b"]["successes"], found["ks"]) == (3.0, None, 0, None)
