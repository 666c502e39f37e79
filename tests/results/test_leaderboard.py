from pathlib import Path
from typing import Any

import pytest
from results_testing import made_rows, write_results
from scipy.stats import binomtest, fisher_exact
from statsmodels.stats.multitest import multipletests

from praxia.results.leaderboard import leaderboard
from praxia.results.summary import summarise

GOOD, LIKE_GOOD, BAD = "1" * 36 + "0" * 4, "0" + "1" * 34 + "0" * 5, "0" * 30 + "1" * 10


def filled(folder: Path, **signs: str) -> dict[str, Any]:
    for name, text in signs.items():
        write_results(folder / f"{name}.jsonl", made_rows({"walk": text}), policy_sha256=name)
    return leaderboard(folder)


def ranks(table: dict[str, Any]) -> dict[str, Any]:
    return {one["file"].removesuffix(".jsonl"): one["rank"] for one in table["entries"]}


def test_policies_are_tied_unless_a_test_separates_them(tmp_path: Path):
    (table,) = filled(tmp_path, bad=BAD, good=GOOD, like=LIKE_GOOD)["tables"]
    assert [one["file"] for one in table["entries"]] == ["good.jsonl", "like.jsonl", "bad.jsonl"]
    assert ranks(table) == {"good": [1, 2], "like": [1, 2], "bad": [3, 3]}


def test_comparisons_are_exact_paired_and_adjusted_for_their_number(tmp_path: Path):
    (table,) = filled(tmp_path, bad=BAD, good=GOOD, like=LIKE_GOOD)["tables"]
    found = {(one["a"], one["b"]): one for one in table["comparisons"]}
    # bad alone at the last four, good alone at the first thirty.
    p_values = [binomtest(4, 34).pvalue, binomtest(5, 34).pvalue, binomtest(0, 2).pvalue]
    pairs = [("bad.jsonl", "good.jsonl"), ("bad.jsonl", "like.jsonl"), ("good.jsonl", "like.jsonl")]
    assert [found[pair]["p_value"] for pair in pairs] == pytest.approx(p_values)
    assert [found[pair]["p_holm"] for pair in pairs] == pytest.approx(multipletests(p_values, method="holm")[1])
    assert {(one["test"], one["pairs"]) for one in found.values()} == {("mcnemar", 40)}
    assert found["bad.jsonl", "good.jsonl"]["effect"] == pytest.approx(-26 / 40)


def test_ties_need_not_be_the_same_for_all(tmp_path: Path):
    """The middle one is tied with both, while the first is better than the last."""
    (table,) = filled(tmp_path, a="1" * 30 + "0" * 10, b="0" * 6 + "1" * 18 + "0" * 16, c="0" * 40)["tables"]
    (only,) = filled(tmp_path / "x", a="1" * 30, b="1" * 26 + "0" * 4, c="1" * 22 + "0" * 8)["tables"]
    assert ranks(table)["c"] == [3, 3]
    assert ranks(only) == {"a": [1, 2], "b": [1, 3], "c": [2, 3]}


def test_without_enough_common_starts_the_test_is_unpaired(tmp_path: Path):
    (table,) = filled(tmp_path, a="1" * 30, b="." * 20 + "1" * 10 + "0" * 20)["tables"]
    (one,) = table["comparisons"]
    assert (one["test"], one["pairs"]) == ("fisher", 10)
    assert one["p_value"] == pytest.approx(fisher_exact([[30, 0], [10, 20]]).pvalue)
    assert one["effect"] == pytest.approx(1 - 1 / 3)
    assert ranks(table) == {"a": [1, 1], "b": [2, 2]}


def test_policies_that_met_no_common_task_are_tied(tmp_path: Path):
    write_results(tmp_path / "a.jsonl", made_rows({"walk": "1" * 40}))
    write_results(tmp_path / "b.jsonl", made_rows({"run": "0" * 40}), policy_sha256="beef")
    (table,) = leaderboard(tmp_path)["tables"]
    assert (table["comparisons"][0]["effect"], table["comparisons"][0]["p_value"]) == (None, 1.0)
    assert ranks(table) == {"a": [1, 2], "b": [1, 2]}


def test_privileged_policies_and_controls_come_last_without_a_rank(tmp_path: Path):
    write_results(tmp_path / "expert.jsonl", made_rows({"walk": "1" * 40}), {"privileged": True}, policy_sha256="ex")
    write_results(
        tmp_path / "blind.jsonl", made_rows({"walk": "0" * 40}), control="swapped-image", policy_sha256="good"
    )
    (table,) = filled(tmp_path, bad=BAD, good=GOOD)["tables"]
    kinds = [(one["file"], one["kind"], one["control"], one["rank"]) for one in table["entries"]]
    assert kinds == [
        ("good.jsonl", "policy", None, [1, 1]),
        ("bad.jsonl", "policy", None, [2, 2]),
        ("expert.jsonl", "privileged", None, None),
        ("blind.jsonl", "control", "swapped-image", None),
    ]


def test_rates_are_the_summarys_and_errors_have_none(tmp_path: Path):
    rows = made_rows({"walk": "110!", "run": "1"})
    write_results(tmp_path / "a.jsonl", rows)
    write_results(tmp_path / "b.jsonl", made_rows({"walk": "!"}))
    (table,) = leaderboard(tmp_path)["tables"]
    one, crashed = table["entries"]
    expected = summarise(rows)
    assert one["macro_of_groups"] is None
    assert {name: one[name] for name in ("episodes", "errors", "success", "ci95", "macro")} == {
        name: expected[name] for name in ("episodes", "errors", "success", "ci95", "macro")
    }
    assert (crashed["success"], crashed["rank"], one["rank"]) == (None, None, [1, 1])


