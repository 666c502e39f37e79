"""Success on every axis of generalisation, drawn on one scale with controls and references as marks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from praxia.studio.comparison import AXES, BenchmarkComparison
from praxia.studio.evaluation import MEANING, LabelledEvaluation
from praxia.studio.html import Markup, join, tag
from praxia.studio.tables import interval, percent, points

__all__ = ["generalisation_section", "glyph", "marked_bar", "ruler"]

_WHAT_IS_NEW = {
    "train": "trained tasks, new starts",
    "task": "new tasks in known scenes",
    "scene": "trained tasks in new scenes",
    "embodiment": "trained tasks, a new embodiment",
    "long": "several tasks in a row",
}


def generalisation_section(comparisons: Sequence[BenchmarkComparison]) -> Markup | None:
    """One chart of all benchmarks that measure an axis; None if there is none."""
    measured = [one for one in comparisons if one.axis in AXES]
    if not measured:
        return None
    chart = _Chart(measured)
    heads = [tag("th", name, scope="col", class_=class_) for name, class_ in chart.columns]
    table = tag(
        "table",
        tag("caption", tag("span", chart.caption)),
        tag("thead", tag("tr", *heads)),
        *(tag("tbody", *chart.rows(comparison)) for comparison in measured),
    )
    region = tag("div", table, class_="wide axes", tabindex=0, role="region", aria_label="Generalisation")
    return tag("section", tag("h2", "Generalisation"), region)


@dataclass(frozen=True)
class _Chart:
    """The rows for the axes and their groups of tasks, and the columns that they share."""

    comparisons: Sequence[BenchmarkComparison]

    @cached_property
    def trained(self) -> BenchmarkComparison | None:
        """The benchmark of trained tasks, which the other axes are compared with."""
        return next((one for one in self.comparisons if one.axis == "train" and not one.main.kind), None)

    @cached_property
    def has_partial_progress(self) -> bool:
        return any(comparison.has_partial_progress for comparison in self.comparisons)

    @cached_property
    def has_many_policies(self) -> bool:
        return len({one.label for comparison in self.comparisons for one in comparison.candidates}) > 1

    @cached_property
    def kinds(self) -> list[str]:
        """The kinds of controls and references present, in the order of `MEANING`."""
        found = dict.fromkeys(one.kind for comparison in self.comparisons for one in comparison.others if one.kind)
        return sorted(found, key=lambda kind: [*MEANING, kind].index(kind))

    @property
    def columns(self) -> list[tuple[object, str | None]]:
        """The heading of every column, and the CSS class of its cells."""
        shown: list[tuple[object, str | None]] = [("tasks", None), (ruler(), None), ("success", "n")]
        shown.append(("95% interval", "interval"))
        shown += [("progress", "n")] if self.has_partial_progress else []
        shown += [("against train", "n")] if self.trained else []
        return shown + [(join([glyph(kind), kind]), "n") for kind in self.kinds]

    @property
    def caption(self) -> str:
        owner = "each policy's" if self.has_many_policies else f"{self.comparisons[0].main.label}'s"
        text = f"Bars are {owner} success over all episodes of a benchmark and of its groups of tasks"
        text += ", and whiskers 95% Wilson intervals."
        if self.has_partial_progress:
            text += " The pale end of a bar is progress: the mean fraction of a task's parts that were completed."
        if self.trained:
            text += " The dashed line is the success on trained tasks."
        return text + (" Marks are controls and references on the same benchmark." if self.kinds else "")

    def rows(self, comparison: BenchmarkComparison) -> list[Markup]:
        """One axis: its name, then one row per policy, each followed by one row per group of tasks."""
        name = tag("strong", comparison.axis)
        about = tag("span", f" {comparison.name}: {_WHAT_IS_NEW[comparison.axis]}", class_="soft")
        rows = [tag("tr", tag("th", name, about, scope="rowgroup", colspan=len(self.columns)))]
        for one in comparison.candidates:
            rows.append(self._row(comparison, one, one.label if self.has_many_policies else "all tasks", None))
            rows += [self._row(comparison, one, group, tasks) for group, tasks in comparison.groups.items()]
        return rows

    def _row(
        self, comparison: BenchmarkComparison, one: LabelledEvaluation, name: str, group: Collection[str] | None
    ) -> Markup:
        """The row of one policy over all tasks, or over those of a group."""
        summary, level = one.summary_of(group), self._level(comparison, one)
        others = [(other.kind, other.summary_of(group)["success"]) for other in comparison.references_for(one)]
        marks = [(kind, rate) for kind, rate in others if rate is not None]
        cells: list[object] = [marked_bar(summary, marks, level, thin=group is not None)]
        cells += [percent(summary["success"]), interval(summary)]
        cells += (
            [percent(summary["progress"]) if comparison.has_partial_progress else None]
            if self.has_partial_progress
            else []
        )
        cells += [points(summary["success"], level) if level is not None else None] if self.trained else []
        cells += [" / ".join(f"{rate:.0%}" for other, rate in marks if other == kind) for kind in self.kinds]
        classes = [class_ for _, class_ in self.columns[1:]]
        shown = [tag("td", cell, class_=class_) for cell, class_ in zip(cells, classes, strict=True)]
        head = tag("th", name, _errors(summary["errors"]), _unknown(summary), scope="row")
        return tag("tr", head, *shown, class_=None if group is None else "group")

    def _level(self, comparison: BenchmarkComparison, one: LabelledEvaluation) -> float | None:
        """The same policy's success on trained tasks, or that of the main policy there; None if it does not apply."""
        if self.trained is None or comparison.axis == "train":
            return None
        same = (other for other in self.trained.candidates if other.policy_key == one.policy_key)
        return next(same, self.trained.main).summary["success"]


