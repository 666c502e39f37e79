import io

import pytest
from results_testing import made_rows
from rich.console import Console

from praxia.results.pairs import pair_rows
from praxia.results.verdict import verdict_of
from praxia.studio.verdict_text import verdict_sentence, verdict_table


def verdict(a: dict[str, str], b: dict[str, str], until_decided: bool = False) -> dict:
    return verdict_of(pair_rows(made_rows(a), made_rows(b)), until_decided=until_decided)


SEEN = {
    "verdict": "better",
    "effect": 0.1329,
    "ci95": [0.0504, 0.1971],
    "e_value": 24.123,
    "p_value": None,
    "pairs": 1143,
    "discordant": [310, 120],
    "pairs_needed": 900,
    "errors": 0,
    "unpaired": 0,
}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "A is better than B: +13.3 points [5.0, 19.7] after 1,143 pairs (310 against 120 discordant), e = 24.1"),
        (
            {"verdict": "worse", "effect": -0.02, "ci95": [-0.031, -0.001], "p_value": 0.0312},
            "A is worse than B: -2.0 points [-3.1, -0.1] after 1,143 pairs (310 against 120 discordant), p = 0.031",
        ),
        (
            {"verdict": "undecided", "pairs_needed": 2000},
            "A and B cannot be told apart: +13.3 points [5.0, 19.7] after 1,143 pairs (310 against 120 discordant), "
            "e = 24.1; about 2,000 pairs would decide such a difference",
        ),
        (
            {"verdict": "undecided", "pairs_needed": None, "effect": 0.0, "ci95": [-0.01, 0.01]},
            "A and B cannot be told apart: +0.0 points [-1.0, 1.0] after 1,143 pairs (310 against 120 discordant), "
            "e = 24.1",
        ),
        (
            {"errors": 3, "unpaired": 1200},
            "A is better than B: +13.3 points [5.0, 19.7] after 1,143 pairs (310 against 120 discordant), e = 24.1; "
            "left out: 3 pairs with an error and 1,200 episodes without a partner",
        ),
    ],
)
def test_the_verdict_is_one_plain_sentence(changes: dict, sentence: str):
    assert verdict_sentence({**SEEN, **changes}) == sentence


def test_nothing_but_errors_is_said():
    found = verdict({"walk": "!"}, {"walk": "1"})
    assert verdict_sentence(found, "new", "old") == "new and old cannot be compared: each of 1 pairs has an error"


def test_every_task_has_a_line_with_its_adjusted_p_value():
    found = verdict({"[b]walk[/b]": "1" * 9, "run": "11"}, {"[b]walk[/b]": "0" * 9, "run": "10"})
    console = Console(width=100, file=io.StringIO())
    console.print(verdict_table(found))
    lines = [line.split() for line in console.file.getvalue().splitlines()]
    assert ["[b]walk[/b]", "9", "9", ":", "0", "+100.0", "0.0078", "better"] in lines
    assert ["run", "2", "1", ":", "0", "+50.0", "1", "undecided"] in lines
    assert ["mean", "over", "tasks", "+75.0"] in lines
