"""Progress bars and summaries for people, on stderr, for every verb."""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
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

__all__ = ["STDERR", "ProgressLines", "counting", "print_summary", "say", "stages", "warn"]

# Without a terminal, a line is printed at least this often: a second less than the 30 seconds that are promised.
LINE_EVERY_S = 29.0

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
    """Yields a callback (name, done, planned, text) that updates one progress bar per name.

    Without a terminal there are lines in place of bars (`ProgressLines`), at least every 30 seconds.
    """
    if not STDERR.is_terminal:
        with _lines() as lines:
            yield lines
        return
    with _progress() as bar:
        tasks: dict[str, TaskID] = {}

        def report(name: str, done: int, planned: int, text: str) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=planned, text=text)
            bar.update(tasks[name], completed=done, total=planned, text=text)

        yield report


class ProgressLines:
    """Progress as plain lines: one when a name is first reported, one when it is done, and others when they are due.

    `write(line)` prints a line, `clock()` is in seconds. Reports come from one thread and `tick` from another.
    """

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic):
        self._write, self._clock = write, clock
        self._lock = threading.Lock()
        self._begun: dict[str, tuple[float, int]] = {}
        self._newest: dict[str, tuple[int, int, str]] = {}
        self._printed_s: dict[str, float] = {}

    def report(self, name: str, done: int, planned: int, text: str) -> None:
        """Take note of `done` of `planned`, and print it if it is the first or the last of that name."""
        with self._lock:
            begun = name in self._begun
            news = self._newest.get(name) != (done, planned, text)
            self._begun.setdefault(name, (self._clock(), done))
            self._newest[name] = (done, planned, text)
            if not begun or (done >= planned and news):
                self._print(name)

    def tick(self) -> None:
        """Print what is not done and was last printed `LINE_EVERY_S` seconds ago or earlier."""
        with self._lock:
            for name, (done, planned, _) in self._newest.items():
                if done < planned and self._clock() - self._printed_s[name] >= LINE_EVERY_S:
                    self._print(name)

    def _print(self, name: str) -> None:
        done, planned, text = self._newest[name]
        began_s, first = self._begun[name]
        now_s = self._printed_s[name] = self._clock()
        elapsed_s = now_s - began_s
        parts = [f"{name}  {done}/{planned}", text, _duration(elapsed_s)]
        if first < done < planned:
            parts.append(f"{_duration(elapsed_s * (planned - done) / (done - first))} left")
        self._write("  ".join(filter(None, parts)))


@contextmanager
def _lines() -> Iterator[Callable[[str, int, int, str], None]]:
    """Yields a callback as `stages` does; a thread prints the lines that are due."""
    lines = ProgressLines(partial(STDERR.print, highlight=False, markup=False, soft_wrap=True))
    ended = threading.Event()

    def tick() -> None:
        while not ended.wait(0.5):
            lines.tick()

    thread = threading.Thread(target=tick, name="progress", daemon=True)
    thread.start()
    try:
        yield lines.report
    finally:
        ended.set()
        thread.join()


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def say(text: str) -> None:
    """Print a line for people on stderr."""
    STDERR.print(f"  {text}", highlight=False, markup=False, soft_wrap=True)


def warn(text: str) -> None:
    """Print a warning on stderr, also where nothing else is shown."""
    if sys.stderr is not None:
        print(f"warning: {text}", file=sys.stderr)


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
