"""The top of the page: one number, how sure it is, and what it must be read against."""

from collections.abc import Mapping
from typing import Any

from praxia.results.meta import was_stopped
from praxia.studio.comparison import Comparison
from praxia.studio.evaluation import MEANING, Evaluation
from praxia.studio.figures import interval, percent, points
from praxia.studio.markup import Markup, tag
from praxia.studio.provenance import command
from praxia.studio.tabular import RATE_COLUMNS, rate_cells, tabular

__all__ = ["headline"]


def headline(comparison: Comparison) -> Markup:
    """Pooled success with its interval, and below it every control and reference with its distance."""
    main = comparison.main
    rate = tag("span", percent(main.summary["success"]).removesuffix("%"), _unit(main), class_="rate")
    return tag(
        "section",
        tag("p", "Praxia report", class_="over"),
        tag("h1", main.label, tag("span", f" on {comparison.name}", class_="soft")),
        tag("div", rate, _facts(main), class_="verdict"),
        _unfinished(main),
        _errors(main),
        command(main.command),
        _controls(comparison) if comparison.others else None,
    )


def _unit(main: Evaluation) -> Markup | None:
    return None if main.summary["success"] is None else tag("small", "%")


def _facts(main: Evaluation) -> Markup:
    summary, macro = main.summary, main.summary["macro"]
    facts = {
        "95% Wilson interval": interval(summary) or "–",
        "successes": f"{_successes(main)} of {summary['episodes'] - summary['errors']} episodes",
        f"macro: mean of {len(summary['per_task'])} tasks": _mean(macro),
    }
    if (of_groups := summary["macro_of_groups"]) is not None:
        facts[f"mean of {', '.join(summary['per_group'])}"] = _mean(of_groups)
    facts["errors"] = str(summary["errors"])
    if summary["faults"]:
        facts["failures by a fault of the policy"] = f"{summary['faults']}; the first: {_first_fault(main)}"
    if main.privilege:
        facts["not comparable"] = main.privilege
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in facts.items()), class_="facts")


def _mean(mean: Mapping[str, Any]) -> str:
    """A mean and its interval, where there are any."""
    return percent(mean["success"]) + (f" ({interval(mean)})" if mean["ci95"] is not None else "")


def _first_fault(main: Evaluation) -> str | None:
    return next(row.error for row in main.rows if row.status == "failure" and row.error is not None)


def _unfinished(main: Evaluation) -> Markup | None:
    planned = main.source.meta.get("planned", 0)
    if len(main.rows) >= planned or was_stopped(main.source.meta):
        return None
    text = (
        f"{len(main.rows)} of {planned} planned episodes are there, those that ended first, which are no fair sample: "
        "go on with --resume."
    )
    return tag("p", text, class_="warning bad")


def _errors(main: Evaluation) -> Markup | None:
    """Errors are neither successes nor failures: say what the rate would be if they had all been failures."""
    summary = main.summary
    if not summary["errors"]:
        return None
    first = next(row.error for row in main.rows if row.status == "error")
    text = (
        f"{summary['errors']} of {summary['episodes']} episodes crashed and are in no rate here; counted as failures "
        f"they would make it {percent(_successes(main) / summary['episodes'])}. The first: {first}"
    )
    return tag("p", text, class_="warning bad")


def _controls(comparison: Comparison) -> Markup:
    against = comparison.main.summary["success"]
    rows = []
    for one in comparison.all:
        is_main = one is comparison.main
        difference = "" if is_main else points(one.summary["success"], against)
        rows.append([_name(one), *rate_cells(one.summary), difference, None if is_main else command(one.command)])
    columns = [("evaluation", None), *RATE_COLUMNS, ("points", "n"), ("made by", None)]
    caption = "The number above beside controls and references. Points are the difference to it."
    return tabular(caption, columns, rows, marked=0)


def _name(one: Evaluation) -> Markup:
    again = f"the same policy again: {one.repeats} counts in its place" if one.repeats else None
    note = "; ".join(text for text in (MEANING.get(one.kind), one.privilege, again) if text)
    return tag("span", one.label, tag("span", note, class_="note") if note else None)


def _successes(one: Evaluation) -> int:
    return sum(row.status == "success" for row in one.rows)
