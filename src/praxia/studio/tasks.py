"""Success task by task, with the controls beside it."""

from praxia.studio.charts import interval_bar
from praxia.studio.comparison import Comparison
from praxia.studio.figures import interval, mean_steps_to_success, percent
from praxia.studio.markup import Markup, tag

__all__ = ["task_table"]


def task_table(comparison: Comparison) -> Markup:
    """One row a task of the main evaluation, and a pooled row below."""
    names = ("task", "episodes", "errors", "success", "95% interval", "", "steps to success")
    heads = [_head(name) for name in (*names, *(one.label for one in comparison.others))]
    body = [_row(comparison, task) for task in comparison.tasks]
    caption = tag("caption", "Bars are success rates, whiskers 95% Wilson intervals; columns on the right are rates.")
    foot = tag("tfoot", _row(comparison, None))
    table = tag("table", caption, tag("thead", tag("tr", *heads)), tag("tbody", *body), foot)
    region = tag("div", table, class_="wide", tabindex=0, role="region", aria_label="Success per task")
    return tag("section", tag("h2", "Task by task"), region)


def _head(name: str) -> Markup:
    if not name:
        return tag("td")
    return tag("th", name, scope="col", class_=None if name in ("task", "95% interval") else "n")


def _row(comparison: Comparison, task: str | None) -> Markup:
    """The row of `task`, or of all tasks together."""
    main = comparison.main
    rows = [row for row in main.rows if task in (row.task, None)]
    summary = main.summary_of(task)
    bar = interval_bar(summary["success"], *summary["ci95"]) if summary["ci95"] else None
    cells = [
        tag("th", "all" if task is None else task, scope="row"),
        tag("td", summary["episodes"], class_="n"),
        tag("td", summary["errors"], class_="n bad" if summary["errors"] else "n"),
        tag("td", percent(summary["success"]), class_="n"),
        tag("td", interval(summary), class_="interval"),
        tag("td", bar),
        tag("td", mean_steps_to_success(rows), class_="n"),
    ]
    others = [tag("td", percent(one.summary_of(task)["success"]), class_="n") for one in comparison.others]
    return tag("tr", *cells, *others)
