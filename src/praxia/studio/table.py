"""Success per task, for the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from praxia.results.meta import privilege_of
from praxia.results.rows import Row
from praxia.results.summary import summarise_as
from praxia.studio.figures import interval, mean_steps_to_success, percent

__all__ = ["success_table"]

_BAR_CHARS = 10
_CAPTION = "█ up to the interval's lower end, ░ to its upper; steps: mean to success"


def success_table(rows: Sequence[Row], meta: Mapping[str, Any], title: str | None = None) -> Table:
    """One line a task, all episodes, and the means over tasks: 80 columns wide where task names are short.

    `meta` is what was written beside the rows. Where its benchmark averages groups of tasks each has a line too. The
    title says what the policy knew that a robot would not.
    """
    benchmark = meta["fingerprint"]["benchmark"]
    summary = summarise_as(benchmark, rows)
    averaged = summary["macro_of_groups"] is not None
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.title = " · ".join(text for text in (title, privilege_of(meta)) if text) or None
    table.title_justify = "left"
    table.caption, table.caption_justify = _CAPTION, "left"
    table.add_column("task", no_wrap=True)
    for name in ("n", "errors", "success", "95% interval"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("0 – 100%", no_wrap=True)
    table.add_column("steps", justify="right")
    for task, one in summary["per_task"].items():
        table.add_row(*_cells(task, one), mean_steps_to_success([row for row in rows if row.task == task]))
    table.add_section()
    if averaged:
        for group, tasks in benchmark["groups"].items():
            mine = [row for row in rows if row.task in tasks]
            table.add_row(*_cells(group, summary["per_group"][group]), mean_steps_to_success(mine))
        table.add_section()
    table.add_row(*_cells("all episodes", summary), mean_steps_to_success(rows), style="bold")
    table.add_row(*_mean_cells("mean over tasks", summary["macro"]))
    if averaged:
        table.add_row(*_mean_cells("mean over groups", summary["macro_of_groups"]))
    return table


def _mean_cells(name: str, mean: Mapping[str, Any]) -> tuple[str, ...]:
    return name, "", "", percent(mean["success"]), interval(mean), "", ""


def _cells(name: str, summary: Mapping[str, Any]) -> tuple[str | Text, ...]:
    errors = Text(str(summary["errors"]), style="red" if summary["errors"] else "")
    return Text(name), str(summary["episodes"]), errors, percent(summary["success"]), interval(summary), _bar(summary)


def _bar(summary: Mapping[str, Any]) -> str:
    if summary["ci95"] is None:
        return ""
    low, high = (round(end * _BAR_CHARS) for end in summary["ci95"])
    return "█" * low + "░" * (high - low) + "·" * (_BAR_CHARS - high)
