"""Bars of success rates with marks for what they are to be read against, all on one scale."""

from collections.abc import Mapping, Sequence
from typing import Any

from praxia.studio.figures import interval, percent
from praxia.studio.markup import Markup, tag

__all__ = ["glyph", "marked_bar", "ruler"]

_WIDTH, _MARGIN = 270, 7
# Around (0, 0) and within 4 px of it, by the kind of evaluation: the class says what was changed. A family of
# environments has one of the two controls of language, so these share a shape.
_CROSS = "M-3.2-3.2L3.2 3.2M-3.2 3.2L3.2-3.2"
_GLYPHS = {
    "other-instruction": ("spoiled", _CROSS),
    "shuffled-instruction": ("spoiled", _CROSS),
    "swapped-image": ("spoiled", "M-4 0H4M0-4V4"),
    "frozen-state": ("spoiled", "M-3.4-2.4H3.4M-3.4 2.4H3.4"),
    "language-free": ("without", "M0-4L4 0L0 4L-4 0Z"),
    "blind": ("without", "M-3.4 0a3.4 3.4 0 1 0 6.8 0a3.4 3.4 0 1 0-6.8 0Z"),
    "expert": ("told", "M-4 3.2H4L0-3.8Z"),
    "zero": ("without", "M-3-3H3V3H-3Z"),
    "random": ("without", "M-3.6-2.2L-1.2 2.2L1.2-2.2L3.6 2.2"),
}
_STRANGER = ("without", "M0-4V4")


def marked_bar(
    summary: Mapping[str, Any], marks: Sequence[tuple[str, float]], line: float | None, *, thin: bool = False
) -> Markup:
    """A bar from 0 to the success of `summary` with its interval, paler up to its progress, and the marks below.

    `marks` are kinds of evaluations and their success. A dashed line at the rate `line` goes from top to bottom, so
    that bars below each other share it.
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
    """The scale above the bars."""
    texts = [
        tag("text", f"{number}%" if number else "0", class_="tick middle", x=_at(number / 100), y=11)
        for number in (0, 25, 50, 75)
    ]
    return _drawing([*texts, tag("text", "100%", class_="tick end", x=_WIDTH, y=11)], 14, "success from 0 to 100%")


def glyph(kind: str) -> Markup:
    """The mark of a kind of evaluation by itself."""
    return tag("svg", _mark(kind, 5.0, 5.0), class_="glyph", width=10, height=10, aria_hidden="true")


def _mark(kind: str, x: float, y: float) -> Markup:
    class_, shape = _GLYPHS.get(kind, _STRANGER)
    return tag("path", class_=f"mark {class_}", d=shape, transform=f"translate({x} {y})")


def _band(class_: str, rate: float, thick: int) -> Markup:
    return tag("rect", class_=class_, x=_MARGIN, y=5, width=round(_at(rate) - _MARGIN, 1), height=thick)


def _at(rate: float) -> float:
    # Room on both sides, so that marks at 0 and 1 are not cut.
    return round(_MARGIN + rate * (_WIDTH - 2 * _MARGIN), 1)


def _drawing(shapes: Sequence[Markup], height: int, text: str) -> Markup:
    return tag("svg", *shapes, class_="scale", width=_WIDTH, height=height, role="img", aria_label=text)
