import io
from itertools import pairwise

from rich.console import Console

from praxia.studio import console


def test_a_summary_has_a_dash_where_there_is_no_value(monkeypatch):
    printed: list[str] = []
    monkeypatch.setattr(console.STDERR, "print", lambda text, **_: printed.append(text))
    values = {"success": None, "per_task": {"walk": {"ci95": None, "rates": [0.123456, None]}}, "path": "/data"}
    console.print_summary(values)
    assert [line.split(maxsplit=1) for line in printed] == [
        ["success", "–"],
        ["per_task", "{walk: {ci95: –, rates: [0.1235, –]}}"],
        ["path", "/data"],
    ]


def test_without_a_terminal_progress_is_said_from_the_first_step_and_every_thirty_seconds():
    now_s, said = 0.0, []
    lines = console.ProgressLines(lambda line: said.append((now_s, line)), clock=lambda: now_s)
    lines.report("act", 0, 100, "")
    for step in range(1, 101):
        for _ in range(20):  # ten seconds a step
            now_s += 0.5
            lines.tick()
        lines.report("act", step, 100, f"loss {step}")
    lines.tick()
    lines.report("act", 100, 100, "loss 100")
    times = [time for time, _ in said]
    assert times[0] == 0.0
    assert all(later - earlier <= 30.0 for earlier, later in pairwise(times))
    assert said[0][1] == "act  0/100  0:00:00"
    assert said[1] == (29.0, "act  2/100  loss 2  0:00:29  0:23:41 left")
    assert said[-1] == (1000.0, "act  100/100  loss 100  0:16:40")
    assert len(said) == 36  # the last once


def test_a_step_that_takes_minutes_is_said_to_go_on():
    now_s, said = 0.0, []
    lines = console.ProgressLines(said.append, clock=lambda: now_s)
    lines.report("act", 0, 5, "")
    for _ in range(200):
        now_s += 0.5
        lines.tick()
    assert said == [f"act  0/5  0:0{minute}" for minute in ("0:00", "0:29", "0:58", "1:27")]


def test_bars_are_lines_where_there_is_no_terminal(monkeypatch):
    file = io.StringIO()
    monkeypatch.setattr(console, "STDERR", Console(file=file, width=120))
    with console.counting("act") as report:
        report(0, 2, "")
        report(1, 2, "[loss] 1")
        report(2, 2, "[loss] 2")
    assert file.getvalue().splitlines() == ["act  0/2  0:00:00", "act  2/2  [loss] 2  0:00:00"]
