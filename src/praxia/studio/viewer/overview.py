"""What is in the whole data set, in numbers: no image is touched for it."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float64, Int64

from praxia.data.dataset import Dataset
from praxia.data.summary import count_outcomes, outcomes
from praxia.studio.markup import Markup, tag
from praxia.studio.tabular import tabular
from praxia.studio.viewer.plots import Plot
from praxia.studio.viewer.ranges import range_table

__all__ = ["overview"]

_MOST_TASKS = 50
_MOST_BINS = 24


def overview(dataset: Dataset, plots: Sequence[Plot]) -> Markup:
    """How long episodes are, what they are of, and where each dim's values lie against what is declared."""
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
    bins = min(_MOST_BINS, high - low + 1)
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
    step, most = (width - left) / len(counts), int(counts.max())

    def down(count: int) -> float:
        return round(height - bottom - count / most * (height - bottom - top), 1)

    shapes = []
    for count in (0, most):
        shapes.append(tag("line", class_="grid", x1=left, x2=width, y1=down(count), y2=down(count)))
        shapes.append(tag("text", f"{count:,}", class_="tick end", x=left - 8, y=down(count) + 4))
    for number, count in enumerate(counts.tolist()):
        title = tag("title", f"{count:,} of {edges_s[number]:.2f} to {edges_s[number + 1]:.2f} s")
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
    for task, count in counts.most_common(_MOST_TASKS):
        chosen = tasks == task
        row: list[object] = [task, _wording(dataset, chosen)] if dataset.written_by_praxia else [task]
        row += [f"{count:,}", f"{episodes.length[chosen].sum():,}"]
        rows.append([*row, _successful(reached[chosen].tolist())])
    columns = [("task", None), ("episodes", "n"), ("frames", "n"), ("successful", "n")]
    if dataset.written_by_praxia:
        columns = [("task", None), ("instruction", "words"), *columns[1:]]
    more = "" if len(counts) <= _MOST_TASKS else f" The {_MOST_TASKS} most frequent of {len(counts):,}."
    return tabular(f"Tasks, by their number of episodes.{more}", columns, rows)


def _successful(reached: Sequence[bool | None]) -> str:
    successes, unknown = count_outcomes(reached).values()
    if successes is None:
        return "unknown"
    return f"{successes:,}" + (f" ({unknown:,} unknown)" if unknown else "")


def _wording(dataset: Dataset, chosen: Bool[np.ndarray, " E"]) -> str:
    """One of the instructions of these episodes, and how many others there are."""
    wordings = dict.fromkeys(dataset.episodes.instruction[episode] for episode in np.flatnonzero(chosen))
    others = f" (and {len(wordings) - 1:,} other wordings)" if len(wordings) > 1 else ""
    return f"{next(iter(wordings))}{others}"
