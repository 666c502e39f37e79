"""`praxia data info DIR`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tyro

from praxia.cli.arguments import parse
from praxia.studio.console import counting, print_summary

__all__ = ["run", "shown", "with_known_outcome"]


@dataclass(frozen=True)
class DataInfoArguments:
    """Describe a data set, and verify the hash of every file."""

    root: tyro.conf.Positional[str]
    """The data set's folder."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Describe a data set; returns the result of `data.summary.info`."""
    options = parse(DataInfoArguments, arguments, "praxia data info")

    from praxia.data.summary import info

    with counting("verify") as report:
        result = info(options.root, report)
    print_summary(shown(result))
    return result


def shown(result: Mapping[str, Any]) -> dict[str, Any]:
    """The result of `data.summary.info` for people: outcomes that were not recorded are "unknown"."""
    tasks = {task: with_known_outcome(values) for task, values in result["tasks"].items()}
    return {**with_known_outcome(result), "tasks": tasks}


def with_known_outcome(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with "unknown" for "successes" that were not recorded."""
    return {**values, "successes": "unknown" if values["successes"] is None else values["successes"]}
