"""The top of the page: one number, how sure it is, and what it must be read against."""

from praxia.studio.charts import interval_bar
from praxia.studio.comparison import MEANING, Comparison, Evaluation
from praxia.studio.figures import interval, percent, points
from praxia.studio.markup import Markup, join, tag
from praxia.studio.provenance import command

__all__ = ["headline"]


def headline(comparison: Comparison) -> Markup:
    """Pooled success with its interval, and below it every control and reference with its distance."""
    main = comparison.main
    summary = main.summary
    rate = tag("span", percent(summary["success"]).removesuffix("%"), tag("small", "%"), class_="rate")
    parts = [
        tag("h2", main.label, tag("span", f" on {comparison.name}", class_="soft")),
        tag("div", rate, _facts(main), class_="verdict"),
        _errors(main),
        command(main.command),
    ]
    if comparison.others:
        parts.append(_controls(comparison))
    return tag("section", *parts)


def _facts(main: Evaluation) -> Markup:
    summary, macro = main.summary, main.summary["macro"]
    trials = summary["episodes"] - summary["errors"]
    successes = sum(row.status == "success" for row in main.rows)
    facts = {
        "95% Wilson interval": interval(summary) or "–",
        "successes": f"{successes} of {trials} episodes",
        f"mean over {len(summary['per_task'])} tasks": f"{percent(macro['success'])} ({interval(macro)})",
        "errors": str(summary["errors"]),
    }
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in facts.items()), class_="facts")


def _errors(main: Evaluation) -> Markup | None:
    """Errors are neither successes nor failures: say what the rate would be if they had all been failures."""
    summary = main.summary
    if not summary["errors"]:
        return None
    successes = sum(row.status == "success" for row in main.rows)
    first = next(row.error for row in main.rows if row.status == "error")
    worst = percent(successes / summary["episodes"])
    text = f"{summary['errors']} of {summary['episodes']} episodes crashed and are in no rate here"
    return tag("p", f"{text}; counted as failures they would make it {worst}. The first: {first}", class_="bad")


def _controls(comparison: Comparison) -> Markup:
    against = comparison.main.summary["success"]
    rows = [_control(one, against, one is comparison.main) for one in comparison.all]
    names = ("", "episodes", "errors", "success", "95% interval", "", "against it, points", "")
    numeric = ("episodes", "errors", "success", "against it, points")
    heads = [tag("th", name, scope="col", class_="n" if name in numeric else None) if name else tag("td") for name in names]
    caption = tag("caption", "The same starts under controls, and references: what the number above is worth.")
    table = tag("table", caption, tag("thead", tag("tr", *heads)), tag("tbody", *rows))
    return tag("div", table, class_="wide", tabindex=0, role="region", aria_label="Controls and references")


def _control(one: Evaluation, against: float | None, is_main: bool) -> Markup:
    summary = one.summary
    bar = interval_bar(summary["success"], *summary["ci95"]) if summary["ci95"] else None
    note = MEANING.get(one.label)
    cells = [
        tag("th", one.label, tag("span", note, class_="note") if note else None, scope="row"),
        tag("td", summary["episodes"], class_="n"),
        tag("td", summary["errors"], class_="n bad" if summary["errors"] else "n"),
        tag("td", percent(summary["success"]), class_="n"),
        tag("td", interval(summary), class_="interval"),
        tag("td", bar),
        tag("td", "" if is_main else points(summary["success"], against), class_="n"),
        tag("td", None if is_main else command(one.command)),
    ]
    return tag("tr", join(cells), class_="main" if is_main else None)
