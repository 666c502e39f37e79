import re
from math import exp, log

import pytest
from ball_world import build, page_without_videos, text_of, write_results
from scipy.special import betaln
from scipy.stats import binomtest, ks_2samp

from praxia.results.sequential import PRIOR
from praxia.studio.comparison import group_by_benchmark
from praxia.studio.paired_comparison import paired_comparison_of, select_discordant
from praxia.studio.report import write_report
from praxia.studio.sources import read_sources


def pair_in(root):
    (comparison,) = group_by_benchmark(read_sources([root]))
    return paired_comparison_of(comparison)


def test_two_policies_are_compared_whatever_controls_and_references_there_are(tmp_path):
    write_results(tmp_path / "a.jsonl", {"push": "sssf"}, policy="runs/first")
    write_results(tmp_path / "b.jsonl", {"push": "fsfe"}, policy="runs/second", sha256="2")
    write_results(tmp_path / "c.jsonl", {"push": "ffff"}, policy="runs/first", control="swapped-image")
    write_results(tmp_path / "d.jsonl", {"push": "ssss"}, policy="expert", sha256="expert")
    paired = pair_in(tmp_path)
    assert (paired.a.label, paired.b.label) == ("first", "second")
    assert sorted(pair.outcome for pair in paired.pairs) == [(True, False), (True, False), (True, True)]
    assert paired.verdict["discordant"] == [2, 0]
    assert paired.verdict["errors"] == 1


@pytest.mark.parametrize("others", [("expert",), ("expert", "zero"), ("swapped-image",)])
def test_a_single_policy_is_compared_with_a_single_reference_but_no_control(tmp_path, others):
    write_results(tmp_path / "a.jsonl", {"push": "ssf"})
    for name in others:
        control = {"control": name} if name == "swapped-image" else {"policy": name, "sha256": name}
        write_results(tmp_path / f"{name}.jsonl", {"push": "sss"}, **control)
    paired = pair_in(tmp_path)
    assert (paired and paired.b.label) == ("expert" if others == ("expert",) else None)


def test_the_order_is_that_of_the_command_line(tmp_path):
    command = "praxia compare runs/steady/policy runs/shaky/policy --out both"
    write_results(tmp_path / "shaky.jsonl", {"push": "sfff"}, sha256="2", command=command)
    write_results(tmp_path / "steady.jsonl", {"push": "ssss"}, command=command)
    paired = pair_in(tmp_path)
    assert (paired.a.label, paired.b.label) == ("steady", "shaky"), "not in the order of the files"
    (comparison,) = group_by_benchmark(read_sources([tmp_path]))
    assert comparison.main.label == "steady"


def test_policies_of_one_name_get_distinct_labels(tmp_path):
    command = "praxia compare old/flow new/flow --out both"
    write_results(tmp_path / "flow-a.jsonl", {"push": "ssf"}, command=command)
    write_results(tmp_path / "flow-b.jsonl", {"push": "sff"}, command=command, sha256="2")
    paired = pair_in(tmp_path)
    assert (paired.a.label, paired.b.label) == ("flow-a", "flow-b")
    for name in ("x", "y"):
        write_results(tmp_path / "evals" / f"{name}.jsonl", {"push": "ssf"}, policy="runs/flow", sha256=name)
    paired = pair_in(tmp_path / "evals")
    assert (paired.a.label, paired.b.label) == ("flow (x)", "flow (y)")


def test_two_files_of_one_policy_are_not_compared(tmp_path):
    """The file with the most episodes counts, and the other one names it."""
    write_results(tmp_path / "a.jsonl", {"push": "ssf"})
    write_results(tmp_path / "b.jsonl", {"push": "sfff"}, seed=1)
    (comparison,) = group_by_benchmark(read_sources([tmp_path]))
    assert paired_comparison_of(comparison) is None
    assert [one.source.path.name for one in comparison.candidates] == ["b.jsonl"]
    assert [(one.source.path.name, one.repeats) for one in comparison.others] == [("a.jsonl", "b.jsonl")]
    assert "the same policy again: b.jsonl counts instead" in text_of(page_without_videos(tmp_path))


def test_a_reference_that_was_evaluated_twice_is_one(tmp_path):
    write_results(tmp_path / "a.jsonl", {"push": "ssf"}, policy="expert", sha256="expert")
    write_results(tmp_path / "b.jsonl", {"push": "ssf"}, policy="expert", sha256="expert", seed=1)
    (comparison,) = group_by_benchmark(read_sources([tmp_path]))
    assert paired_comparison_of(comparison) is None
    write_results(tmp_path / "c.jsonl", {"push": "sss"}, policy="runs/first")
    (comparison,) = group_by_benchmark(read_sources([tmp_path]))
    assert [one.source.path.name for one in comparison.references_for(comparison.main)] == ["a.jsonl"]
    assert pair_in(tmp_path).b.label == "expert"


