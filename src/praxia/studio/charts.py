"""Charts as inline SVG; the style sheet of the page colours them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, isclose, log10

from praxia.studio.html import Markup, join, tag

__all__ = ["Series", "interval_bar", "line_chart"]

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Series:
    """One line of a chart. `x` and `y` have the same length, at least one."""

    label: str
    x: Sequence[float]
    y: Sequence[float]


def interval_bar(rate: float, low: float, high: float, width: int = 130) -> Markup:
    """A bar from 0 to `rate` of 1, with a whisker from `low` to `high`."""
    height, middle = 14, 7

    def at(value: float) -> float:
        # One pixel of margin on both sides, so that caps at 0 and 1 are not cut off.
        return round(1 + value * (width - 2), 1)

    shapes = [
        tag("rect", class_="track", x=1, y=3, width=width - 2, height=8),
        tag("rect", class_="fill", x=1, y=3, width=max(at(rate) - 1, 0), height=8),
        tag("line", class_="whisker", x1=at(low), x2=at(high), y1=middle, y2=middle),
        *(tag("line", class_="whisker", x1=at(end), x2=at(end), y1=3.5, y2=10.5) for end in (low, high)),
    ]
    text = f"{rate:.1%}, 95% interval {low:.1%} to {high:.1%}"
    return tag("svg", *shapes, class_="bar", width=width, height=height, role="img", aria_label=text)


def line_chart(title: str, x_label: str, series: Sequence[Series], *, log: bool = False) -> Markup:
    """Lines over a horizontal axis that begins at 0; the vertical axis contains 0 too unless `log`."""
    width, height, left, right, top, bottom = 560, 260, 52, 12, 14, 40
    top_x = max(max(one.x) for one in series) or 1.0
    values = [value for one in series for value in one.y if value > 0 or not log]
    ticks = _log_ticks(min(values), max(values)) if log else _ticks(max([*values, 0.0]), min([*values, 0.0]))
    low, high = (log10(ticks[0]), log10(ticks[-1])) if log else (ticks[0], ticks[-1])

    def across(x: float) -> float:
        return round(left + x / top_x * (width - left - right), 1)

    def down(y: float) -> float:
        level = log10(max(y, ticks[0])) if log else y
        return round(height - bottom - (level - low) / (high - low) * (height - top - bottom), 1)

    shapes = []
    for value in ticks:
        y = down(value)
        shapes.append(tag("line", class_="grid", x1=left, x2=width - right, y1=y, y2=y))
        shapes.append(tag("text", _short(value), class_="tick end", x=left - 8, y=y + 4))
    for value in _ticks(top_x):
        if value <= top_x:
            shapes.append(tag("text", _short(value), class_="tick middle", x=across(value), y=height - bottom + 18))
    shapes.append(tag("text", x_label, class_="tick middle", x=(left + width - right) / 2, y=height - 4))
    for number, one in enumerate(series):
        points = " ".join(f"{across(x)},{down(y)}" for x, y in zip(one.x, one.y, strict=True))
        shapes.append(tag("polyline", class_=f"series s{number % 4}", points=points))
    drawing = tag("svg", *shapes, viewBox=f"0 0 {width} {height}", role="img", aria_label=_description(title, series))
    return tag("figure", tag("figcaption", title, _legend(series)), drawing, class_="chart")


def _legend(series: Sequence[Series]) -> Markup | None:
    if len(series) < 2:
        return None
    keys = []
    for number, one in enumerate(series):
        swatch = tag("line", class_=f"series s{number % 4}", x1=0, x2=22, y1=5, y2=5)
        keys.append(tag("span", tag("svg", swatch, width=22, height=10, aria_hidden="true"), " ", one.label))
    return tag("span", join(keys), class_="legend")


def _description(title: str, series: Sequence[Series]) -> str:
    parts = [f"{one.label} from {one.y[0]:.4g} to {one.y[-1]:.4g}" for one in series]
    return f"{title}: {'; '.join(parts)}"


def _ticks(high: float, low: float = 0.0) -> list[float]:
    """0 and multiples of a round step from `low` (at most 0) to `high` or past them: four to nine ticks."""
    if high <= 0 and low >= 0:
        return [0.0, 1.0]
    raw = (high - low) / 5
    unit = 10.0 ** floor(log10(raw))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= raw * 0.999)
    return [step * number for number in range(floor(low / step * 0.999), ceil(high / step * 0.999) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    """At most ten round numbers, from the last not above `low` to the first not below `high`.

    1, 2 and 5 in every decade, or powers of ten if these are too many, or every second power of ten, ...
    """
    decades = range(floor(log10(low)), ceil(log10(high)) + 1)
    factors, stride = ((1, 2, 5), 1) if len(decades) <= 4 else ((1,), ceil(len(decades) / 9))
    rungs = [factor * 10.0**decade for decade in decades[::stride] for factor in factors]
    rungs += [rungs[-1] * 10.0**stride] * (stride > 1)
    first = max((rung for rung in rungs if rung <= low * 1.001), default=rungs[0])
    last = min((rung for rung in rungs if rung >= high * 0.999 and rung > first), default=rungs[-1])
    return [rung for rung in rungs if first <= rung <= last]


def _short(value: float) -> str:
    power = round(log10(value)) if value > 0 else 0
    if not -4 < power < 6 and isclose(value, 10.0**power):
        return f"10{str(power).translate(_RAISED)}"
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"
