"""`praxia report RUN... --out PAGE.html`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from praxia.cli.arguments import parse
from praxia.cli.console import STDERR

__all__ = ["run"]


@dataclass(frozen=True)
class Arguments:
    """One self-contained HTML page from results, training runs and data sets."""

    sources: tyro.conf.Positional[tuple[Path, ...]]
    """Results files, training runs, data sets, or folders that hold some of these."""
    out: Path = Path("report.html")
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Write the page and return where."""
    options = parse(Arguments, arguments, "praxia report")

    from praxia.studio.report import write_report

    with STDERR.status("replaying episodes and making videos"):
        page = write_report(options.sources, options.out)
    if not options.json:
        print(page)
    return {"report": str(page)}
