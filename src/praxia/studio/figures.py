"""Numbers as people read them."""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["interval", "mean_steps_to_success", "percent", "points"]

from praxia.results.rows import Row


def percent(rate: float | None) -> str:
    """A fraction as "93.5%"; a dash where there is none."""
    return "–" if rate is None else f"{100 * rate:.1f}%"


def interval(summary: Mapping[str, Any]) -> str:
    """The 95% interval of a summary as "90.1–96.0%"; nothing where there is none."""
    if summary["ci95"] is None:
        return ""
    low, high = summary["ci95"]
    return f"{100 * low:.1f}–{100 * high:.1f}%"


def points(rate: float | None, against: float | None) -> str:
    """How far `rate` is from `against`, in signed percentage points."""
    if rate is None or against is None:
        return "–"
    difference = 100 * (rate - against)
    return f"{difference:+.1f}".replace("-", "−")


def mean_steps_to_success(rows: Sequence[Row]) -> str:
    """Over the successful episodes only; a dash where there is none."""
    steps = [row.success_step for row in rows if row.status == "success" and row.success_step is not None]
    return f"{sum(steps) / len(steps):.0f}" if steps else "–"
