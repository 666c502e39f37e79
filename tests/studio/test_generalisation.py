import re

import pytest
from ball_world import write_results
from scipy.stats import binomtest

from praxia.studio.comparison import group_by_benchmark
from praxia.studio.evaluation import MEANING
from praxia.studio.generalisation import glyph, marked_bar, ruler
from praxia.studio.report import render_report
from praxia.studio.sources import read_sources

GROUPS = {"phrasings": ["push", "lift"], "verbs": ["stack"]}


def wilson(successes, trials):
    found = binomtest(successes, trials).proportion_ci(method="wilson")
    return f"{100 * found.low:.1f}–{100 * found.high:.1f}%"


def render(root):
    sources = read_sources([root])
    return render_report(sources, group_by_benchmark(sources), {})


def axes(html, document):
    """The rows of the chart."""
    return document(html[html.index("<h2>Generalisation") : html.index("<h2>Task by task")])


def on(axis, **options):
    return {"benchmark": f"ball/{axis}", "axis": axis, **options}


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    """One policy on two axes, with a control and a reference."""
    root = tmp_path_factory.mktemp("axes")
    new = {"push": "ssff", "lift": "ssse", "stack": "ffff"}
    write_results(root / "a.jsonl", new, **on("task", groups=GROUPS))
    write_results(root / "b.jsonl", {"push": "sssf", "lift": "ssss"}, **on("train"))
    write_results(
        root / "c.jsonl", dict.fromkeys(new, "sfff"), **on("task", groups=GROUPS, control="other-instruction")
    )
    write_results(
        root / "d.jsonl", {"push": "sf", "lift": "ss", "stack": "ss"}, **on("task", policy="expert", sha256="e")
    )
    return render(root)


def test_the_chart_is_between_the_first_headline_and_its_tasks(html):
    headline, chart, tasks = map(html.index, (" on ball/train</span></h1>", "<h2>Generalisation", "<h2>Task by task"))
    assert headline < chart < tasks
    assert html.count("<h2>Generalisation") == 1


def test_an_axis_has_rows_for_all_tasks_and_for_groups_with_controls(html, document):
    rows = axes(html, document).rows
    heads, (train,), train_all, (task,), task_all, phrasings, verbs = rows
    assert heads[2:] == ["success", "95% interval", "against train", "other-instruction", "expert"]
    assert train.startswith("train ball/train")
    assert task.startswith("task ball/task")
    assert train_all[2:] == ["87.5%", wilson(7, 8), "", "", ""]
    fall = f"−{100 * (7 / 8 - 5 / 11):.1f}"
    assert task_all == ["all tasks 1 error", "", "45.5%", wilson(5, 11), fall, "25%", "83%"]
    assert phrasings == ["phrasings 1 error", "", "71.4%", wilson(5, 7), "−16.1", "25%", "75%"]
    assert verbs == ["verbs", "", "0.0%", wilson(0, 4), "−87.5", "25%", "100%"]


def test_bars_have_labels_and_marks(html, document):
    labels = [values["aria-label"] for _, values in axes(html, document).tags if values.get("class") == "scale"]
    assert labels[-1] == f"0.0%, 95% interval {wilson(0, 4)}; other-instruction 25.0%; expert 100.0%"
    assert html.count('class="level"') == 3, "every row but that of the trained tasks"


def test_every_policy_has_a_row_and_only_its_own_controls(tmp_path, document):
    write_results(tmp_path / "a.jsonl", {"push": "sf"}, **on("embodiment", policy="runs/zero-shot"))
    write_results(tmp_path / "b.jsonl", {"push": "ss"}, **on("embodiment", policy="runs/after-5-minutes", sha256="2"))
    write_results(tmp_path / "c.jsonl", {"push": "ff"}, **on("embodiment", control="swapped-image"))
    rows = axes(render(tmp_path), document)
    assert rows.row("zero-shot")[2:] == ["50.0%", wilson(1, 2), "0%"]
    assert rows.row("after-5-minutes")[2:] == ["100.0%", wilson(2, 2), ""]


