"""The whole data set in numbers, without decoding an image."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped

from praxia.core.embodiment import Field
from praxia.data.dataset import Dataset
from praxia.data.summary import count_outcomes, outcomes
from praxia.studio.html import Markup, join, tag
from praxia.studio.tables import html_table
from praxia.studio.viewer.plots import FieldPlot

__all__ = ["overview_section", "range_table"]

_MAX_TASKS = 50
_MAX_BINS = 24


def overview_section(dataset: Dataset, plots: Sequence[FieldPlot]) -> Markup:
    """Lengths of episodes, their tasks, and the values of each dim against its declared range."""
    return tag(
        "section",
        tag("h2", "The whole data set"),
        tag("div", _lengths(dataset), class_="charts"),
        _tasks(dataset),
        range_table(dataset, plots),
        id="overview",
    )


def _lengths(dataset: Dataset) -> Markup:
    lengths = dataset.episodes.length
    low, high = int(lengths.min()), int(lengths.max())
    bins = min(_MAX_BINS, high - low + 1)
    counts, edges = np.histogram(lengths, bins=bins, range=(low - 0.5, high + 0.5))
    caption = (
        f"Lengths of {len(lengths):,} episodes: {low / dataset.fps:.2f} to {high / dataset.fps:.2f} s, "
        f"median {np.median(lengths) / dataset.fps:.2f} s ({np.median(lengths):g} frames)"
    )
    drawing = _histogram(counts, edges / dataset.fps, (low / dataset.fps, high / dataset.fps), caption)
    return tag("figure", tag("figcaption", caption), drawing, class_="chart")


def _histogram(
    counts: Int64[np.ndarray, " B"], edges_s: Float64[np.ndarray, " E"], ends_s: tuple[float, float], label: str
) -> Markup:
    width, height, left, bottom, top = 560, 150, 40, 24, 8
    step, highest = (width - left) / len(counts), int(counts.max())

    def down(count: int) -> float:
        return round(height - bottom - count / highest * (height - bottom - top), 1)

    shapes = []
    for count in (0, highest):
        shapes.append(tag("line", class_="grid", x1=left, x2=width, y1=down(count), y2=down(count)))
        shapes.append(tag("text", f"{count:,}", class_="tick end", x=left - 8, y=down(count) + 4))
    for number, count in enumerate(counts.tolist()):
        title = tag("title", f"{count:,} episodes of {edges_s[number]:.2f} to {edges_s[number + 1]:.2f} s")
        bar = {"x": round(left + number * step + 1, 1), "width": round(max(step - 2, 0.5), 1)}
        tall = round(height - bottom - down(count), 1)
        shapes.append(tag("g", title, tag("rect", class_="fill", y=down(count), height=tall, **bar)))
    for anchor, x, seconds in zip(("tick", "tick end"), (left, width), ends_s, strict=True):
        shapes.append(tag("text", f"{seconds:.2f} s", class_=anchor, x=x, y=height - 6))
    return tag("svg", *shapes, viewBox=f"0 0 {width} {height}", role="img", aria_label=label)


def _tasks(dataset: Dataset) -> Markup:
    episodes = dataset.episodes
    counts = Counter(episodes.task)
    tasks, reached = np.array(episodes.task), np.array(outcomes(dataset), object)
    rows = []
    for task, count in counts.most_common(_MAX_TASKS):
        is_task = tasks == task
        row: list[object] = [task, _wording(dataset, is_task)] if dataset.written_by_praxia else [task]
        row += [f"{count:,}", f"{episodes.length[is_task].sum():,}"]
        rows.append([*row, _successful(reached[is_task].tolist())])
    columns = [("task", None), ("episodes", "n"), ("frames", "n"), ("successful", "n")]
    if dataset.written_by_praxia:
        columns = [("task", None), ("instruction", "words"), *columns[1:]]
    more = "" if len(counts) <= _MAX_TASKS else f" The {_MAX_TASKS} most frequent of {len(counts):,}."
    return html_table(f"Tasks by number of episodes.{more}", columns, rows)


def _successful(reached: Sequence[bool | None]) -> str:
    successes, unknown = count_outcomes(reached).values()
    if successes is None:
        return "unknown"
    return f"{successes:,}" + (f" ({unknown:,} unknown)" if unknown else "")


def _wording(dataset: Dataset, selected: Bool[np.ndarray, " E"]) -> str:
    """One instruction of the selected episodes, and the number of other wordings."""
    wordings = dict.fromkeys(dataset.episodes.instruction[episode] for episode in np.flatnonzero(selected))
    others = f" (and {len(wordings) - 1:,} other wordings)" if len(wordings) > 1 else ""
    return f"{next(iter(wordings))}{others}"


_LEVELS = (0, 0.01, 0.5, 0.99, 1)
_CAPTION = (
    "Values over all frames. The thin line spans the lowest to the highest value, the thick line the 1% to the 99% "
    "quantile; the tick is the median, and the shaded area the declared range."
)
_COLUMNS = (
    ("dim", None),
    ("unit", None),
    ("", None),
    ("lowest", "n"),
    ("1%", "n"),
    ("median", "n"),
    ("99%", "n"),
    ("highest", "n"),
    ("declared", "n"),
    ("out of range", "n"),
    ("not finite", "n"),
)


def range_table(dataset: Dataset, plots: Sequence[FieldPlot]) -> Markup:
    """One row per dim of every plot."""
    rows = []
    for plot in plots:
        for name, values in zip(plot.names, plot.rows(dataset).T, strict=True):
            rows.append([_title(plot, name), plot.unit, *_cells(values, plot.field)])
    return html_table(_CAPTION, _COLUMNS, rows)


def _title(plot: FieldPlot, name: str) -> Markup:
    parts = [part for part in (plot.field.name, name) if part != plot.group]
    return join([tag("span", plot.group, class_="soft"), *(f" {part}" for part in dict.fromkeys(parts))])


def _cells(values: Shaped[np.ndarray, " N"], field: Field) -> list[object]:
    low, high = (-np.inf if field.low is None else field.low), (np.inf if field.high is None else field.high)
    finite = values[np.isfinite(values)].astype(np.float64)
    declared = "" if (field.low, field.high) == (None, None) else f"{low:g} to {high:g}".replace("inf", "∞")
    outside, missing = int(((finite < low) | (finite > high)).sum()), len(values) - len(finite)
    counts = [_warned(outside) if declared else "", _warned(missing)]
    if len(finite) == 0:
        return ["", *["–"] * len(_LEVELS), declared, *counts]
    levels = np.quantile(finite, _LEVELS).tolist()
    return [_bar(levels, field), *(f"{level:.4g}" for level in levels), declared, *counts]


def _warned(count: int) -> object:
    return tag("span", f"{count:,}", class_="bad") if count else "0"


def _bar(levels: Sequence[float], field: Field) -> Markup:
    """The quantiles of a dim on an axis that includes the declared bounds."""
    width, height = 150, 16
    ends = [*levels, *(bound for bound in (field.low, field.high) if bound is not None)]
    low, high = min(ends), max(ends)

    def at(value: float | None, default: float) -> float:
        return round(3 + ((default if value is None else value) - low) / ((high - low) or 1) * (width - 6), 1)

    shapes = []
    if (field.low, field.high) != (None, None):
        left, right = at(field.low, low), at(field.high, high)
        shapes.append(tag("rect", class_="track", x=left, y=1, width=max(right - left, 1), height=height - 2))
    lowest, first, median, last, highest = (at(level, level) for level in levels)
    shapes += [
        tag("line", class_="reach", x1=lowest, x2=max(highest, lowest + 1), y1=8, y2=8),
        tag("line", class_="bulk", x1=first, x2=max(last, first + 1), y1=8, y2=8),
        tag("line", class_="whisker", x1=median, x2=median, y1=3, y2=13),
    ]
    text = f"from {levels[0]:.4g} to {levels[-1]:.4g}, median {levels[2]:.4g}"
    return tag("svg", *shapes, width=width, height=height, role="img", aria_label=text)