def test_a_benchmark_declares_averaged_groups_and_privileged_state(tmp_path: Path):
    groups = {"easy": ["walk"], "hard": ["run"]}
    benchmark = {"name": "toy/groups", "groups": groups, "averages_groups": True, "privileged_state": True}
    rows = made_rows({"walk": "1110", "run": "10"})
    write_results(tmp_path / "a.jsonl", rows, benchmark=benchmark)
    ((one,),) = [table["entries"] for table in leaderboard(tmp_path)["tables"]]
    assert one["macro_of_groups"] == summarise(rows, groups, averages_groups=True)["macro_of_groups"]
    assert (one["privilege"], one["rank"]) == ("privileged state", [1, 1])


def test_other_benchmarks_have_their_own_tables_even_under_one_name(tmp_path: Path):
    changed = {"name": "toy/plain", "horizon": 80}
    write_results(tmp_path / "a.jsonl", made_rows({"walk": "1"}))
    write_results(tmp_path / "b.jsonl", made_rows({"walk": "1"}), benchmark=changed)
    write_results(tmp_path / "c.jsonl", made_rows({"walk": "1"}), benchmark={"name": "toy/hard", "horizon": 40})
    tables = leaderboard(tmp_path)["tables"]
    assert [(table["benchmark"], table["differs"]) for table in tables] == [
        ("toy/plain", ""),
        ("toy/plain", "horizon was 40, is 80"),
        ("toy/hard", ""),
    ]
    assert [len(table["entries"]) for table in tables] == [1, 1, 1]


def test_other_conditions_are_named_and_the_policys_own_are_not(tmp_path: Path):
    write_results(tmp_path / "a.jsonl", made_rows({"walk": "1"}))
    write_results(tmp_path / "b.jsonl", made_rows({"walk": "1"}), seed=4, source_sha256="bbbb", policy_sha256="beef")
    (table,) = leaderboard(tmp_path)["tables"]
    assert [one["differs"] for one in table["entries"]] == ["", "source_sha256 was 'aaaa', is 'bbbb'"]


def test_the_adjusted_rate_is_by_the_other_policies(tmp_path: Path):
    hard = "10110100101101001011010010110100101101001011"
    (table,) = filled(tmp_path, a=hard[:20], b=hard, c=hard[::-1][:30])["tables"]
    adjusted = {one["file"]: one["adjusted"] for one in table["entries"]}
    assert adjusted["a.jsonl"]["known_starts"] == 44
    assert adjusted["b.jsonl"] is None, "it met all that are known"


def test_a_policy_is_not_adjusted_by_other_results_of_its_own(tmp_path: Path):
    hard = "10110100101101001011010010110100101101001011"
    write_results(tmp_path / "a.jsonl", made_rows({"walk": hard[:20]}))
    write_results(tmp_path / "again.jsonl", made_rows({"walk": hard}), seed=1)
    (table,) = leaderboard(tmp_path)["tables"]
    assert [one["adjusted"] for one in table["entries"]] == [None, None]


@pytest.mark.parametrize(("common", "test"), [(5, "mcnemar"), (4, "fisher")])
def test_half_of_the_smaller_ones_starts_are_enough_for_pairs(tmp_path: Path, common: int, test: str):
    (table,) = filled(tmp_path, a="1" * 20, b="." * (20 - common) + "01" * 5)["tables"]
    assert (table["comparisons"][0]["test"], table["comparisons"][0]["pairs"]) == (test, common)


def test_several_files_of_one_policy_are_one_competitor(tmp_path: Path):
    """Also under another seed of its noise; the file with the most evaluated episodes counts."""
    write_results(tmp_path / "a.jsonl", made_rows({"walk": "1" * 30 + "!" * 10}))
    write_results(tmp_path / "again.jsonl", made_rows({"walk": "1" * 36}), seed=1)
    write_results(tmp_path / "copy.jsonl", made_rows({"walk": "1" * 36}))
    write_results(tmp_path / "ensembled.jsonl", made_rows({"walk": "1" * 30}), execution={"ensemble": 0.01})
    write_results(tmp_path / "other.jsonl", made_rows({"walk": "0" * 40}), policy_sha256="beef")
    (table,) = leaderboard(tmp_path)["tables"]
    repeats = {one["file"]: one["repeats"] for one in table["entries"] if one["repeats"]}
    assert repeats == {"a.jsonl": "again.jsonl", "copy.jsonl": "again.jsonl"}
    assert ranks(table) == {"a": None, "again": [1, 2], "copy": None, "ensembled": [1, 2], "other": [3, 3]}
    assert len(table["comparisons"]) == 3


def test_what_cannot_be_read_is_listed(tmp_path: Path):
    write_results(tmp_path / "a.jsonl", made_rows({"walk": "1"}))
    write_results(tmp_path / "b.jsonl", [])
    (one,) = leaderboard(tmp_path)["unreadable"]
    assert one["file"] == "b.jsonl"
    assert "no rows yet" in one["reason"]


def test_episodes_whose_success_is_unknown_are_counted(tmp_path: Path):
    (table,) = filled(tmp_path, known="11", robot="11?????")["tables"]
    unknown = {one["file"]: one.get("unknown") for one in table["entries"]}
    assert unknown == {"known.jsonl": None, "robot.jsonl": 5}
