import pytest
from ball_world import judge
from scipy.stats import binomtest

from praxia.studio.comparison import compare
from praxia.studio.page import page
from praxia.studio.sources import gather

GROUPS = {"phrasings": ["push", "lift"], "verbs": ["stack"]}


def wilson(successes, trials):
    found = binomtest(successes, trials).proportion_ci(method="wilson")
    return f"{100 * found.low:.1f}–{100 * found.high:.1f}%"


def render(root):
    material = gather([root])
    return page(material, compare(material), {})


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
    judge(root / "a.jsonl", new, **on("task", groups=GROUPS))
    judge(root / "b.jsonl", {"push": "sssf", "lift": "ssss"}, **on("train"))
    judge(root / "c.jsonl", dict.fromkeys(new, "sfff"), **on("task", groups=GROUPS, control="other-instruction"))
    judge(root / "d.jsonl", {"push": "sf", "lift": "ss", "stack": "ss"}, **on("task", policy="expert", sha256="e"))
    return render(root)


def test_it_stands_between_the_first_headline_and_its_tasks(html):
    headline, chart, tasks = map(html.index, (" on ball/train</span></h1>", "<h2>Generalisation", "<h2>Task by task"))
    assert headline < chart < tasks
    assert html.count("<h2>Generalisation") == 1


def test_an_axis_has_its_pooled_success_and_that_of_its_groups_beside_controls(html, document):
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


def test_its_bars_are_told_in_words_and_marked(html, document):
    labels = [values["aria-label"] for _, values in axes(html, document).tags if values.get("class") == "scale"]
    assert labels[-1] == f"0.0%, 95% interval {wilson(0, 4)}; other-instruction 25.0%; expert 100.0%"
    assert html.count('class="level"') == 3, "every row but that of the trained tasks"


def test_policies_have_rows_of_their_own_by_their_names_and_only_their_own_controls(tmp_path, document):
    judge(tmp_path / "a.jsonl", {"push": "sf"}, **on("embodiment", policy="runs/zero-shot"))
    judge(tmp_path / "b.jsonl", {"push": "ss"}, **on("embodiment", policy="runs/after-5-minutes", sha256="2"))
    judge(tmp_path / "c.jsonl", {"push": "ff"}, **on("embodiment", control="swapped-image"))
    rows = axes(render(tmp_path), document)
    assert rows.row("zero-shot")[2:] == ["50.0%", wilson(1, 2), "0%"]
    assert rows.row("after-5-minutes")[2:] == ["100.0%", wilson(2, 2), ""]


def test_progress_has_a_column_where_chains_were_done_in_part(tmp_path, document):
    judge(tmp_path / "a.jsonl", {"push": "sf"}, **on("train"))
    judge(tmp_path / "b.jsonl", {"chain": "shhf"}, **on("long"))
    heads, _, train, _, long = axes(render(tmp_path), document).rows
    assert heads[4] == "progress"
    assert (train[4], long[4]) == ("", "50.0%")


def test_where_every_episode_of_an_axis_crashed_it_has_no_rate(tmp_path, document):
    judge(tmp_path / "a.jsonl", {"push": "sf"}, **on("train"))
    judge(tmp_path / "b.jsonl", {"push": "ee"}, **on("scene"))
    assert axes(render(tmp_path), document).rows[-1] == ["all tasks 2 errors", "", "–", "", "–"]


def test_an_axis_may_have_references_alone(tmp_path, document):
    judge(tmp_path / "a.jsonl", {"push": "ss"}, **on("train", policy="expert", sha256="expert"))
    judge(tmp_path / "b.jsonl", {"push": "sf"}, **on("scene"))
    rows = axes(render(tmp_path), document)
    assert rows.row("expert")[2] == "100.0%"
    assert "against train" not in rows.rows[0], "an expert's success is no level for a policy"


def test_benchmarks_without_an_axis_have_no_such_chart(tmp_path):
    judge(tmp_path / "a.jsonl", {"push": "s"})
    assert "Generalisation" not in render(tmp_path)
