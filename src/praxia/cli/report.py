"""`praxia report RUN... --out PAGE.html`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from praxia.cli.arguments import parse
from praxia.studio.console import STDERR

__all__ = ["run"]


@dataclass(frozen=True)
class ReportArguments:
    """Write a self-contained HTML page from results, training runs and data sets."""

    sources: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="PATH [PATH ...]")]
    """Results files, training runs, data sets, or folders that contain them."""
    out: Annotated[Path, tyro.conf.arg(metavar="PAGE")] = Path("report.html")
    """The page to write."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Write the page and return its path."""
    options = parse(
        ReportArguments, arguments, "praxia report", example="praxia report runs/new runs/new.jsonl --out report.html"
    )

    from praxia.studio.report import write_report

    with STDERR.status("replaying episodes and making videos"):
        page = write_report(options.sources, options.out)
    if not options.json:
        print(page)
    return {"report": str(page)}
