import json
import math
from dataclasses import replace

import pytest
from results_testing import made_rows
from scipy.stats import binomtest
from statsmodels.stats.multitest import multipletests

from praxia.core.errors import PraxiaError
from praxia.results.mcnemar import PairCounts, newcombe_interval
from praxia.results.pairs import Pair, pair_rows
from praxia.results.sequential import confidence_sequence, log_e_value, pairs_needed
from praxia.results.verdict import Comparison, verdict_of


def compared(a: dict[str, str], b: dict[str, str], *, until_decided: bool = False) -> dict:
    return verdict_of(pair_rows(made_rows(a), made_rows(b)), until_decided=until_decided)


MANY = {"walk": "1" * 12 + "0" * 3 + "1" * 5, "run": "10" * 10}
FEW = {"walk": "0" * 12 + "1" * 3 + "1" * 5, "run": "10" * 10}


def test_at_a_fixed_number_of_pairs_the_verdict_is_mcnemars():
    found = compared(MANY, FEW)
    counts = PairCounts(both=15, a_alone=12, b_alone=3, neither=10)
    assert (found["verdict"], found["pairs"], found["discordant"]) == ("better", 40, [12, 3])
    assert found["effect"] == pytest.approx(9 / 40)
    assert found["p_value"] == pytest.approx(binomtest(12, 15).pvalue)
    assert found["ci95"] == pytest.approx(newcombe_interval(counts))
    assert found["e_value"] == pytest.approx(math.exp(log_e_value(12, 3)))
    assert found["pairs_needed"] == pairs_needed(counts)
    assert found["per_task_exploratory"] is False


def test_the_second_one_sees_the_same_turned_around():
    ours, theirs = compared(MANY, FEW), compared(FEW, MANY)
    assert (ours["verdict"], theirs["verdict"]) == ("better", "worse")
    assert theirs["effect"] == -ours["effect"]
    assert theirs["discordant"] == ours["discordant"][::-1]
    assert theirs["ci95"] == pytest.approx([-end for end in ours["ci95"][::-1]])


def test_too_little_is_undecided():
    assert compared({"walk": "1110"}, {"walk": "0000"})["verdict"] == "undecided"
    same = compared(MANY, MANY)
    assert (same["verdict"], same["effect"], same["p_value"], same["pairs_needed"]) == ("undecided", 0.0, 1.0, None)


def test_until_decided_stops_at_the_first_pair_that_is_enough():
    found = compared({"walk": "1" * 60}, {"walk": "0" * 60}, until_decided=True)
    assert found["verdict"] == "better"
    assert found["pairs"] < 60
    assert found["e_value"] >= 20
    assert log_e_value(found["pairs"] - 1, 0) < math.log(20)
    assert found["p_value"] is None
    assert found["ci95"] == pytest.approx(confidence_sequence(PairCounts(a_alone=found["pairs"])))
    assert found["per_task_exploratory"] is True
    assert compared({"walk": "0" * 60}, {"walk": "1" * 60}, until_decided=True)["verdict"] == "worse"


def test_until_decided_needs_more_than_a_fixed_number_does():
    eight = {"walk": "1" * 8 + "0" * 40}, {"walk": "1" + "0" * 47}
    assert compared(*eight)["verdict"] == "better"
    assert compared(*eight, until_decided=True)["verdict"] == "undecided"


def test_a_pair_after_the_decision_is_a_mistake():
    comparison = Comparison(until_decided=True)
    pairs = pair_rows(made_rows({"walk": "1" * 60}), made_rows({"walk": "0" * 60})).pairs
    while not comparison.decided:
        comparison.add(pairs[0])
    with pytest.raises(AssertionError, match="after the decision"):
        comparison.add(pairs[0])


def test_pairs_that_stopped_when_decided_are_no_fixed_number():
    pairing = replace(pair_rows(made_rows({"walk": "11"}), made_rows({"walk": "00"})), stopped=True)
    with pytest.raises(PraxiaError, match="--until-decided"):
        verdict_of(pairing, until_decided=False)
    assert verdict_of(pairing, until_decided=True)["pairs"] == 2


def test_errors_drop_their_pair_and_are_counted():
    found = compared({"walk": "11!0"}, {"walk": "0!10."})
    assert (found["pairs"], found["errors"], found["unpaired"], found["discordant"]) == (2, 2, 0, [1, 0])
    assert compared({"walk": "11"}, {"walk": "1.1"})["unpaired"] == 2


def test_nothing_but_errors_has_no_effect():
    found = compared({"walk": "!!"}, {"walk": "11"})
    assert (found["verdict"], found["effect"], found["macro_effect"], found["ci95"]) == ("undecided", None, None, None)
    assert (found["errors"], found["per_task"]) == (2, {})


def test_tasks_are_adjusted_for_their_number_and_have_a_mean_of_their_own():
    a = {"walk": "1" * 10, "run": "1" * 6 + "0" * 14, "sit": "1" * 5}
    b = {"walk": "0" * 10, "run": "0" * 20, "sit": "1" * 5}
    found = compared(a, b)
    p_values = [binomtest(10, 10).pvalue, binomtest(6, 6).pvalue, 1.0]
    adjusted = multipletests(p_values, method="holm")[1]
    for task, p_value, p_holm, word in zip(
        ("walk", "run", "sit"), p_values, adjusted, ("better", "undecided", "undecided"), strict=True
    ):
        one = found["per_task"][task]
        assert (one["p_value"], one["p_holm"], one["verdict"]) == (pytest.approx(p_value), pytest.approx(p_holm), word)
    assert found["macro_effect"] == pytest.approx((1.0 + 0.3 + 0.0) / 3)
    assert found["effect"] == pytest.approx(16 / 35)


def test_a_verdict_is_plain_json_however_long_it_took():
    verdict = compared({"walk": "1" * 3000}, {"walk": "0" * 3000})
    assert json.loads(json.dumps(verdict, allow_nan=False)) == verdict


def test_pairs_know_their_task_and_outcome():
    (a, b) = made_rows({"walk": "10"})
    assert (Pair(a, b).task, Pair(a, b).outcome, Pair(a, b).is_error) == ("walk", (True, False), False)


def test_pairs_with_an_unknown_success_are_counted_apart_from_errors():
    found = compared({"walk": "1?!?1"}, {"walk": "01?!?"})
    assert (found["pairs"], found["errors"], found["unknown"]) == (1, 2, 2)
    assert "unknown" not in compared({"walk": "1!"}, {"walk": "01"})
