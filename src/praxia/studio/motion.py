"""How policies move when they succeed: steps to success, path length, jerk."""

from collections.abc import Callable, Sequence
from math import floor, log10, sqrt

import numpy as np
from scipy.stats import t as student

from praxia.results.pairs import Pair
from praxia.results.rows import Row
from praxia.studio.comparison import BenchmarkComparison
from praxia.studio.html import Markup, tag
from praxia.studio.paired_comparison import PairedComparison
from praxia.studio.tables import html_table

__all__ = ["motion_section"]

Measure = Callable[[Row], float | None]
_MEASURES: dict[str, Measure] = {
    "steps to success": lambda row: row.success_step,
    "path length": lambda row: row.path_length,
    "jerk": lambda row: row.jerk,
}
_MEANING = (
    "Means with 95% intervals by Student's t; for two values, their mean and both of them. Path length is that of the "
    "commanded path, in the unit of the embodiment's actions; jerk is the root mean square of its third derivative, in "
    "that unit per second cubed."
)


def motion_section(comparison: BenchmarkComparison, paired: PairedComparison | None) -> Markup | None:
    """Both policies of a paired comparison where both succeeded; without one, each policy over its own successes."""
    table = _side_by_side(paired) if paired is not None else _one_by_one(comparison)
    return None if table is None else tag("section", tag("h2", "How they move"), table)


def _side_by_side(paired: PairedComparison) -> Markup | None:
    pairs = [pair for pair in paired.pairs if pair.outcome == (True, True)]
    rows = [cells for name, measure in _MEASURES.items() if (cells := _compared(name, measure, pairs)) is not None]
    if not rows:
        return None
    columns = [("where both succeeded", None), (paired.a.label, "n"), (paired.b.label, "n"), ("difference", "n")]
    caption = f"{_MEANING} Only starts from which both succeeded, so that both are measured on the same episodes."
    return html_table(caption, [*columns, ("starts", "n")], rows)


def _compared(name: str, measure: Measure, pairs: Sequence[Pair]) -> list[object] | None:
    both = [(measure(pair.a), measure(pair.b)) for pair in pairs]
    values = np.array([(a, b) for a, b in both if a is not None and b is not None], np.float64)
    if not len(values):
        return None
    means = [_mean(values[:, side]) for side in (0, 1)]
    return [name, *means, _mean(values[:, 0] - values[:, 1], sign="+"), len(values)]


def _one_by_one(comparison: BenchmarkComparison) -> Markup | None:
    rows = []
    for one in (each for each in comparison.all if not each.is_control):
        successes = [row for row in one.rows if row.status == "success"]
        if successes:
            found = [
                [value for row in successes if (value := measure(row)) is not None] for measure in _MEASURES.values()
            ]
            rows.append([one.label, *(_mean(np.array(values)) if values else "–" for values in found), len(successes)])
    if not rows:
        return None
    columns = [("policy", None), *((name, "n") for name in _MEASURES), ("successes", "n")]
    caption = f"{_MEANING} Each policy over its own successes: a better policy also succeeds from harder starts."
    return html_table(caption, columns, rows)


def _mean(values: np.ndarray, sign: str = "") -> str:
    """The mean and its interval, rounded to two significant digits of the interval.

    Two values, or equal ones, give no useful interval: the values themselves are shown instead.
    """
    if np.ptp(values) == 0:
        return f"{values[0]:{sign},.4g}".replace("-", "−")
    if len(values) == 2:
        middle, lowest, highest = (f"{one:{sign},.4g}" for one in (values.mean(), values.min(), values.max()))
        return f"{middle} ({lowest} and {highest})".replace("-", "−")
    mean = float(values.mean())
    half = float(student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / sqrt(len(values)))
    decimals = 1 - floor(log10(half))
    shown = [f"{round(value, decimals):{form},.{max(decimals, 0)}f}" for value, form in ((mean, sign), (half, ""))]
    return " ± ".join(shown).replace("-", "−")
