"""`praxia data cache [DATA] [--clear]`."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import tyro
from rich.box import SIMPLE_HEAD
from rich.table import Table

from praxia.cli.arguments import parse
from praxia.studio.console import STDERR

__all__ = ["run"]


@dataclass(frozen=True)
class DataCacheArguments:
    """List the decoded images that training keeps for later runs, or remove them.

    They lie in $PRAXIA_CACHE, or in `praxia` in $XDG_CACHE_HOME or ~/.cache.
    """

    data: Annotated[tyro.conf.Positional[str | None], tyro.conf.arg(metavar="DIR")] = None
    """The folder of one data set, by default all."""
    clear: bool = False
    """Remove the images, and what older versions left in the data set's folder."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """List or remove; returns `folders`, or with --clear the number of `removed` data sets and the bytes `freed`."""
    options = parse(DataCacheArguments, arguments, "praxia data cache", example="praxia data cache --clear")

    from praxia.dataloader.cache_usage import clear_cache, list_caches

    if options.clear:
        result = clear_cache(options.data)
        count, size = result["removed"], _size(result["freed_bytes"])
        STDERR.print(f"removed the images of {count} data set{'s' * (count != 1)}, {size}", highlight=False)
        return result
    result = list_caches(options.data)
    for folder in result["folders"]:
        _show(folder)
    if not result["folders"]:
        STDERR.print("no images are cached", highlight=False)
    return result


def _show(folder: Mapping[str, Any]) -> None:
    most = f" of at most {_size(folder['cap_bytes'])}" if folder["cap_bytes"] is not None else ""
    STDERR.print(
        f"{folder['folder']}: {_size(folder['bytes'])}{most}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    if folder["data_sets"]:
        STDERR.print(_table(folder["data_sets"]))


def _table(data_sets: Sequence[Mapping[str, Any]]) -> Table:
    """One row per data set, the least recently used one first."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("data set, as last seen", overflow="fold")
    for column in ("size", "last use", ""):
        table.add_column(column, justify="right", no_wrap=True)
    for one in data_sets:
        used = one["last_used"]
        when = datetime.datetime.fromisoformat(used).astimezone().strftime("%Y-%m-%d %H:%M") if used else "never"
        mark = "in use" if one["in_use"] else ""
        table.add_row(one["data"] or "unknown", _size(one["bytes"]), when, mark)
    return table


def _size(num_bytes: int) -> str:
    return f"{num_bytes / 1e9:.1f} GB" if num_bytes >= 10**9 else f"{num_bytes / 1e6:.1f} MB"
