"""The top of the page: the success rate, its controls and references, and the rates per task."""

from collections.abc import Mapping
from typing import Any

from praxia.results.meta import claim_of, was_stopped
from praxia.results.rows import first_fault
from praxia.studio.comparison import BenchmarkComparison
from praxia.studio.evaluation import MEANING, LabelledEvaluation
from praxia.studio.html import Markup, tag
from praxia.studio.provenance import command_details
from praxia.studio.tables import RATE_COLUMNS, html_table, interval, mean_steps_to_success, percent, points, rate_cells

__all__ = ["headline_section", "task_section"]


def headline_section(comparison: BenchmarkComparison, facts: Markup, *, opens: bool) -> Markup:
    """Pooled success with its interval, above every control and reference with its difference in points.

    A section that `opens` its part of the page also says what the policy is, in `facts`.
    """
    main = comparison.main
    title = [main.label, tag("span", f" on {comparison.name}", class_="soft")]
    rate = tag("span", percent(main.summary["success"]).removesuffix("%"), _unit(main), class_="rate")
    return tag(
        "section",
        *([tag("p", "Praxia report", class_="over"), tag("h1", *title), facts] if opens else [tag("h2", *title)]),
        tag("div", rate, _facts(main), class_="verdict"),
        _unfinished(main),
        _errors(main),
        command_details(main.command),
        _controls(comparison) if comparison.others else None,
    )


def _unit(main: LabelledEvaluation) -> Markup | None:
    return None if main.summary["success"] is None else tag("small", "%")


def _facts(main: LabelledEvaluation) -> Markup:
    summary, macro = main.summary, main.summary["macro"]
    facts = {
        "95% Wilson interval": interval(summary) or "–",
        "successes": f"{_successes(main)} of {_known(main)} episodes",
        f"macro: mean of {len(summary['per_task'])} tasks": _mean(macro),
    }
    if (of_groups := summary["macro_of_groups"]) is not None:
        facts[f"mean of {', '.join(summary['per_group'])}"] = _mean(of_groups)
    facts["errors"] = str(summary["errors"])
    if "unknown" in summary:
        facts["success unknown"] = f"{summary['unknown']} of {summary['episodes']} episodes, which are in no rate"
    if summary["faults"]:
        facts["failures caused by a fault of the policy"] = f"{summary['faults']}; the first: {first_fault(main.rows)}"
    if main.privilege:
        facts["not comparable"] = main.privilege
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in facts.items()), class_="facts")


def _mean(mean: Mapping[str, Any]) -> str:
    """A mean, and its interval if it has one."""
    return percent(mean["success"]) + (f" ({interval(mean)})" if mean["ci95"] is not None else "")


def _unfinished(main: LabelledEvaluation) -> Markup | None:
    planned = main.source.meta.get("planned", 0)
    if len(main.rows) >= planned or was_stopped(main.source.meta):
        return None
    text = (
        f"Only {len(main.rows)} of {planned} planned episodes have ended; episodes that end early are a biased sample. "
        "Continue with --resume."
    )
    return tag("p", text, class_="warning bad")


def _errors(main: LabelledEvaluation) -> Markup | None:
    """Errors count as neither success nor failure: state the rate as if all of them were failures."""
    summary = main.summary
    if not summary["errors"]:
        return None
    first = next(row.error for row in main.rows if row.status == "error")
    as_failures = _successes(main) / (_known(main) + summary["errors"])
    text = (
        f"{summary['errors']} of {summary['episodes']} episodes crashed and are excluded from all rates; counted as "
        f"failures, they would lower success to {percent(as_failures)}. The first: {first}"
    )
    return tag("p", text, class_="warning bad")


def _controls(comparison: BenchmarkComparison) -> Markup:
    against = comparison.main.summary["success"]
    rows = []
    for one in comparison.all:
        is_main = one is comparison.main
        difference = "" if is_main else points(one.summary["success"], against)
        rows.append(
            [_name(one), *rate_cells(one.summary), difference, None if is_main else command_details(one.command)]
        )
    columns = [("evaluation", None), *RATE_COLUMNS, ("points", "n"), ("command", None)]
    caption = "The policy above, its controls and references. Points are the difference to the policy above."
    return html_table(caption, columns, rows, marked=0)


def _name(one: LabelledEvaluation) -> Markup:
    repeat = f"the same policy again: {one.repeats} counts instead" if one.repeats else None
    notes = MEANING.get(one.kind), claim_of(one.fingerprint), one.privilege, repeat, one.unpaired_reason
    note = "; ".join(filter(None, notes))
    return tag("span", one.label, tag("span", note, class_="note") if note else None)


def _known(one: LabelledEvaluation) -> int:
    return sum(row.is_known for row in one.rows)


def _successes(one: LabelledEvaluation) -> int:
    return sum(row.status == "success" for row in one.rows)


_CAPTION = (
    "Bars are success rates and whiskers are 95% Wilson intervals, which cover other starts but not other training "
    "seeds. Steps to success are a mean over the successes. "
    "The columns on the right are the success rates of the other evaluations."
)
_PROGRESS = " Progress is the mean fraction of a task's parts that were completed when its episode ended."


def task_section(comparison: BenchmarkComparison) -> Markup:
    """One row per task, and a pooled row below. Progress is shown if some episode completed only a part of its task."""
    others = [(one.label, "n") for one in comparison.others]
    progress = [("progress", "n")] if comparison.main.has_partial_progress else []
    table = html_table(
        _CAPTION + (_PROGRESS if progress else ""),
        [("task", None), *RATE_COLUMNS, *progress, ("steps to success", "n"), *others],
        [_cells(comparison, task) for task in comparison.tasks],
        foot=_cells(comparison, None),
    )
    return tag("section", tag("h2", "Task by task"), table)


def _cells(comparison: BenchmarkComparison, task: str | None) -> list[object]:
    """The row of `task`, or of all tasks with None."""
    main, tasks = comparison.main, None if task is None else (task,)
    summary = main.summary_of(tasks)
    progress = [percent(summary["progress"])] if main.has_partial_progress else []
    steps = mean_steps_to_success([row for row in main.rows if task in (row.task, None)])
    others = [percent(one.summary_of(tasks)["success"]) for one in comparison.others]
    return [task or "all", *rate_cells(summary), *progress, steps, *others]
