import io

from ball_world import judge
from rich.console import Console
from scipy.stats import binomtest

from praxia.studio.table import success_table


def text_of(rows, **about):
    """The printed table; `about` is what the benchmark says of itself."""
    meta = {"privileged": about.pop("privileged", False), "fingerprint": {"benchmark": about}}
    console = Console(width=80, file=io.StringIO())
    console.print(success_table(rows, meta))
    return console.file.getvalue()


def printed(rows, **about):
    lines = text_of(rows, **about).splitlines()
    return {line.split()[0]: line for line in lines if len(line.split()) > 3}


def test_every_task_and_all_of_them(tmp_path):
    lines = printed(judge(tmp_path / "x.jsonl", {"push": "sssf", "[red]turn[/red]": "ffe"}))
    found = binomtest(3, 4).proportion_ci(method="wilson")
    assert f"{100 * found.low:.1f}–{100 * found.high:.1f}%" in lines["push"]
    assert "75.0%" in lines["push"]
    assert "█" * round(10 * found.low) + "░" in lines["push"]
    assert lines["[red]turn[/red]"].split()[1:4] == ["3", "1", "0.0%"]
    assert "50.0%" in lines["all"], "3 of the 6 that did not crash"
    assert "37.5%" in lines["mean"]


def test_a_task_without_a_rate_has_a_dash(tmp_path):
    assert "–" in printed(judge(tmp_path / "x.jsonl", {"push": "e", "turn": "s"}))["push"]


def test_the_three_means_stand_together_where_the_field_averages_groups(tmp_path):
    rows = judge(tmp_path / "x.jsonl", {"push": "sssf", "turn": "f", "lift": "s"})
    groups = {"easy": ["push", "turn"], "hard": ["lift"]}
    text = text_of(rows, groups=groups, averages_groups=True)
    lines = {line[:17].strip(): line for line in text.splitlines()}
    assert "60.0%" in lines["easy"], "pooled over the group's episodes"
    assert "100.0%" in lines["hard"]
    assert "66.7%" in lines["all episodes"]
    assert "58.3%" in lines["mean over tasks"]
    assert "68.8%" in lines["mean over groups"], "half of (75% + 0%) / 2 and half of 100%"
    assert "mean over groups" not in text_of(rows, groups=groups)


def test_what_the_policy_knew_is_said_above(tmp_path):
    rows = judge(tmp_path / "x.jsonl", {"push": "s"})
    assert "privileged" not in text_of(rows)
    assert "privileged policy" in text_of(rows, privileged=True)
    assert "privileged state" in text_of(rows, privileged_state=True)
