import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from statsmodels.stats.contingency_tables import mcnemar

from praxia.results.mcnemar import PairCounts, mcnemar_p_value, newcombe_interval

TABLES = st.builds(PairCounts, *[st.integers(0, 200)] * 4)


@given(TABLES)
def test_mcnemar_is_statsmodels_and_a_fair_coin(counts: PairCounts):
    table = [[counts.both, counts.a_alone], [counts.b_alone, counts.neither]]
    found = mcnemar_p_value(counts)
    if counts.a_alone + counts.b_alone == 0:
        assert found == 1.0
        return
    assert found == pytest.approx(mcnemar(table, exact=True).pvalue, abs=1e-12)
    assert found == pytest.approx(binomtest(counts.a_alone, counts.a_alone + counts.b_alone).pvalue, abs=1e-12)


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [
        # Newcombe 1998, tables of 50 pairs; then Fagerland, Lydersen and Laake 2014, two studies of transplantations.
        ((36, 12, 2, 0), 0.0569, 0.3404),
        ((20, 12, 2, 16), 0.0562, 0.3292),
        ((1, 1, 7, 12), -0.507, -0.026),
        ((59, 6, 16, 80), -0.119, -0.005),
    ],
)
def test_newcombes_interval_is_that_of_published_examples(table, low, high):
    digits = 4 if abs(low * 1000) % 1 else 3
    assert newcombe_interval(PairCounts(*table)) == pytest.approx((low, high), abs=0.51 * 10**-digits)


@given(TABLES.filter(lambda counts: counts.pairs > 0))
def test_newcombes_interval_holds_the_effect_lies_within_the_range_and_turns_with_the_policies(counts: PairCounts):
    low, high = newcombe_interval(counts)
    assert -1 - 1e-12 <= low <= counts.effect <= high <= 1 + 1e-12
    turned = PairCounts(counts.both, counts.b_alone, counts.a_alone, counts.neither)
    assert newcombe_interval(turned) == pytest.approx((-high, -low), abs=1e-12)


def test_outcomes_are_counted_by_which_policy_succeeded():
    outcomes = [(True, True)] * 4 + [(True, False)] * 3 + [(False, True)] * 2 + [(False, False)]
    assert PairCounts.of(outcomes) == PairCounts(both=4, a_alone=3, b_alone=2, neither=1)
    assert (PairCounts.of(outcomes).pairs, PairCounts.of(outcomes).effect) == (10, pytest.approx(0.1))
    assert PairCounts.of([]).effect is None
