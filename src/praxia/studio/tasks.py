"""Success task by task, with the controls beside it."""

from praxia.studio.comparison import Comparison
from praxia.studio.figures import mean_steps_to_success, percent
from praxia.studio.markup import Markup, tag
from praxia.studio.tabular import RATE_COLUMNS, rate_cells, tabular

__all__ = ["task_table"]

_CAPTION = (
    "Bars are success rates and whiskers 95% Wilson intervals: of this policy at other starts, not of another training "
    "seed. Steps to success are a mean over the successes. "
    "The columns on the right are the other evaluations' success rates."
)
_PROGRESS = " Progress is the mean share of its parts that was done of a task when its episode ended."


def task_table(comparison: Comparison) -> Markup:
    """One row a task, and a pooled row below. Progress is shown where some episode ended between none and all."""
    others = [(one.label, "n") for one in comparison.others]
    progress = [("progress", "n")] if comparison.main.counts_parts else []
    table = tabular(
        _CAPTION + (_PROGRESS if progress else ""),
        [("task", None), *RATE_COLUMNS, *progress, ("steps to success", "n"), *others],
        [_cells(comparison, task) for task in comparison.tasks],
        foot=_cells(comparison, None),
    )
    return tag("section", tag("h2", "Task by task"), table)


def _cells(comparison: Comparison, task: str | None) -> list[object]:
    """The row of `task`, or of all tasks together."""
    main, tasks = comparison.main, None if task is None else (task,)
    summary = main.summary_of(tasks)
    progress = [percent(summary["progress"])] if main.counts_parts else []
    steps = mean_steps_to_success([row for row in main.rows if task in (row.task, None)])
    others = [percent(one.summary_of(tasks)["success"]) for one in comparison.others]
    return [task or "all", *rate_cells(summary), *progress, steps, *others]
