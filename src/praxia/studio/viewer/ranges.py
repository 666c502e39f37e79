"""Where each dim's values lie in the whole data set, against what its field declares."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Shaped

from praxia.core.embodiment import Field
from praxia.data.dataset import Dataset
from praxia.studio.markup import Markup, join, tag
from praxia.studio.tabular import tabular
from praxia.studio.viewer.plots import Plot

__all__ = ["range_table"]

_LEVELS = (0, 0.01, 0.5, 0.99, 1)
_CAPTION = (
    "Where values lie over all frames. The thin line goes from the lowest to the highest, the thick one from the 1% to "
    "the 99% quantile, the tick is the median, and the pale ground the declared range."
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
    ("out of it", "n"),
    ("not finite", "n"),
)


def range_table(dataset: Dataset, plots: Sequence[Plot]) -> Markup:
    """One row a dim of every plot."""
    rows = []
    for plot in plots:
        for name, values in zip(plot.names, plot.rows(dataset).T, strict=True):
            rows.append([_title(plot, name), plot.unit, *_cells(values, plot.field)])
    return tabular(_CAPTION, _COLUMNS, rows)


def _title(plot: Plot, name: str) -> Markup:
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
    """The levels of a dim on an axis that reaches to the declared bounds too."""
    width, height = 150, 16
    ends = [*levels, *(bound for bound in (field.low, field.high) if bound is not None)]
    least, most = min(ends), max(ends)

    def at(value: float | None, otherwise: float) -> float:
        return round(3 + ((otherwise if value is None else value) - least) / ((most - least) or 1) * (width - 6), 1)

    shapes = []
    if (field.low, field.high) != (None, None):
        left, right = at(field.low, least), at(field.high, most)
        shapes.append(tag("rect", class_="track", x=left, y=1, width=max(right - left, 1), height=height - 2))
    lowest, first, median, last, highest = (at(level, level) for level in levels)
    shapes += [
        tag("line", class_="reach", x1=lowest, x2=max(highest, lowest + 1), y1=8, y2=8),
        tag("line", class_="bulk", x1=first, x2=max(last, first + 1), y1=8, y2=8),
        tag("line", class_="whisker", x1=median, x2=median, y1=3, y2=13),
    ]
    text = f"from {levels[0]:.4g} to {levels[-1]:.4g}, median {levels[2]:.4g}"
    return tag("svg", *shapes, width=width, height=height, role="img", aria_label=text)