def test_progress_has_a_column_if_chains_were_completed_in_part(tmp_path, document):
    write_results(tmp_path / "a.jsonl", {"push": "sf"}, **on("train"))
    write_results(tmp_path / "b.jsonl", {"chain": "shhf"}, **on("long"))
    heads, _, train, _, long = axes(render(tmp_path), document).rows
    assert heads[4] == "progress"
    assert (train[4], long[4]) == ("", "50.0%")


def test_an_axis_without_a_finished_episode_has_no_rate(tmp_path, document):
    write_results(tmp_path / "a.jsonl", {"push": "sf"}, **on("train"))
    write_results(tmp_path / "b.jsonl", {"push": "ee"}, **on("scene"))
    assert axes(render(tmp_path), document).rows[-1] == ["all tasks 2 errors", "", "–", "", "–"]


def test_an_axis_may_have_references_only(tmp_path, document):
    write_results(tmp_path / "a.jsonl", {"push": "ss"}, **on("train", policy="expert", sha256="expert"))
    write_results(tmp_path / "b.jsonl", {"push": "sf"}, **on("scene"))
    rows = axes(render(tmp_path), document)
    assert rows.row("expert")[2] == "100.0%"
    assert "against train" not in rows.rows[0], "an expert's success is not a level for a policy"


def test_benchmarks_without_an_axis_have_no_such_chart(tmp_path):
    write_results(tmp_path / "a.jsonl", {"push": "s"})
    assert "Generalisation" not in render(tmp_path)


NOTHING = {"success": None, "ci95": None, "progress": None}


def rate(success, low=0.0, high=1.0, progress=None):
    return {"success": success, "ci95": [low, high], "progress": success if progress is None else progress}


def width(bar, class_):
    return float(re.search(rf'class="{class_}" x="[\d.]+" y="[\d.]+" width="([\d.]+)"', bar)[1])


def marks(bar):
    return [float(x) for x in re.findall(r"translate\(([\d.]+) ", bar)]


@pytest.mark.parametrize("thin", [True, False])
def test_bar_progress_and_marks_share_one_scale(thin):
    bar = marked_bar(rate(0.25, 0.1, 0.5, progress=0.75), [("expert", 1.0), ("blind", 0.0)], 0.5, thin=thin)
    full_width = width(bar, "track")
    assert width(bar, "fill") == pytest.approx(0.25 * full_width, abs=0.1)
    assert width(bar, "done") == pytest.approx(0.75 * full_width, abs=0.1)
    top, bottom = marks(bar)
    assert top - bottom == pytest.approx(full_width, abs=0.1)
    level = float(re.search(r'class="level" x1="([\d.]+)"', bar)[1])
    assert level == pytest.approx((top + bottom) / 2, abs=0.1)


def test_a_bar_has_a_label_for_screen_readers():
    bar = marked_bar(rate(0.25, 0.1, 0.5), [("expert", 1.0)], None)
    assert 'aria-label="25.0%, 95% interval 10.0–50.0%; expert 100.0%"' in bar
    assert "level" not in bar


def test_without_a_rate_the_bar_is_empty():
    bar = marked_bar(NOTHING, [("expert", 1.0)], 0.5)
    assert 'class="fill"' not in bar
    assert "whisker" not in bar
    assert len(marks(bar)) == 1


def test_every_mark_lies_inside_its_drawing():
    bar = marked_bar(rate(1.0), [("expert", 1.0), ("zero", 0.0)], 1.0)
    full_width = float(re.search(r'class="scale" width="(\d+)"', bar)[1])
    assert all(4 < x < full_width - 4 for x in marks(bar))
    assert f'width="{full_width:.0f}"' in ruler()


def test_all_kinds_have_distinct_marks_except_the_two_language_controls():
    assert len({glyph(kind) for kind in MEANING}) == len(MEANING) - 1
    assert glyph("other-instruction") == glyph("shuffled-instruction")
    assert "onload" not in glyph('"><svg onload=1>')
