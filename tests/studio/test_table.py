import io

from ball_world import judge
from rich.console import Console
from scipy.stats import binomtest

from praxia.studio.table import success_table


def printed(rows):
    console = Console(width=80, file=io.StringIO())
    console.print(success_table(rows))
    lines = console.file.getvalue().splitlines()
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
