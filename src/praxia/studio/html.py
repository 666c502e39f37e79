"""HTML and SVG as values, and a check of where a page may be written."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from praxia.core.errors import PraxiaError

__all__ = ["Markup", "check_page_path", "join", "tag"]

_VOID = frozenset({"br", "col", "link", "meta", "path", "line", "rect", "circle", "polyline"})

# The first bytes of every page that Praxia writes or wrote in earlier versions.
_PAGE_BEGINS = (
    b'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/><meta http-equiv="Content-Security-Policy" '
)


class Markup(str):
    """Text that is already HTML: `tag` and `join` do not escape it. Made only by them and from constants."""

    __slots__ = ()


def tag(name: str, /, *children: object, **attributes: object) -> Markup:
    """One element. Children that are not `Markup` are escaped; None children and attributes are left out.

    `class_="x"` becomes class="x", `aria_label` becomes aria-label, and True makes an attribute without a value.
    """
    opening = "".join([name, *(_attribute(key, value) for key, value in attributes.items())])
    if name in _VOID:
        return Markup(f"<{opening}/>")
    return Markup(f"<{opening}>{join(children)}</{name}>")


def join(children: Sequence[object]) -> Markup:
    """Concatenate children, escaping those that are not `Markup` and skipping None."""
    shown = (child for child in children if child is not None)
    return Markup("".join(child if isinstance(child, Markup) else escape(str(child)) for child in shown))


def check_page_path(out: Path) -> None:
    """Refuse to write a page over anything but an earlier page of Praxia.

    Raises:
        PraxiaError: `out` is a folder, or a file that Praxia did not write as a page.
    """
    if out.is_dir():
        raise PraxiaError(f"expected --out to be a page (X.html), got the folder {out}; name a file in it")
    if out.exists():
        with out.open("rb") as file:
            is_page = file.read(len(_PAGE_BEGINS)) == _PAGE_BEGINS
        if not is_page:
            raise PraxiaError(f"{out} exists and is not a page of Praxia; choose another --out, or move the file away")


def _attribute(name: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = name.removesuffix("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
