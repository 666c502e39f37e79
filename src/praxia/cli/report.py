"""`praxia report RUN... --out PAGE.html`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from praxia.cli.arguments import parse
from praxia.studio.console import STDERR

__all__ = ["run"]


@dataclass(frozen=True)
class ReportArguments:
    """Write a self-contained HTML page from results, training runs and data sets."""

    sources: tyro.conf.Positional[tuple[Path, ...]]
    """Results files, training runs, data sets, or folders that contain them."""
    out: Path = Path("report.html")
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Write the page and return its path."""
    options = parse(ReportArguments, arguments, "praxia report")

    from praxia.studio.report import write_report

    with STDERR.status("replaying episodes and making videos"):
        page = write_report(options.sources, options.out)
    if not options.json:
        print(page)
    return {"report": str(page)}
