"""Tables of a data set for the terminal: cameras with their codecs, vectors with the names of their dims, tasks."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

__all__ = ["SHOWN", "dataset_tables"]

# What the tables show of a summary.
SHOWN = ("cameras", "codecs", "state", "action", "tasks")


def dataset_tables(summary: Mapping[str, Any]) -> Iterator[Table]:
    """The tables of `data.summary.info`; none without a row."""
    cameras = [
        (name, f"{height} x {width}", summary["codecs"][name]) for name, (height, width) in summary["cameras"].items()
    ]
    vectors = [(name, *_field(field)) for name in ("state", "action") for field in summary[name]]
    tasks = [
        (task, str(one["episodes"]), "?" if one["successes"] is None else str(one["successes"]), str(one["frames"]))
        for task, one in summary["tasks"].items()
    ]
    for columns, rows in (
        (("camera", "height x width", "codec"), cameras),
        (("vector", "field", "dims", "kind", "unit", "range", "names of dims"), vectors),
        (("task", "episodes", "successes", "frames"), tasks),
    ):
        if rows:
            yield _table(columns, rows)


def _field(field: Mapping[str, Any]) -> tuple[str, ...]:
    bounds = [field.get("low"), field.get("high")]
    span = "" if bounds == [None, None] else " .. ".join("" if one is None else f"{one:g}" for one in bounds)
    return field["name"], str(field["size"]), field["kind"], field["unit"], span, ", ".join(field.get("dims", ()))


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in columns:
        numeric = name in ("dims", "episodes", "successes", "frames")
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))  # names of a data set are no markup
    return table
