import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import beta

from praxia.results.mcnemar import PairCounts, newcombe_interval
from praxia.results.sequential import (
    ALPHA,
    PRIOR,
    confidence_sequence,
    is_decided,
    log_capital,
    log_e_value,
    pairs_needed,
)
from speed.verdict import correlated, decisions, miss, nulls, opposed, to_verdict

COUNTS = st.builds(PairCounts, *[st.integers(0, 150)] * 4).filter(lambda counts: counts.pairs > 0)


@pytest.mark.parametrize(("a_alone", "b_alone"), [(0, 0), (1, 0), (7, 3), (12, 31), (40, 40)])
def test_the_e_value_is_the_likelihood_ratio_of_a_mixed_coin_to_a_fair_one(a_alone: int, b_alone: int):
    def ratio(q: float) -> float:
        return (2 * q) ** a_alone * (2 * (1 - q)) ** b_alone * float(beta.pdf(q, PRIOR, PRIOR))

    assert math.exp(log_e_value(a_alone, b_alone)) == pytest.approx(quad(ratio, 0, 1)[0], rel=1e-6)


@given(COUNTS)
def test_the_capital_against_no_difference_is_the_e_value(counts: PairCounts):
    expected = log_e_value(counts.a_alone, counts.b_alone)
    assert log_capital(0.0, counts) == pytest.approx(expected, abs=1e-4)


@given(COUNTS)
def test_the_confidence_sequence_excludes_no_difference_exactly_when_the_verdict_is_in(counts: PairCounts):
    low, high = confidence_sequence(counts)
    assert -1 <= low <= counts.effect <= high <= 1
    if abs(log_e_value(counts.a_alone, counts.b_alone) + math.log(ALPHA)) > 1e-3:
        assert is_decided(counts) == (not low <= 0 <= high)


@given(COUNTS)
def test_all_effects_within_the_confidence_sequence_are_those_whose_capital_is_short(counts: PairCounts):
    low, high = confidence_sequence(counts)
    for effect in np.linspace(-0.99, 0.99, 45):
        if min(abs(effect - low), abs(effect - high)) > 1e-6:
            assert (log_capital(effect, counts) < -math.log(ALPHA)) == (low < effect < high)


def test_the_confidence_sequence_is_wider_than_an_interval_for_one_look_and_narrows():
    counts = PairCounts(595, 255, 105, 45)
    ours, once = confidence_sequence(counts), newcombe_interval(counts)
    assert ours[0] < once[0] < once[1] < ours[1]
    assert ours[1] - ours[0] < 1.7 * (once[1] - once[0])


def test_one_sided_outcomes_reach_the_end():
    assert confidence_sequence(PairCounts(a_alone=30))[1] == 1.0
    assert confidence_sequence(PairCounts(b_alone=30))[0] == -1.0
    assert confidence_sequence(PairCounts(a_alone=100_000, b_alone=1))[1] <= 1.0


@pytest.fixture(scope="module")
def wrong() -> dict[str, float]:
    return nulls(2000)


@pytest.mark.parametrize("null", ["other_noise", "correlation_0.0", "correlation_0.5", "correlation_0.9"])
def test_equal_policies_are_separated_in_at_most_five_percent_with_a_test_after_every_pair(null: str, wrong):
    assert 0.005 < wrong[null] <= 0.05


def test_the_simulated_correlations_are_what_they_are_called():
    rates = np.full(500, 0.7)
    a, b = correlated(np.random.default_rng(0), 400, rates, rates, 0.5)
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] == pytest.approx(0.5, abs=0.01)


def test_fifteen_points_are_seen_within_the_promised_number_of_pairs():
    found = to_verdict(2000)
    assert found["mean_pairs"] <= 160
    assert found["p90_pairs"] <= 300
    assert found["wrong"] <= 0.05
    assert found["undecided"] == 0


def test_tasks_that_favour_either_policy_cancel_out_where_rounds_have_their_own_order():
    assert opposed(1000)["wrong_mixed"] <= 0.05


def test_confidence_sequences_cover_the_effect_at_all_times():
    assert miss(100) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 100)


def test_looking_after_every_pair_at_a_test_for_a_fixed_number_errs_far_more_often():
    """That the simulation can find wrong verdicts: the exact test, looked at after every pair."""
    rates = np.full(500, 0.7)
    a, b = correlated(np.random.default_rng(1), 500, rates, rates, 0.0)
    alone = np.cumsum(a & ~b, axis=1), np.cumsum(b & ~a, axis=1)
    from scipy.special import bdtr

    p_values = 2 * bdtr(np.minimum(*alone), alone[0] + alone[1], 0.5)
    assert ((p_values <= ALPHA).any(axis=1)).mean() > 0.15
    assert (decisions((a, b))[0] > 0).mean() <= 0.05


def test_the_pairs_needed_extrapolate_the_course_so_far():
    few = PairCounts(both=6, a_alone=3, b_alone=1, neither=10)
    needed = pairs_needed(few)
    assert needed is not None
    scale = needed / few.pairs
    assert log_e_value(3 * scale, 1 * scale) == pytest.approx(-math.log(ALPHA), abs=0.2)
    # A typical course takes about as long as the simulated ones do on the mean.
    assert pairs_needed(PairCounts(595, 255, 105, 45)) == pytest.approx(to_verdict(300)["mean_pairs"], rel=0.35)
    assert pairs_needed(PairCounts(both=5, neither=5)) is None
    assert pairs_needed(PairCounts(a_alone=4, b_alone=4)) is None


def test_the_pairs_needed_turn_with_the_policies():
    assert pairs_needed(PairCounts(1, 9, 4, 3)) == pairs_needed(PairCounts(1, 4, 9, 3))
