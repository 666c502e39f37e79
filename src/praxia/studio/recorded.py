"""The demonstrations: how many, and how often the demonstrator succeeded."""

from collections.abc import Mapping
from typing import Any

from praxia.results.statistics import wilson_interval
from praxia.studio.markup import Markup, tag
from praxia.studio.sources import Recorded
from praxia.studio.tabular import RATE_COLUMNS, rate_cells, tabular

__all__ = ["dataset_section"]


def dataset_section(dataset: Recorded) -> Markup:
    """One data set, task by task."""
    about = dataset.info
    sizes = ", ".join(f"{name} {height} × {width} px" for name, (height, width) in about["cameras"].items())
    text = (
        f"{about['episodes']:,} episodes ({_successful(about)}) of {about['embodiment']}, "
        f"{about['frames']:,} frames at {about['fps']:g} Hz; {sizes}; {about['bytes'] / 1e6:,.1f} MB. "
        f"{'Every file has its recorded hash.' if about['verified'] else 'It has no manifest to be verified against.'}"
    )
    # Nothing recorded is an error: those are never kept as episodes.
    columns = [("task", None), ("instruction", "words"), ("frames", "n"), *RATE_COLUMNS[:-1]]
    table = tabular(
        "Success is the demonstrator's, with its 95% Wilson interval, over the episodes of which it was recorded.",
        columns,
        [_cells(task, values) for task, values in about["tasks"].items()],
    )
    title = tag("h2", "Demonstrations ", tag("span", dataset.path.resolve().name, class_="soft"))
    return tag("section", title, tag("p", text), table)


def _successful(about: Mapping[str, Any]) -> str:
    """How many were, as far as anybody recorded it."""
    if about["successes"] is None:
        return "whether they succeeded is unknown"
    unknown = f", {about['unknown_outcomes']:,} unknown" if about["unknown_outcomes"] else ""
    return f"{about['successes']:,} successful{unknown}"


def _cells(task: str, values: Mapping[str, Any]) -> list[object]:
    known, successes = values["episodes"] - values["unknown_outcomes"], values["successes"]
    rate = {
        "episodes": values["episodes"],
        "errors": 0,
        "success": successes / known if known else None,
        "ci95": wilson_interval(successes, known) if known else None,
    }
    success, *others = rate_cells(rate)[:-1]
    return [task, " / ".join(values["instructions"]), f"{values['frames']:,}", success if known else "unknown", *others]
