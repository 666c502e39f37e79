from dataclasses import replace
from pathlib import Path

import pytest
from results_testing import made_rows, write_results

from praxia.core.errors import DataError, MismatchError, PraxiaError
from praxia.results.pairs import pair_files, pair_rows, round_robin


def test_rows_of_one_start_are_paired_whatever_their_order():
    a, b = made_rows({"walk": "101", "run": "00"}), made_rows({"walk": "011", "run": "01"})
    pairing = pair_rows(a, reversed(b))
    assert {(pair.a.start, pair.b.start) for pair in pairing.pairs} == {(row.start, row.start) for row in a}
    outcomes = {pair.a.start: pair.outcome for pair in pairing.pairs}
    assert (outcomes["walk-0"], outcomes["walk-1"], outcomes["walk-2"]) == ((True, False), (False, True), (True, True))
    assert pairing.unpaired == 0


def test_tasks_come_in_turn():
    rows = made_rows({"walk": "1111", "run": "11", "hop": "111"})
    pairs = pair_rows(rows, rows[::-1]).pairs
    assert [pair.a for pair in pairs] == list(round_robin(rows, lambda row: row.task))


def test_rows_without_a_partner_are_counted_and_errors_are_kept_as_such():
    pairing = pair_rows(made_rows({"walk": "11!1."}), made_rows({"walk": "1.0!1"}))
    assert [(pair.a.start, pair.is_error) for pair in pairing.pairs] == [
        ("walk-0", False),
        ("walk-2", True),
        ("walk-3", True),
    ]
    assert pairing.unpaired == 2


def test_what_is_the_policys_own_may_differ_between_files(tmp_path: Path):
    rows = made_rows({"walk": "10"})
    own = {
        "policy_sha256": "beef",
        "seed": 3,
        "exact": True,
        "device": "cuda",
        "revision": "def",
        "execution": {"m": 1},
    }
    a, b = write_results(tmp_path / "a.jsonl", rows), write_results(tmp_path / "b.jsonl", rows, **own)
    assert len(pair_files(a, b).pairs) == 2


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"benchmark": {"name": "toy/plain", "horizon": 80}}, "benchmark horizon is 40, against 80"),
        ({"control": "swapped-image"}, "control is None, against 'swapped-image'"),
        ({"versions": {"numpy": "2.0", "mujoco": "3.9"}}, "versions mujoco is '3.8', against '3.9'"),
        ({"source_sha256": "bbbb"}, "source_sha256 is 'aaaa', against 'bbbb'"),
        ({"gl_vendor": "Mesa"}, "gl_vendor is 'none', against 'Mesa'"),
        ({"golden_frame": "cafe"}, "golden_frame is None, against 'cafe'"),
    ],
)
def test_results_of_different_evaluations_are_refused_with_the_difference(tmp_path: Path, change, expected: str):
    rows = made_rows({"walk": "10"})
    a, b = write_results(tmp_path / "a.jsonl", rows), write_results(tmp_path / "b.jsonl", rows, **change)
    with pytest.raises(MismatchError, match=r"a\.jsonl and .*b\.jsonl were evaluated differently") as refused:
        pair_files(a, b)
    assert expected in str(refused.value)


def test_results_that_stopped_when_decided_are_known_as_such(tmp_path: Path):
    a = write_results(tmp_path / "a.jsonl", made_rows({"walk": "11"}), {"until_decided": True})
    b = write_results(tmp_path / "b.jsonl", made_rows({"walk": "00"}), {"until_decided": False}, policy_sha256="b")
    assert pair_files(a, b).stopped is True
    c = write_results(tmp_path / "c.jsonl", made_rows({"walk": "01"}))
    assert pair_files(b, c).stopped is False


def test_results_without_a_common_start_are_refused(tmp_path: Path):
    a = write_results(tmp_path / "a.jsonl", made_rows({"walk": "11"}))
    b = write_results(tmp_path / "b.jsonl", made_rows({"walk": "..1"}), policy_sha256="b")
    with pytest.raises(MismatchError, match=r"\(2 episodes\).*\(1\) have no start in common"):
        pair_files(a, b)


def test_a_file_without_its_meta_is_refused(tmp_path: Path):
    a = write_results(tmp_path / "a.jsonl", made_rows({"walk": "11"}))
    (tmp_path / "a.jsonl.meta.json").unlink()
    with pytest.raises(DataError, match=r"a\.jsonl\.meta\.json"):
        pair_files(a, write_results(tmp_path / "b.jsonl", made_rows({"walk": "11"})))


def test_one_file_twice_is_refused(tmp_path: Path):
    a = write_results(tmp_path / "a.jsonl", made_rows({"walk": "11"}))
    with pytest.raises(PraxiaError, match="results of two policies"):
        pair_files(a, tmp_path / "." / "a.jsonl")


def test_another_benchmark_is_named_without_all_that_it_fixes(tmp_path: Path):
    a = write_results(tmp_path / "a.jsonl", made_rows({"walk": "11"}))
    b = write_results(tmp_path / "b.jsonl", made_rows({"walk": "11"}), benchmark={"name": "toy/far", "horizon": 80})
    with pytest.raises(MismatchError, match=r"is of benchmark 'toy/plain', but .* is of 'toy/far'") as refused:
        pair_files(a, b)
    assert "horizon" not in str(refused.value)


ITEMS = [f"{task}{number}" for task, count in (("a", 3), ("b", 1), ("c", 2)) for number in range(count)]


def test_every_round_has_one_of_each_task_that_is_left():
    order = list(round_robin(ITEMS, lambda item: item[0]))
    assert sorted(order[:3]) == ["a0", "b0", "c0"]
    assert sorted(order[3:5]) == ["a1", "c1"]
    assert order[5:] == ["a2"]


def test_the_order_of_a_round_is_the_same_for_everyone_but_not_for_every_round():
    many = [f"{task}{number}" for task in "abcdefgh" for number in range(4)]
    order = list(round_robin(many, lambda item: item[0]))
    assert order == list(round_robin(sorted(many, key=lambda item: item[::-1]), lambda item: item[0]))
    rounds = ["".join(item[0] for item in order[at : at + 8]) for at in range(0, 32, 8)]
    assert all(sorted(one) == list("abcdefgh") for one in rounds)
    assert len(set(rounds)) > 1


def test_a_longer_plan_begins_as_a_shorter_one():
    shorter = [f"{task}{number}" for task in "abc" for number in range(2)]
    longer = [f"{task}{number}" for task in "abc" for number in range(5)]
    assert list(round_robin(longer, lambda item: item[0]))[:6] == list(round_robin(shorter, lambda item: item[0]))


def test_what_a_stop_left_begins_as_the_plan_did():
    """Of the plan's first 21 items all are there, of the next ones some, in which tasks are missing and skipped."""
    plan = list(round_robin([f"{task}{number}" for task in "abcdefgh" for number in range(5)], lambda item: item[0]))
    left = plan[:21] + plan[22:40:3]
    assert {item[0] for item in left[21:]} < set("abcdefgh")
    assert list(round_robin(sorted(left), lambda item: item[0]))[:21] == plan[:21]


def test_several_episodes_from_one_start_are_no_pairs():
    rows = made_rows({"walk": "10"})
    with pytest.raises(MismatchError, match="expected one episode per start, got several episodes from one start"):
        pair_rows(rows, [*rows, replace(rows[0], repeat=1)])