def _errors(number: int) -> Markup | None:
    return tag("span", f" {number} error{'s' if number > 1 else ''}", class_="bad") if number else None


def _unknown(summary: Mapping[str, Any]) -> Markup | None:
    return tag("span", f" {summary['unknown']} unknown", class_="soft") if "unknown" in summary else None


_WIDTH, _MARGIN = 270, 7
# SVG paths within 4 px of (0, 0) by kind of evaluation; the CSS class colours them. No family of environments has both
# language controls, so they share a shape.
_CROSS = "M-3.2-3.2L3.2 3.2M-3.2 3.2L3.2-3.2"
_GLYPHS = {
    "other-instruction": ("corrupted", _CROSS),
    "shuffled-instruction": ("corrupted", _CROSS),
    "swapped-image": ("corrupted", "M-4 0H4M0-4V4"),
    "frozen-state": ("corrupted", "M-3.4-2.4H3.4M-3.4 2.4H3.4"),
    "shuffled-intent": ("corrupted", "M-3.4-2.4H3.4M0-2.4V3.4"),
    "language-free": ("without", "M0-4L4 0L0 4L-4 0Z"),
    "blind": ("without", "M-3.4 0a3.4 3.4 0 1 0 6.8 0a3.4 3.4 0 1 0-6.8 0Z"),
    "expert": ("oracle", "M-4 3.2H4L0-3.8Z"),
    "zero": ("without", "M-3-3H3V3H-3Z"),
    "random": ("without", "M-3.6-2.2L-1.2 2.2L1.2-2.2L3.6 2.2"),
}
_UNKNOWN_GLYPH = ("without", "M0-4V4")


def marked_bar(
    summary: Mapping[str, Any], marks: Sequence[tuple[str, float]], line: float | None, *, thin: bool = False
) -> Markup:
    """A bar from 0 to the success of `summary` with its interval, a paler one up to its progress, and marks below.

    `marks` are pairs of an evaluation's kind and success. A dashed line at the rate `line` spans the full height, so
    that stacked bars share it.
    """
    thick = 6 if thin else 10
    height = thick + (20 if marks else 10)
    middle = 5 + thick / 2
    shapes = [_band("track", 1.0, thick)]
    if summary["ci95"] is not None:
        shapes += [_band("done", summary["progress"], thick), _band("fill", summary["success"], thick)]
    if line is not None:
        shapes.append(tag("line", class_="level", x1=_at(line), x2=_at(line), y1=0, y2=height))
    if summary["ci95"] is not None:
        low, high = map(_at, summary["ci95"])
        shapes.append(tag("line", class_="whisker", x1=low, x2=high, y1=middle, y2=middle))
        shapes += [tag("line", class_="whisker", x1=x, x2=x, y1=middle - 3.5, y2=middle + 3.5) for x in (low, high)]
    shapes += [_mark(kind, _at(rate), thick + 12.0) for kind, rate in marks]
    text = [f"{percent(summary['success'])}, 95% interval {interval(summary) or '–'}"]
    text += [f"{kind} {percent(rate)}" for kind, rate in marks]
    return _drawing(shapes, height, "; ".join(text))


def ruler() -> Markup:
    """The axis labels above the bars."""
    texts = [
        tag("text", f"{number}%" if number else "0", class_="tick middle", x=_at(number / 100), y=11)
        for number in (0, 25, 50, 75)
    ]
    return _drawing([*texts, tag("text", "100%", class_="tick end", x=_WIDTH, y=11)], 14, "success from 0 to 100%")


def glyph(kind: str) -> Markup:
    """The mark of one kind of evaluation, for the legend."""
    return tag("svg", _mark(kind, 5.0, 5.0), class_="glyph", width=10, height=10, aria_hidden="true")


def _mark(kind: str, x: float, y: float) -> Markup:
    class_, shape = _GLYPHS.get(kind, _UNKNOWN_GLYPH)
    return tag("path", class_=f"mark {class_}", d=shape, transform=f"translate({x} {y})")


def _band(class_: str, rate: float, thick: int) -> Markup:
    return tag("rect", class_=class_, x=_MARGIN, y=5, width=round(_at(rate) - _MARGIN, 1), height=thick)


def _at(rate: float) -> float:
    # A margin on both sides, so that marks at 0 and 1 are not cut off.
    return round(_MARGIN + rate * (_WIDTH - 2 * _MARGIN), 1)


def _drawing(shapes: Sequence[Markup], height: int, text: str) -> Markup:
    return tag("svg", *shapes, class_="scale", width=_WIDTH, height=height, role="img", aria_label=text)
