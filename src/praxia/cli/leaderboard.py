"""`praxia leaderboard DIR`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from praxia.cli.arguments import parse
from praxia.cli.console import STDERR

__all__ = ["run"]


@dataclass(frozen=True)
class Arguments:
    """Rank all results of a folder, a table for each benchmark, as far as they can be told apart."""

    folder: tyro.conf.Positional[Path]
    """A folder that holds results files, in folders of its own too."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Rank, and return the tables."""
    options = parse(Arguments, arguments, "praxia leaderboard")

    from praxia.results.leaderboard import leaderboard
    from praxia.studio.terminal import leaderboard_table

    found = leaderboard(options.folder)
    for table in found["tables"]:
        STDERR.print(leaderboard_table(table))
    for one in found["unreadable"]:
        STDERR.print(f"not read: {one['reason']}", highlight=False, markup=False, soft_wrap=True)
    return found
