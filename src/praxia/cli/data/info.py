"""`praxia data info DIR`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import tyro

from praxia.cli.arguments import parse
from praxia.studio.console import STDERR, counting, print_summary

__all__ = ["print_dataset", "run", "with_known_outcome"]


@dataclass(frozen=True)
class DataInfoArguments:
    """Describe a data set, and verify the hash of every file."""

    root: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DIR")]
    """The data set's folder."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Describe a data set; returns the result of `data.summary.info`."""
    options = parse(DataInfoArguments, arguments, "praxia data info", example="praxia data info my/dataset")

    from praxia.data.summary import info

    with counting("verify") as report:
        result = info(options.root, report)
    print_dataset(result)
    return result


def print_dataset(result: Mapping[str, Any]) -> None:
    """Print the result of `data.summary.info`: a line per value, and tables of cameras, vectors and tasks."""
    from praxia.studio.dataset_tables import SHOWN, dataset_tables

    print_summary({name: value for name, value in with_known_outcome(result).items() if name not in SHOWN})
    for table in dataset_tables(result):
        STDERR.print(table)


def with_known_outcome(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with "unknown" for "successes" that were not recorded."""
    return {**values, "successes": "unknown" if values["successes"] is None else values["successes"]}
