"""How far a policy gets from what it was trained on: success on every axis of generalisation, on one scale."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

from praxia.studio.comparison import AXES, Comparison
from praxia.studio.evaluation import MEANING, Evaluation
from praxia.studio.figures import interval, percent, points
from praxia.studio.marked_bar import glyph, marked_bar, ruler
from praxia.studio.markup import Markup, join, tag

__all__ = ["generalisation"]

_WHAT_IS_NEW = {
    "train": "trained tasks, new starts",
    "task": "new tasks in known scenes",
    "scene": "trained tasks in new scenes",
    "embodiment": "trained tasks, a new embodiment",
    "long": "several tasks in a row",
}


def generalisation(comparisons: Sequence[Comparison]) -> Markup | None:
    """One chart of all benchmarks that measure an axis; None where none does."""
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
    """Rows for the axes and for their groups of tasks, and what all of them share."""

    comparisons: Sequence[Comparison]

    @cached_property
    def trained(self) -> Comparison | None:
        """What the other axes are measured against."""
        return next((one for one in self.comparisons if one.axis == "train" and not one.main.kind), None)

    @cached_property
    def counts_parts(self) -> bool:
        return any(comparison.counts_parts for comparison in self.comparisons)

    @cached_property
    def has_many_policies(self) -> bool:
        return len({one.label for comparison in self.comparisons for one in comparison.candidates}) > 1

    @cached_property
    def kinds(self) -> list[str]:
        """The kinds of controls and references that there are."""
        found = dict.fromkeys(one.kind for comparison in self.comparisons for one in comparison.others if one.kind)
        return sorted(found, key=lambda kind: [*MEANING, kind].index(kind))

    @property
    def columns(self) -> list[tuple[object, str | None]]:
        """The heading of every column, and the class of its cells."""
        shown: list[tuple[object, str | None]] = [("tasks", None), (ruler(), None), ("success", "n")]
        shown.append(("95% interval", "interval"))
        shown += [("progress", "n")] if self.counts_parts else []
        shown += [("against train", "n")] if self.trained else []
        return shown + [(join([glyph(kind), kind]), "n") for kind in self.kinds]

    @property
    def caption(self) -> str:
        whose = "each policy's" if self.has_many_policies else f"{self.comparisons[0].main.label}'s"
        text = f"Bars are {whose} success over all episodes of a benchmark and of its groups of tasks"
        text += ", and whiskers 95% Wilson intervals."
        if self.counts_parts:
            text += " The pale end of a bar is progress: the mean share of its parts that was done of a task."
        if self.trained:
            text += " The dashed line is the success on trained tasks."
        return text + (" Marks are controls and references on the same benchmark." if self.kinds else "")

    def rows(self, comparison: Comparison) -> list[Markup]:
        """One axis: its name, then a row of each policy, each followed by rows of the groups of tasks."""
        name = tag("strong", comparison.axis)
        about = tag("span", f" {comparison.name}: {_WHAT_IS_NEW[comparison.axis]}", class_="soft")
        rows = [tag("tr", tag("th", name, about, scope="rowgroup", colspan=len(self.columns)))]
        for one in comparison.candidates:
            rows.append(self._row(comparison, one, one.label if self.has_many_policies else "all tasks", None))
            rows += [self._row(comparison, one, group, tasks) for group, tasks in comparison.groups.items()]
        return rows

    def _row(self, comparison: Comparison, one: Evaluation, name: str, group: Collection[str] | None) -> Markup:
        """The row of a policy over all tasks, or over those of a group."""
        summary, level = one.summary_of(group), self._level(comparison, one)
        others = [(other.kind, other.summary_of(group)["success"]) for other in comparison.beside(one)]
        marks = [(kind, rate) for kind, rate in others if rate is not None]
        cells: list[object] = [marked_bar(summary, marks, level, thin=group is not None)]
        cells += [percent(summary["success"]), interval(summary)]
        cells += [percent(summary["progress"]) if comparison.counts_parts else None] if self.counts_parts else []
        cells += [points(summary["success"], level) if level is not None else None] if self.trained else []
        cells += [" / ".join(f"{rate:.0%}" for other, rate in marks if other == kind) for kind in self.kinds]
        classes = [class_ for _, class_ in self.columns[1:]]
        shown = [tag("td", cell, class_=class_) for cell, class_ in zip(cells, classes, strict=True)]
        head = tag("th", name, _errors(summary["errors"]), scope="row")
        return tag("tr", head, *shown, class_=None if group is None else "group")

    def _level(self, comparison: Comparison, one: Evaluation) -> float | None:
        """The same policy's success on trained tasks, or that of the first policy judged on them."""
        if self.trained is None or comparison.axis == "train":
            return None
        same = (other for other in self.trained.candidates if other.judged == one.judged)
        return next(same, self.trained.main).summary["success"]


def _errors(number: int) -> Markup | None:
    return tag("span", f" {number} error{'s' if number > 1 else ''}", class_="bad") if number else None
