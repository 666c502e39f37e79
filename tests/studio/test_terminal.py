import io

import pytest
from ball_world import write_results
from results_testing import made_rows
from rich.console import Console
from scipy.stats import binomtest

from praxia.results.pairs import pair_rows
from praxia.results.verdict import verdict_of
from praxia.studio.terminal import success_table, verdict_sentence, verdict_table


def text_of(rows, **about):
    """The printed table; `about` are fields of the benchmark."""
    meta = {"privileged": about.pop("privileged", False), "fingerprint": {"benchmark": about}}
    console = Console(width=80, file=io.StringIO())
    console.print(success_table(rows, meta))
    return console.file.getvalue()


def printed(rows, **about):
    lines = text_of(rows, **about).splitlines()
    return {line.split()[0]: line for line in lines if len(line.split()) > 3}


def test_every_task_and_all_of_them(tmp_path):
    lines = printed(write_results(tmp_path / "x.jsonl", {"push": "sssf", "[red]turn[/red]": "ffe"}))
    found = binomtest(3, 4).proportion_ci(method="wilson")
    assert f"{100 * found.low:.1f}–{100 * found.high:.1f}%" in lines["push"]
    assert "75.0%" in lines["push"]
    assert "█" * round(10 * found.low) + "░" in lines["push"]
    assert lines["[red]turn[/red]"].split()[1:4] == ["3", "1", "0.0%"]
    assert "50.0%" in lines["all"], "3 of the 6 that did not crash"
    assert "37.5%" in lines["mean"]


def test_a_task_without_a_rate_has_a_dash(tmp_path):
    assert "–" in printed(write_results(tmp_path / "x.jsonl", {"push": "e", "turn": "s"}))["push"]


def test_a_benchmark_that_averages_groups_has_three_means(tmp_path):
    rows = write_results(tmp_path / "x.jsonl", {"push": "sssf", "turn": "f", "lift": "s"})
    groups = {"easy": ["push", "turn"], "hard": ["lift"]}
    text = text_of(rows, groups=groups, averages_groups=True)
    lines = {line[:17].strip(): line for line in text.splitlines()}
    assert "60.0%" in lines["easy"], "pooled over the group's episodes"
    assert "100.0%" in lines["hard"]
    assert "66.7%" in lines["all episodes"]
    assert "58.3%" in lines["mean over tasks"]
    assert "68.8%" in lines["mean over groups"], "half of (75% + 0%) / 2 and half of 100%"
    assert "mean over groups" not in text_of(rows, groups=groups)


def test_the_title_names_privileged_information(tmp_path):
    rows = write_results(tmp_path / "x.jsonl", {"push": "s"})
    assert "privileged" not in text_of(rows)
    assert "privileged policy" in text_of(rows, privileged=True)
    assert "privileged state" in text_of(rows, privileged_state=True)


def verdict(a: dict[str, str], b: dict[str, str], until_decided: bool = False) -> dict:
    return verdict_of(pair_rows(made_rows(a), made_rows(b)), until_decided=until_decided)


VERDICT = {
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
            "A and B cannot be distinguished: +13.3 points [5.0, 19.7] after 1,143 pairs (310 against 120 discordant), "
            "e = 24.1; about 2,000 pairs would decide a difference of this size",
        ),
        (
            {"verdict": "undecided", "pairs_needed": None, "effect": 0.0, "ci95": [-0.01, 0.01]},
            "A and B cannot be distinguished: +0.0 points [-1.0, 1.0] after 1,143 pairs (310 against 120 discordant), "
            "e = 24.1",
        ),
        (
            {"errors": 3, "unpaired": 1200},
            "A is better than B: +13.3 points [5.0, 19.7] after 1,143 pairs (310 against 120 discordant), e = 24.1; "
            "excluded: 3 pairs with an error and 1,200 unpaired episodes",
        ),
    ],
)
def test_the_verdict_is_one_plain_sentence(changes: dict, sentence: str):
    assert verdict_sentence({**VERDICT, **changes}) == sentence


def test_pairs_with_errors_only_have_no_verdict():
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


def test_episodes_whose_success_is_unknown_are_beside_the_errors():
    lines = printed(made_rows({"push": "11" + "?" * 98, "turn": "10!"}))
    assert lines["push"].split()[1:5] == ["100", "0,", "98", "unknown"]
    assert "unknown" not in lines["turn"]
    assert "75.0%" in lines["all"]
