"""`praxia data export FORMAT DIR --out FILE_OR_FOLDER`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from praxia.cli.arguments import parse
from praxia.studio.console import counting, print_summary

__all__ = ["run"]


@dataclass(frozen=True)
class ExportArguments:
    """Write a data set in the format of another project, and report what the format cannot hold."""

    format: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="FORMAT")]
    """robomimic (one HDF5 file) or aloha (a folder of ACT's episode_N.hdf5)."""
    root: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="DIR")]
    """The data set's folder."""
    out: Annotated[Path, tyro.conf.arg(metavar="PATH")]
    """The new file or folder."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Export a data set; returns the result of `datatools.exchange.exporting.export`, with the path."""
    options = parse(
        ExportArguments,
        arguments,
        "praxia data export",
        example="praxia data export robomimic my/dataset --out demo.hdf5",
    )

    from praxia.datatools.exchange.exporting import export

    with counting("export") as report:
        result = export(options.root, options.format, options.out, report)
    result = {"path": str(options.out), "format": options.format, **result}
    print_summary(result)
    return result
