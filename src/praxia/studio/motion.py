"""How policies move where they succeed: steps, length of the way, jerk."""

from collections.abc import Callable, Sequence
from math import floor, log10, sqrt

import numpy as np
from scipy.stats import t as student

from praxia.results.pairs import Pair
from praxia.results.rows import Row
from praxia.studio.comparison import Comparison
from praxia.studio.duel import Duel
from praxia.studio.markup import Markup, tag
from praxia.studio.tabular import tabular

__all__ = ["motion_section"]

Measure = Callable[[Row], float | None]
_MEASURES: dict[str, Measure] = {
    "steps to success": lambda row: row.success_step,
    "path": lambda row: row.path_length,
    "jerk": lambda row: row.jerk,
}
_MEANING = (
    "Means with 95% intervals by Student's t; of two values the median and both of them. Path is the length of the "
    "commanded way, in the unit of the embodiment's actions; jerk is the root mean square of that way's third derivative, in "
    "that unit a cubic second."
)


def motion_section(comparison: Comparison, duel: Duel | None) -> Markup | None:
    """Both policies of a duel where both succeeded; without a duel each policy over its own successes."""
    table = _side_by_side(duel) if duel is not None else _one_by_one(comparison)
    return None if table is None else tag("section", tag("h2", "How they move"), table)


def _side_by_side(duel: Duel) -> Markup | None:
    pairs = [pair for pair in duel.pairs if pair.outcome == (True, True)]
    rows = [cells for name, measure in _MEASURES.items() if (cells := _compared(name, measure, pairs)) is not None]
    if not rows:
        return None
    columns = [("where both succeeded", None), (duel.a.label, "n"), (duel.b.label, "n"), ("difference", "n")]
    caption = f"{_MEANING} Only starts where both succeeded, so that neither is measured on what only it can do."
    return tabular(caption, [*columns, ("starts", "n")], rows)


def _compared(name: str, measure: Measure, pairs: Sequence[Pair]) -> list[object] | None:
    both = [(measure(pair.a), measure(pair.b)) for pair in pairs]
    values = np.array([(a, b) for a, b in both if a is not None and b is not None], np.float64)
    if not len(values):
        return None
    means = [_mean(values[:, at]) for at in (0, 1)]
    return [name, *means, _mean(values[:, 0] - values[:, 1], sign="+"), len(values)]


def _one_by_one(comparison: Comparison) -> Markup | None:
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
    caption = f"{_MEANING} Each over its own successes: who succeeds more often has the harder ones among them too."
    return tabular(caption, columns, rows)


def _mean(values: np.ndarray, sign: str = "") -> str:
    """The mean and its interval; two digits of the interval say how many of the mean.

    Two values do not say how far others would lie apart, nor do equal ones: what is known of them is shown instead.
    """
    if np.ptp(values) == 0:
        return f"{values[0]:{sign},.4g}".replace("-", "−")
    if len(values) == 2:
        middle, least, most = (f"{one:{sign},.4g}" for one in (values.mean(), values.min(), values.max()))
        return f"{middle} ({least} and {most})".replace("-", "−")
    mean = float(values.mean())
    half = float(student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / sqrt(len(values)))
    decimals = 1 - floor(log10(half))
    shown = [f"{round(value, decimals):{form},.{max(decimals, 0)}f}" for value, form in ((mean, sign), (half, ""))]
    return " ± ".join(shown).replace("-", "−")
