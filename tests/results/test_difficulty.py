import numpy as np
import pytest
from results_testing import made_rows

from praxia.results.difficulty import Difficulty, adjusted_rate
from praxia.results.statistics import wilson_interval
from speed.verdict import adjusted


def test_a_start_is_as_hard_as_others_found_it_shrunk_to_its_task():
    strong, weak = made_rows({"walk": "1110", "run": "11"}), made_rows({"walk": "1000", "run": "00"})
    difficulty = Difficulty.of([strong, weak])
    assert difficulty.tasks == {"walk": 0.5, "run": 0.5}
    # Beyond their own means 3/4 and 1/4 both scored more at walk-0 and less at walk-3; two more count as average.
    assert difficulty.expected("walk", "walk-0") == pytest.approx(0.5 + (0.25 + 0.75) / 4)
    assert difficulty.expected("walk", "walk-1") == pytest.approx(0.5 + (0.25 - 0.25) / 4)
    assert difficulty.expected("walk", "walk-3") == pytest.approx(0.5 + (-0.75 - 0.25) / 4)
    assert difficulty.expected("walk", "walk-99") == 0.5


def test_a_start_that_only_a_weak_policy_met_is_not_hard_for_that():
    strong, weak = made_rows({"walk": "1" * 8}), made_rows({"walk": "." * 8 + "0" * 8})
    difficulty = Difficulty.of([strong, weak])
    assert difficulty.expected("walk", "walk-12") == difficulty.expected("walk", "walk-2")


def test_errors_do_not_count_for_the_difficulty_of_a_start():
    assert Difficulty.of([made_rows({"walk": "1!"})]).tasks == {"walk": 1.0}


def by_hand(outcomes: np.ndarray, expected: np.ndarray, everywhere: np.ndarray) -> tuple[float, float]:
    """Rate and number of episodes by least squares."""
    design = np.stack([np.ones_like(expected), expected], axis=1)
    (intercept, slope), (residual,), *_ = np.linalg.lstsq(design, outcomes)
    variance = residual / (len(outcomes) - 2) / len(outcomes) + slope**2 * everywhere.var(ddof=1) / len(everywhere)
    return intercept + slope * everywhere.mean(), outcomes.mean() * (1 - outcomes.mean()) / variance


def test_a_rate_over_easy_starts_is_lowered_and_its_interval_narrower():
    rng = np.random.default_rng(0)
    hard = rng.random(120) < 0.5
    hard[:30] = rng.random(30) < 0.2
    signs = ["".join("01"[int(rng.random() < (0.1 if one else 0.95))] for one in hard) for _ in range(6)]
    rows = made_rows({"walk": signs[0][:30]})
    difficulty = Difficulty.of([made_rows({"walk": one}) for one in signs[1:]])
    found = adjusted_rate(rows, difficulty)
    assert found is not None
    everywhere = np.array([difficulty.expected("walk", f"walk-{index}") for index in range(120)])
    outcomes = np.array([float(sign) for sign in signs[0][:30]])
    rate, episodes = by_hand(outcomes, everywhere[:30], everywhere)
    assert found["success"] == pytest.approx(rate)
    assert found["ci95"] == pytest.approx(wilson_interval(rate * episodes, episodes))
    assert found["known_starts"] == 120
    assert found["correlation"] == pytest.approx(np.corrcoef(outcomes, everywhere[:30])[0, 1])
    assert found["success"] < outcomes.mean() - 0.05
    assert episodes > 30


@pytest.mark.parametrize(
    ("mine", "others"),
    [
        ({"walk": "110101"}, {"walk": "110011"}),
        ({"walk": "110101"}, {"run": "1100110101"}),
        ({"walk": "1111"}, {"walk": "1100110101"}),
        ({"walk": "110101"}, {"walk": "1" * 30}),
        ({"walk": "11"}, {"walk": "1100110101"}),
        ({"walk": "!!!!"}, {"walk": "1100110101"}),
        ({"walk": "110101"}, {}),
    ],
    ids=["same starts", "another task", "all succeeded", "nothing differs", "too few", "errors", "nobody else"],
)
def test_where_it_cannot_help_there_is_no_number(mine: dict[str, str], others: dict[str, str]):
    assert adjusted_rate(made_rows(mine), Difficulty.of([made_rows(others)])) is None


def test_the_adjusted_interval_is_narrower_with_its_nominal_coverage():
    found = adjusted(40)
    assert found["narrower"] > 0.05
    assert found["covered"] >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / 40)
