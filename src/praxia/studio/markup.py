"""HTML and SVG as values. Text is escaped unless it is `Markup` already, so data cannot turn into page."""

from collections.abc import Sequence
from html import escape

__all__ = ["Markup", "join", "tag"]

_VOID = frozenset({"br", "col", "link", "meta", "path", "line", "rect", "circle", "polyline"})


class Markup(str):
    """Text that is HTML already. Only this module and fixed text of our own make it."""

    __slots__ = ()


def tag(name: str, /, *children: object, **attributes: object) -> Markup:
    """One element. Children that are not `Markup` are escaped; None children and attributes are left out.

    `class_="x"` is written class="x", `aria_label` is aria-label, and True is an attribute without a value.
    """
    opening = "".join([name, *(_attribute(key, value) for key, value in attributes.items())])
    if name in _VOID:
        return Markup(f"<{opening}/>")
    return Markup(f"<{opening}>{join(children)}</{name}>")


def join(children: Sequence[object]) -> Markup:
    """Children one after the other, each escaped unless it is `Markup`."""
    shown = (child for child in children if child is not None)
    return Markup("".join(child if isinstance(child, Markup) else escape(str(child)) for child in shown))


def _attribute(name: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = name.removesuffix("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
