import pytest
from ball_world import judge, page_without_films, text_of

from praxia.studio.comparison import compare
from praxia.studio.duel import duel_of, worth_watching
from praxia.studio.sources import gather


def duel_in(root):
    (comparison,) = compare(gather([root]))
    return duel_of(comparison)


def test_two_policies_fight_a_duel_whatever_stands_beside_them(tmp_path):
    judge(tmp_path / "a.jsonl", {"push": "sssf"}, policy="runs/first")
    judge(tmp_path / "b.jsonl", {"push": "fsfe"}, policy="runs/second", sha256="2")
    judge(tmp_path / "c.jsonl", {"push": "ffff"}, policy="runs/first", control="swapped-image")
    judge(tmp_path / "d.jsonl", {"push": "ssss"}, policy="expert", sha256="expert")
    duel = duel_in(tmp_path)
    assert (duel.a.label, duel.b.label) == ("first", "second")
    assert sorted(pair.outcome for pair in duel.pairs) == [(True, False), (True, False), (True, True)]
    assert duel.verdict["discordant"] == [2, 0]
    assert duel.verdict["errors"] == 1


@pytest.mark.parametrize("others", [("expert",), ("expert", "zero"), ("swapped-image",)])
def test_one_policy_fights_the_only_reference_and_no_control(tmp_path, others):
    judge(tmp_path / "a.jsonl", {"push": "ssf"})
    for name in others:
        control = {"control": name} if name == "swapped-image" else {"policy": name, "sha256": name}
        judge(tmp_path / f"{name}.jsonl", {"push": "sss"}, **control)
    duel = duel_in(tmp_path)
    assert (duel and duel.b.label) == ("expert" if others == ("expert",) else None)


def test_a_comparison_is_told_in_the_order_in_which_it_was_asked_for(tmp_path):
    asked = "praxia compare runs/steady/policy runs/shaky/policy --out both"
    judge(tmp_path / "shaky.jsonl", {"push": "sfff"}, sha256="2", command=asked)
    judge(tmp_path / "steady.jsonl", {"push": "ssss"}, command=asked)
    duel = duel_in(tmp_path)
    assert (duel.a.label, duel.b.label) == ("steady", "shaky"), "not in the order of the files"
    (comparison,) = compare(gather([tmp_path]))
    assert comparison.main.label == "steady"


def test_policies_of_one_name_are_told_apart(tmp_path):
    asked = "praxia compare old/flow new/flow --out both"
    judge(tmp_path / "flow-a.jsonl", {"push": "ssf"}, command=asked)
    judge(tmp_path / "flow-b.jsonl", {"push": "sff"}, command=asked, sha256="2")
    duel = duel_in(tmp_path)
    assert (duel.a.label, duel.b.label) == ("flow-a", "flow-b")
    for name in ("x", "y"):
        judge(tmp_path / "evals" / f"{name}.jsonl", {"push": "ssf"}, policy="runs/flow", sha256=name)
    duel = duel_in(tmp_path / "evals")
    assert (duel.a.label, duel.b.label) == ("flow (x)", "flow (y)")


def test_two_files_of_one_policy_are_no_duel(tmp_path):
    """The one with the most episodes counts, and the other stands beside it under the name of its file."""
    judge(tmp_path / "a.jsonl", {"push": "ssf"})
    judge(tmp_path / "b.jsonl", {"push": "sfff"}, seed=1)
    (comparison,) = compare(gather([tmp_path]))
    assert duel_of(comparison) is None
    assert [one.source.path.name for one in comparison.candidates] == ["b.jsonl"]
    assert [(one.source.path.name, one.repeats) for one in comparison.others] == [("a.jsonl", "b.jsonl")]
    assert "the same policy again: b.jsonl counts in its place" in text_of(page_without_films(tmp_path))


def test_a_reference_that_was_evaluated_twice_is_one(tmp_path):
    judge(tmp_path / "a.jsonl", {"push": "ssf"}, policy="expert", sha256="expert")
    judge(tmp_path / "b.jsonl", {"push": "ssf"}, policy="expert", sha256="expert", seed=1)
    (comparison,) = compare(gather([tmp_path]))
    assert duel_of(comparison) is None
    judge(tmp_path / "c.jsonl", {"push": "sss"}, policy="runs/first")
    (comparison,) = compare(gather([tmp_path]))
    assert [one.source.path.name for one in comparison.beside(comparison.main)] == ["a.jsonl"]
    assert duel_in(tmp_path).b.label == "expert"


def test_what_was_taken_until_decided_counts_only_as_far_as_it_took(tmp_path):
    asked = "praxia compare runs/good runs/bad --until-decided --out both"
    judge(tmp_path / "good.jsonl", {"push": "s" * 30}, sha256="good", command=asked)
    judge(tmp_path / "bad.jsonl", {"push": "f" * 30}, sha256="bad", command=asked)
    duel = duel_in(tmp_path)
    assert duel.verdict["verdict"] == "better"
    assert duel.verdict["p_value"] is None
    assert 20 <= duel.verdict["e_value"] < 40, "a pair less would not have been enough"
    assert len(duel.pairs) == duel.verdict["pairs"] < 30
    judge(tmp_path / "evals" / "a.jsonl", {"push": "s" * 30}, policy="good", sha256="good")
    judge(tmp_path / "evals" / "b.jsonl", {"push": "f" * 30}, policy="bad", sha256="bad")
    assert duel_in(tmp_path / "evals").verdict["pairs"] == 30


def test_results_that_were_judged_differently_are_not_compared(tmp_path):
    judge(tmp_path / "a.jsonl", {"push": "ss"}, policy="runs/first")
    judge(tmp_path / "b.jsonl", {"push": "ff"}, policy="runs/second", sha256="2", versions={"mujoco": "3.3.0"})
    duel = duel_in(tmp_path)
    assert duel.pairs == ()
    assert "mujoco" in duel.refusal


def test_of_both_kinds_of_discordant_pairs_as_many_are_shown_where_there_are(tmp_path):
    judge(tmp_path / "a.jsonl", {"push": "ssssf", "turn": "sfff"}, policy="runs/first")
    judge(tmp_path / "b.jsonl", {"push": "ffffs", "turn": "fsfs"}, policy="runs/second", sha256="2")
    pairs = duel_in(tmp_path).pairs

    def kinds(most):
        return [(pair.outcome, pair.task) for pair in worth_watching(pairs, most)]

    first, second = (True, False), (False, True)
    assert kinds(4) == [(first, "push"), (first, "turn"), (second, "turn"), (second, "push")]
    assert len(kinds(7)) == 7, "4 of one kind and 3 of the other"
    assert len(kinds(100)) == 8
    only_first = [pair for pair in pairs if pair.outcome != second]
    assert [pair.outcome for pair in worth_watching(only_first, 4)] == [first] * 4