def test_pairs_after_the_decision_do_not_count(tmp_path):
    command = "praxia compare runs/good runs/bad --until-decided --out both"
    write_results(tmp_path / "good.jsonl", {"push": "s" * 30}, sha256="good", command=command)
    write_results(tmp_path / "bad.jsonl", {"push": "f" * 30}, sha256="bad", command=command)
    paired = pair_in(tmp_path)
    assert paired.verdict["verdict"] == "better"
    assert paired.verdict["p_value"] is None
    assert 20 <= paired.verdict["e_value"] < 40, "one pair fewer would not have been enough"
    assert len(paired.pairs) == paired.verdict["pairs"] < 30
    write_results(tmp_path / "evals" / "a.jsonl", {"push": "s" * 30}, policy="good", sha256="good")
    write_results(tmp_path / "evals" / "b.jsonl", {"push": "f" * 30}, policy="bad", sha256="bad")
    assert pair_in(tmp_path / "evals").verdict["pairs"] == 30


def test_results_with_other_settings_are_not_compared(tmp_path):
    write_results(tmp_path / "a.jsonl", {"push": "ss"}, policy="runs/first")
    write_results(tmp_path / "b.jsonl", {"push": "ff"}, policy="runs/second", sha256="2", versions={"mujoco": "3.3.0"})
    paired = pair_in(tmp_path)
    assert paired.pairs == ()
    assert "mujoco" in paired.refusal


def test_both_kinds_of_discordant_pairs_are_shown_equally_if_possible(tmp_path):
    write_results(tmp_path / "a.jsonl", {"push": "ssssf", "turn": "sfff"}, policy="runs/first")
    write_results(tmp_path / "b.jsonl", {"push": "ffffs", "turn": "fsfs"}, policy="runs/second", sha256="2")
    pairs = pair_in(tmp_path).pairs

    def kinds(max_pairs):
        return [(pair.outcome, pair.task) for pair in select_discordant(pairs, max_pairs)]

    first, second = (True, False), (False, True)
    assert kinds(4) == [(first, "push"), (first, "turn"), (second, "turn"), (second, "push")]
    assert len(kinds(7)) == 7, "4 of one kind and 3 of the other"
    assert len(kinds(100)) == 8
    only_first = [pair for pair in pairs if pair.outcome != second]
    assert [pair.outcome for pair in select_discordant(only_first, 4)] == [first] * 4


FIRST = {"push": "sssss" + "sssss", "turn": "ssfffbbb"}
SECOND = {"push": "sssss" + "fffff", "turn": "ffsfffff"}


def e_value(wins_a, wins_b):
    """The formula of `log_e_value`, in plain floats."""
    ratio = betaln(PRIOR + wins_a, PRIOR + wins_b) - betaln(PRIOR, PRIOR)
    return exp(ratio) * 2 ** (wins_a + wins_b)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    root = tmp_path_factory.mktemp("pair")
    write_results(root / "first.jsonl", FIRST, policy="runs/first")
    write_results(root / "second.jsonl", SECOND, policy="runs/second", sha256="2")
    return write_report([root], root / "report.html", build=build).read_text()


def test_the_sentence_has_effect_pairs_and_evidence(page):
    text = text_of(page)
    p_value = binomtest(7, 8).pvalue
    assert "first and second cannot be distinguished: +33.3 points [" in text
    assert f"after 18 pairs (7 against 1 discordant), p = {p_value:.2g}" in text
    assert f"The e-value, {e_value(7, 1):.3g}, is valid at any stopping time; it decides from 20 on." in text
    macro = 100 * ((5 / 10) + (2 - 1) / 8) / 2
    assert f"The mean of the differences per task is +{macro:.1f} points" in text


def test_every_task_has_its_effect_discordant_pairs_and_adjusted_p(page, document):
    rows = [row for row in document(page).rows if len(row) == 9]
    (head, push, turn, pooled) = rows[:4]
    assert head[2:7] == ["first", "second", "points", "only first", "only second"]
    p_values = [binomtest(5, 5).pvalue, binomtest(2, 3).pvalue]
    # Holm: the smaller of two p-values twice, the larger once.
    assert push == ["push", "10", "100.0%", "50.0%", "+50.0", "5", "0", f"{2 * p_values[0]:.2g}", "undecided"]
    assert turn == ["turn", "8", "25.0%", "12.5%", "+12.5", "2", "1", f"{p_values[1]:.2g}", "undecided"]
    assert pooled[:7] == ["all", "18", "66.7%", "33.3%", "+33.3", "7", "1"]


