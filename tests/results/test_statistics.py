import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from statsmodels.stats.multitest import multipletests

from praxia.results.statistics import clopper_pearson_interval, holm, macro_interval, wilson_interval


@given(trials=st.integers(1, 3000), share=st.floats(0, 1), confidence=st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_is_scipys(trials: int, share: float, confidence: float):
    successes = round(share * trials)
    expected = binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    assert wilson_interval(successes, trials, confidence) == pytest.approx(expected, abs=1e-12)


@given(trials=st.integers(1, 3000), share=st.floats(0, 1), confidence=st.sampled_from([0.8, 0.95, 0.99]))
def test_clopper_pearson_is_scipys(trials: int, share: float, confidence: float):
    successes = round(share * trials)
    expected = binomtest(successes, trials).proportion_ci(confidence, method="exact")
    assert clopper_pearson_interval(successes, trials, confidence) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("interval", [wilson_interval, clopper_pearson_interval])
def test_the_limits_are_exact_where_all_or_none_succeed(interval):
    assert interval(0, 20)[0] == 0.0
    assert interval(20, 20)[1] == 1.0


@pytest.mark.parametrize("number", [1, 2, 5, 50])
def test_holm_is_statsmodels(number: int):
    drawn = np.random.default_rng(number).beta(0.3, 3, number).round(2).tolist()
    for p_values in (drawn, [*drawn, *drawn], [0.0, 1.0, *drawn]):
        assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1], abs=1e-12)


def test_holm_of_nothing_is_nothing():
    assert holm([]) == []


@given(st.integers(1, 50).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_macro_interval_of_one_task_is_wilsons(counts: tuple[int, int]):
    assert macro_interval([counts]) == pytest.approx(wilson_interval(*counts), abs=1e-12)


def test_the_macro_interval_has_a_width_where_all_succeed():
    low, high = macro_interval([(20, 20)] * 4)
    # Four equal independent distances add in squares and are averaged: half of one task's distance.
    assert low == pytest.approx(1 - (1 - wilson_interval(20, 20)[0]) / 2)
    assert high == 1.0


def test_the_macro_interval_has_its_nominal_coverage():
    rates = np.array([0.3, 0.6, 0.9, 0.97])
    draws = np.random.default_rng(0).binomial(20, rates, (4000, 4))
    intervals = [macro_interval([(int(k), 20) for k in row]) for row in draws]
    covered = np.mean([low <= rates.mean() <= high for low, high in intervals])
    assert covered == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / 4000))
