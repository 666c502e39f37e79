"""Tables of success rates."""

from collections.abc import Mapping, Sequence
from typing import Any

from praxia.studio.charts import interval_bar
from praxia.studio.figures import interval, percent
from praxia.studio.markup import Markup, tag

__all__ = ["RATE_COLUMNS", "rate_cells", "tabular"]

# Column names and the class of their cells ("n": a number).
RATE_COLUMNS = (
    ("success", "n"),
    ("95% interval", "interval"),
    ("0 to 100%", None),
    ("episodes", "n"),
    ("errors", "n"),
)


def rate_cells(summary: Mapping[str, Any]) -> list[object]:
    """The cells of `RATE_COLUMNS` for a summary of rows."""
    errors = summary["errors"]
    return [
        percent(summary["success"]),
        interval(summary),
        interval_bar(summary["success"], *summary["ci95"]) if summary["ci95"] else None,
        f"{summary['episodes']:,}",
        tag("span", errors, class_="bad") if errors else errors,
    ]


def tabular(
    caption: str,
    columns: Sequence[tuple[str, str | None]],
    rows: Sequence[Sequence[object]],
    *,
    foot: Sequence[object] | None = None,
    marked: int | None = None,
) -> Markup:
    """A table that scrolls sideways where the page is narrow. A row's first cell is its heading.

    `foot` is a last row under a line, `marked` the number of a row that stands out.
    """
    heads = [tag("th", name, scope="col", class_=kind) for name, kind in columns]
    kinds = [kind for _, kind in columns]
    embodiment = [_row(cells, kinds, "marked" if number == marked else None) for number, cells in enumerate(rows)]
    parts = [tag("caption", tag("span", caption)), tag("thead", tag("tr", *heads)), tag("tbody", *embodiment)]
    if foot is not None:
        parts.append(tag("tfoot", _row(foot, kinds, None)))
    return tag("div", tag("table", *parts), class_="wide", tabindex=0, role="region", aria_label=caption)


def _row(cells: Sequence[object], kinds: Sequence[str | None], class_: str | None) -> Markup:
    first = tag("th", cells[0], scope="row")
    others = [tag("td", cell, class_=kind) for cell, kind in zip(cells[1:], kinds[1:], strict=True)]
    return tag("tr", first, *others, class_=class_)