def chart(page, title):
    """The points of every line of a chart, as the browser gets them."""
    found = re.search(rf"<figure[^>]*><figcaption>{re.escape(title)}.*?</figure>", page, re.DOTALL)[0]
    return [
        [tuple(map(float, pair.split(","))) for pair in line.split()] for line in re.findall(r'points="([^"]*)"', found)
    ]


def test_the_evidence_is_drawn_after_every_pair(page):
    e_values, needed = chart(page, "Evidence")
    assert len(e_values) == 1 + 18
    assert len({y for _, y in needed}) == 1
    assert e_values[0][1] - e_values[-1][1] > 0, "it increased"
    # The scale is logarithmic: the heights of 1, of the last e-value and of 20 are in proportion to their logarithms.
    share = (e_values[0][1] - e_values[-1][1]) / (e_values[0][1] - needed[0][1])
    assert share == pytest.approx(log(e_value(7, 1)) / log(20), abs=0.01)


def test_the_curves_of_success_end_at_the_rates_and_the_test_is_of_the_successes(page, tmp_path):
    ours, theirs = chart(page, "Share of episodes with success by this step")
    first = write_results(tmp_path / "a.jsonl", FIRST)
    second = write_results(tmp_path / "b.jsonl", SECOND)
    steps = [[row.success_step for row in rows if row.status == "success"] for rows in (first, second)]
    assert f"p = {ks_2samp(*steps).pvalue:.2g}" in text_of(page)
    zero = ours[0][1]
    assert (zero - theirs[-1][1]) / (zero - ours[-1][1]) == pytest.approx(6 / 12, abs=0.01)
    # The curve rises at the steps of the successes and is level afterwards.
    assert len(ours) == 1 + 2 * 12 + 1
    assert ours[-1][1] == ours[-2][1]
    fastest, level = ours[1][0], ours[-1][0]
    assert (fastest - ours[0][0]) / (level - ours[0][0]) == pytest.approx(min(steps[0]) / 60, abs=0.01)


def test_discordant_pairs_are_shown_side_by_side(page, document):
    labels = [values["aria-label"] for name, values in document(page).tags if name == "video"]
    pairs = [label for label in labels if "first:" in label and "second:" in label]
    kinds = ["first: success" in label for label in pairs[:6]]
    assert sorted(kinds) == [False] + [True] * 5, "from one start only the second succeeded"
    assert any(
        re.match(r"Video of turn: first: failure, 60 steps; second: success after 2\d steps", one) for one in pairs
    )


def test_the_page_has_the_reason_why_results_cannot_be_compared(tmp_path):
    write_results(tmp_path / "a.jsonl", {"push": "s"}, policy="runs/first")
    write_results(tmp_path / "b.jsonl", {"push": "f"}, policy="runs/second", sha256="2", versions={"mujoco": "3.3.0"})
    text = text_of(page_without_videos(tmp_path))
    assert "No verdict:" in text
    assert "mujoco" in text


def test_pairs_with_errors_and_episodes_without_a_partner_are_counted(tmp_path):
    write_results(tmp_path / "a.jsonl", {"push": "ssse"}, policy="runs/first")
    write_results(tmp_path / "b.jsonl", {"push": "ffsff"}, policy="runs/second", sha256="2")
    assert "Excluded: 1 pairs with an error and 1 unpaired episodes." in text_of(page_without_videos(tmp_path))


def test_where_every_pair_has_an_error_there_is_no_verdict_and_still_a_page(tmp_path):
    write_results(tmp_path / "a.jsonl", {"push": "ee"}, policy="runs/first")
    write_results(tmp_path / "b.jsonl", {"push": "ss"}, policy="runs/second", sha256="2")
    assert "cannot be compared: each of 2 pairs has an error" in text_of(page_without_videos(tmp_path))


def test_the_page_marks_a_comparison_that_stopped_when_decided(tmp_path):
    command = "praxia compare runs/good runs/bad --until-decided --out both"
    write_results(tmp_path / "good.jsonl", {"push": "s" * 30}, sha256="good", command=command)
    write_results(tmp_path / "bad.jsonl", {"push": "f" * 30}, sha256="bad", command=command)
    text = text_of(page_without_videos(tmp_path))
    assert "good is better than bad: +100.0 points" in text
    assert "discordant), e = " in text
    assert "Pairs were added until the e-value reached 20." in text
    assert "which are a biased sample" in text
    assert "It does not account for stopping" in text
