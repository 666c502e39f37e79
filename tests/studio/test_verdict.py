import re
from math import exp, log

import pytest
from ball_world import build, judge, page_without_films, text_of
from scipy.special import betaln
from scipy.stats import binomtest, ks_2samp

from praxia.results.sequential import PRIOR
from praxia.studio.report import report

FIRST = {"push": "sssss" + "sssss", "turn": "ssfffbbb"}
SECOND = {"push": "sssss" + "fffff", "turn": "ffsfffff"}


def e_value(ours, theirs):
    """The formula of the docstring, in plain floats."""
    ratio = betaln(PRIOR + ours, PRIOR + theirs) - betaln(PRIOR, PRIOR)
    return exp(ratio) * 2 ** (ours + theirs)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    root = tmp_path_factory.mktemp("duel")
    judge(root / "first.jsonl", FIRST, policy="runs/first")
    judge(root / "second.jsonl", SECOND, policy="runs/second", sha256="2")
    return report([root], root / "report.html", build=build).read_text()


def test_the_sentence_has_effect_pairs_and_evidence(page):
    text = text_of(page)
    p_value = binomtest(7, 8).pvalue
    assert "first and second cannot be told apart: +33.3 points [" in text
    assert f"after 18 pairs (7 against 1 discordant), p = {p_value:.2g}" in text
    assert f"The e-value, {e_value(7, 1):.3g}, would hold whenever one stops; it decides from 20 on." in text
    macro = 100 * ((5 / 10) + (2 - 1) / 8) / 2
    assert f"The mean of the tasks' differences is +{macro:.1f} points" in text


def test_every_task_has_its_effect_discordant_pairs_and_adjusted_p(page, document):
    rows = [row for row in document(page).rows if len(row) == 9]
    (head, push, turn, pooled) = rows[:4]
    assert head[2:7] == ["first", "second", "points", "first alone", "second alone"]
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
    grown, needed = chart(page, "Evidence")
    assert len(grown) == 1 + 18
    assert len({y for _, y in needed}) == 1
    assert grown[0][1] - grown[-1][1] > 0, "it grew"
    # The scale is logarithmic: the heights of 1, of the last e-value and of 20 are in proportion to their logarithms.
    share = (grown[0][1] - grown[-1][1]) / (grown[0][1] - needed[0][1])
    assert share == pytest.approx(log(e_value(7, 1)) / log(20), abs=0.01)


def test_the_curves_of_success_end_at_the_rates_and_the_test_is_of_the_successes(page, tmp_path):
    ours, theirs = chart(page, "Share of episodes that had succeeded")
    first = judge(tmp_path / "a.jsonl", FIRST)
    second = judge(tmp_path / "b.jsonl", SECOND)
    steps = [[row.success_step for row in rows if row.status == "success"] for rows in (first, second)]
    assert f"p = {ks_2samp(*steps).pvalue:.2g}" in text_of(page)
    zero = ours[0][1]
    assert (zero - theirs[-1][1]) / (zero - ours[-1][1]) == pytest.approx(6 / 12, abs=0.01)
    # Up at the steps of the successes, and then level to the end.
    assert len(ours) == 1 + 2 * 12 + 1
    assert ours[-1][1] == ours[-2][1]
    fastest, level = ours[1][0], ours[-1][0]
    assert (fastest - ours[0][0]) / (level - ours[0][0]) == pytest.approx(min(steps[0]) / 60, abs=0.01)


def test_discordant_pairs_are_filmed_side_by_side(page, document):
    labels = [values["aria-label"] for name, values in document(page).tags if name == "video"]
    pairs = [label for label in labels if "first:" in label and "second:" in label]
    kinds = ["first: success" in label for label in pairs[:6]]
    assert sorted(kinds) == [False] + [True] * 5, "one start where the second alone succeeded"
    assert any(
        re.match(r"Film of turn: first: failure, 60 steps; second: success after 2\d steps", one) for one in pairs
    )


def test_results_that_cannot_be_compared_say_why(tmp_path):
    judge(tmp_path / "a.jsonl", {"push": "s"}, policy="runs/first")
    judge(tmp_path / "b.jsonl", {"push": "f"}, policy="runs/second", sha256="2", versions={"mujoco": "3.3.0"})
    text = text_of(page_without_films(tmp_path))
    assert "No verdict:" in text
    assert "mujoco" in text


def test_pairs_with_errors_and_episodes_without_a_partner_are_counted(tmp_path):
    judge(tmp_path / "a.jsonl", {"push": "ssse"}, policy="runs/first")
    judge(tmp_path / "b.jsonl", {"push": "ffsff"}, policy="runs/second", sha256="2")
    assert "Left out: 1 pairs with an error and 1 episodes without a partner." in text_of(page_without_films(tmp_path))


def test_where_every_pair_has_an_error_there_is_no_verdict_and_still_a_page(tmp_path):
    judge(tmp_path / "a.jsonl", {"push": "ee"}, policy="runs/first")
    judge(tmp_path / "b.jsonl", {"push": "ss"}, policy="runs/second", sha256="2")
    assert "cannot be compared: each of 2 pairs has an error" in text_of(page_without_films(tmp_path))


def test_what_was_stopped_when_decided_says_so(tmp_path):
    asked = "praxia compare runs/good runs/bad --until-decided --out both"
    judge(tmp_path / "good.jsonl", {"push": "s" * 30}, sha256="good", command=asked)
    judge(tmp_path / "bad.jsonl", {"push": "f" * 30}, sha256="bad", command=asked)
    text = text_of(page_without_films(tmp_path))
    assert "good is better than bad: +100.0 points" in text
    assert "discordant), e = " in text
    assert "Pairs were taken until the e-value reached 20." in text
    assert "which are no fair sample" in text
    assert "It does not allow for having stopped" in text
