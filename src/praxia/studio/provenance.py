"""Where every number came from: commands, fingerprints, configurations."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from praxia.studio.comparison import Comparison
from praxia.studio.markup import Markup, tag
from praxia.studio.sources import Material

__all__ = ["command", "provenance"]


def command(text: str) -> Markup:
    """The command that made a number, folded."""
    return tag("details", tag("summary", "command"), tag("pre", text))


def provenance(material: Material, comparisons: Sequence[Comparison]) -> Markup:
    """One folded record a source."""
    records = []
    for comparison in comparisons:
        for one in comparison.all:
            title = f"{one.label} on {comparison.name}"
            records.append(_record(title, one.command, {"file": one.source.path.name, **one.fingerprint}))
    for run in material.runs:
        about = {name: value for name, value in run.description.items() if name != "command"}
        records.append(_record(f"training {run.name}", run.description["command"], about))
    for dataset in material.datasets:
        about = {"info": {name: value for name, value in dataset.info.items() if name != "tasks"}, "plan": dataset.plan}
        records.append(_record(f"data set {dataset.path.name}", None, about))
    text = "Every number above can be made again: what was run, by which code, on what."
    return tag("section", tag("h2", "Where this comes from"), tag("p", text, class_="soft"), *records)


def _record(title: str, command_line: str | None, values: Mapping[str, Any]) -> Markup:
    rows = [tag("tr", tag("th", name, scope="row"), tag("td", text)) for name, text in _flat(values)]
    made = tag("pre", command_line) if command_line else None
    return tag("details", tag("summary", title), made, tag("table", tag("tbody", *rows)), class_="record")


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested values with dotted names."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value if isinstance(value, str) else json.dumps(value)
