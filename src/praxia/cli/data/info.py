"""`praxia data info DIR`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tyro

from praxia.cli.arguments import parse
from praxia.cli.console import counting, print_summary

__all__ = ["run", "shown", "with_outcome"]


@dataclass(frozen=True)
class InfoArguments:
    """What a data set is, and that every file still has its hash."""

    root: tyro.conf.Positional[str]
    """The data set's folder."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Describe a data set, and return what `data.summary.info` returns."""
    options = parse(InfoArguments, arguments, "praxia data info")

    from praxia.data.summary import info

    with counting("verify") as report:
        found = info(options.root, report)
    print_summary(shown(found))
    return found


def shown(found: Mapping[str, Any]) -> dict[str, Any]:
    """What `data.summary.info` returns, for people: outcomes that nobody recorded are "unknown"."""
    tasks = {task: with_outcome(values) for task, values in found["tasks"].items()}
    return {**with_outcome(found), "tasks": tasks}


def with_outcome(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same, with "successes" that nobody recorded as "unknown"."""
    return {**values, "successes": "unknown" if values["successes"] is None else values["successes"]}
