"""`praxia leaderboard DIR`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from praxia.cli.arguments import parse
from praxia.studio.console import STDERR

__all__ = ["run"]


@dataclass(frozen=True)
class LeaderboardArguments:
    """Rank the results in a folder, in one table per benchmark, as far as they can be distinguished."""

    folder: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="DIR")]
    """A folder that holds results files, also in subfolders."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Rank, and return the tables."""
    options = parse(LeaderboardArguments, arguments, "praxia leaderboard", example="praxia leaderboard runs")

    from praxia.results.leaderboard import leaderboard
    from praxia.studio.terminal import leaderboard_table

    found = leaderboard(options.folder)
    for table in found["tables"]:
        STDERR.print(leaderboard_table(table))
    for one in found["unreadable"]:
        STDERR.print(f"not read: {one['reason']}", highlight=False, markup=False, soft_wrap=True)
    return found
