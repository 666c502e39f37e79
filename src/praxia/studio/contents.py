"""Links to the sections of a long page."""

import re
from collections.abc import Sequence
from html import unescape

from praxia.studio.html import Markup, tag

__all__ = ["with_contents"]

# A shorter page is seen at a glance.
_LEAST_SECTIONS = 5


def with_contents(sections: Sequence[Markup]) -> list[Markup]:
    """The sections of a page, each with an anchor, and after the first a list of links to the others."""
    titled = [(f"section-{number}", _title(section), section) for number, section in enumerate(sections)]
    anchored = [Markup(section.replace("<section", f'<section id="{name}"', 1)) for name, _, section in titled]
    links = [tag("a", title, href=f"#{name}") for name, title, _ in titled[1:] if title]
    if len(links) < _LEAST_SECTIONS:
        return anchored
    contents = tag("nav", tag("ol", *(tag("li", link) for link in links)), class_="contents", aria_label="Contents")
    return [anchored[0], contents, *anchored[1:]]


def _title(section: Markup) -> str:
    """The text of a section's first heading; "" if it has none."""
    found = re.search(r"<h([12])[^>]*>(.*?)</h\1>", section, re.DOTALL)
    return unescape(re.sub(r"<[^>]*>", "", found[2])) if found else ""
