"""HTML tables of success rates, and numbers as text."""

from collections.abc import Mapping, Sequence
from typing import Any

from praxia.results.rows import Row
from praxia.studio.charts import interval_bar
from praxia.studio.html import Markup, tag
from praxia.studio.sources import StudyTable

__all__ = [
    "RATE_COLUMNS",
    "errors_and_unknown",
    "html_table",
    "interval",
    "mean_steps_to_success",
    "percent",
    "points",
    "rate_cells",
    "study_table_section",
]


def percent(rate: float | None) -> str:
    """A fraction as "93.5%"; a dash for None."""
    return "–" if rate is None else f"{100 * rate:.1f}%"


def interval(summary: Mapping[str, Any]) -> str:
    """The 95% interval of a summary as "90.1–96.0%"; empty if there is none."""
    if summary["ci95"] is None:
        return ""
    low, high = summary["ci95"]
    return f"{100 * low:.1f}–{100 * high:.1f}%"


def points(rate: float | None, against: float | None) -> str:
    """`rate` minus `against`, in signed percentage points."""
    if rate is None or against is None:
        return "–"
    difference = 100 * (rate - against)
    return f"{difference:+.1f}".replace("-", "−")


def mean_steps_to_success(rows: Sequence[Row]) -> str:
    """The mean number of steps over the successful episodes; a dash if there are none."""
    steps = [row.success_step for row in rows if row.status == "success" and row.success_step is not None]
    return f"{sum(steps) / len(steps):.0f}" if steps else "–"


def errors_and_unknown(summary: Mapping[str, Any]) -> str:
    """The number of errors as "3"; with episodes whose success is unknown "3, 98 unknown"."""
    unknown = f", {summary['unknown']:,} unknown" if "unknown" in summary else ""
    return f"{summary['errors']}{unknown}"


# Column names and the CSS class of their cells ("n": a number).
RATE_COLUMNS = (
    ("success", "n"),
    ("95% interval", "interval"),
    ("0 to 100%", None),
    ("episodes", "n"),
    ("errors", "n"),
)


def rate_cells(summary: Mapping[str, Any]) -> list[object]:
    """The cells of `RATE_COLUMNS` for a summary."""
    errors = errors_and_unknown(summary)
    return [
        percent(summary["success"]),
        interval(summary),
        interval_bar(summary["success"], *summary["ci95"]) if summary["ci95"] else None,
        f"{summary['episodes']:,}",
        tag("span", errors, class_="bad") if summary["errors"] else errors,
    ]


def html_table(
    caption: str,
    columns: Sequence[tuple[str, str | None]],
    rows: Sequence[Sequence[object]],
    *,
    foot: Sequence[object] | None = None,
    marked: int | None = None,
) -> Markup:
    """A table that scrolls sideways on a narrow page. The first cell of a row is its heading.

    `foot` is a last row below a rule, `marked` the index of a highlighted row.
    """
    heads = [tag("th", name, scope="col", class_=kind) for name, kind in columns]
    kinds = [kind for _, kind in columns]
    body = [_row(cells, kinds, "marked" if index == marked else None) for index, cells in enumerate(rows)]
    parts = [tag("caption", tag("span", caption)), tag("thead", tag("tr", *heads)), tag("tbody", *body)]
    if foot is not None:
        parts.append(tag("tfoot", _row(foot, kinds, None)))
    return tag("div", tag("table", *parts), class_="wide", tabindex=0, role="region", aria_label=caption)


def _row(cells: Sequence[object], kinds: Sequence[str | None], class_: str | None) -> Markup:
    first = tag("th", cells[0], scope="row")
    others = [tag("td", cell, class_=kind) for cell, kind in zip(cells[1:], kinds[1:], strict=True)]
    return tag("tr", first, *others, class_=class_)


def study_table_section(table: StudyTable) -> Markup:
    """A study's table below its title; all columns but the first hold numbers."""
    columns = [(name, None if at == 0 else "n") for at, name in enumerate(table.columns)]
    return tag("section", tag("h2", table.title), html_table(table.note, columns, table.rows))
