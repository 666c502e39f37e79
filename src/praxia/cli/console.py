"""Progress bars and summaries for people, on stderr, for every verb."""

import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

__all__ = ["STDERR", "command_line", "counting", "print_summary", "stages"]

# Without a terminal (a log file, CI) lines may be long.
STDERR = Console(stderr=True, width=None if sys.stderr is not None and sys.stderr.isatty() else 120)


def _progress() -> Progress:
    """A progress bar that shows the field `text` of a task beside the remaining time."""
    return Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[text]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=STDERR,
    )


@contextmanager
def counting(name: str) -> Iterator[Callable[[int, int, str], None]]:
    """Yields a callback (done, planned, text) that updates a progress bar."""
    with stages() as report:
        yield partial(report, name)


@contextmanager
def stages() -> Iterator[Callable[[str, int, int, str], None]]:
    """Yields a callback (name, done, planned, text) that updates one progress bar per name."""
    with _progress() as bar:
        tasks: dict[str, TaskID] = {}

        def report(name: str, done: int, planned: int, text: str) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=planned, text=text)
            bar.update(tasks[name], completed=done, total=planned, text=text)

        yield report


def print_summary(values: Mapping[str, Any]) -> None:
    """Print one line per value, shortened; a dash for None."""
    for name, value in values.items():
        STDERR.print(f"  {name:16s} {_text(value)[:200]}", highlight=False, markup=False)


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name}: {_text(one)}' for name, one in value.items())}}}"
    return f"[{', '.join(map(_text, value))}]" if isinstance(value, list | tuple) else str(value)


def command_line(verb: str, arguments: list[str]) -> str:
    """The command line, quoted for a shell."""
    return shlex.join(["praxia", verb, *(item for item in arguments if item != "--json")])
