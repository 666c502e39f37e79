"""Errors a user can act on.

PraxiaError(ValueError)          exit code 2: the input is wrong, and the message says what to do
├── UnknownName                  a name that is not registered, with the nearest valid ones
├── MissingPackage               an optional package that is not installed, with the extra that brings it
├── DataError                    a data set that is missing, truncated or altered, naming file and episode
├── MismatchError                two things that do not fit: embodiment, window, head and encoder
├── RecordingError               recording stopped early; says what was kept
├── TrainingError                a loss that is not finite, naming the batch
├── CheckFailed                  a check that failed: the message is the first reason, `result` everything found
└── GraphicsError                no OpenGL that can draw off screen
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

__all__ = [
    "CheckFailed",
    "DataError",
    "GraphicsError",
    "MismatchError",
    "MissingPackage",
    "PraxiaError",
    "RecordingError",
    "TrainingError",
    "UnknownName",
    "crash_text",
    "expect_positive",
    "optional_import",
]


class PraxiaError(ValueError):
    """Bad input. The message is one line: what was expected, what came, what to do next."""


class UnknownName(PraxiaError):
    """A name that is not registered. The message gives the nearest valid names and the command that lists all.

    `nearest` is what is meant by `name` where that is known, such as its new name.
    """

    def __init__(self, kind: str, name: str, valid: Iterable[str], listing: str, nearest: str | None = None):
        valid = sorted(valid)
        near = (
            [nearest] if nearest is not None else difflib.get_close_matches(name, valid, n=3, cutoff=0.3) or valid[:3]
        )
        super().__init__(f"unknown {kind} {name!r}; nearest: {', '.join(near)}. List all {len(valid)}: {listing}")
        self.name = name
        self.nearest = near


class MissingPackage(PraxiaError):
    """An optional package that is not installed. The message is the line that installs it.

    `extra` is the extra of praxia that brings `package`; None: no extra of praxia does.
    """

    def __init__(self, what: str, package: str, extra: str | None):
        wanted = f"'praxia[{extra}]'" if extra else package
        super().__init__(f"{what} needs the package {package}: pip install {wanted}")


@contextmanager
def optional_import(what: str, extra: str | None) -> Iterator[None]:
    """Around the imports that `what` needs: `with optional_import("reading zarr", "zarr"): import zarr`.

    Raises:
        MissingPackage: one of the imported packages is not installed, nor is `extra` therefore.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "praxia").partition(".")[0]
        if package == "praxia":
            raise
        raise MissingPackage(what, package, extra) from error


class DataError(PraxiaError):
    """A data set that cannot be read correctly. The message names the file and the episodes in it."""


class MismatchError(PraxiaError):
    """Two things that do not fit. The message names both."""


class RecordingError(PraxiaError):
    """Recording stopped early, for instance on a full disk. The message says what was kept."""


class TrainingError(PraxiaError):
    """Training cannot go on, for instance after a loss that is not finite. The message names the batch."""


class CheckFailed(PraxiaError):
    """A check that failed. The message is the first reason in one line.

    `result` is a JSON value of everything that was found: `--json` prints it beside the message.
    """

    def __init__(self, message: str, result: Mapping[str, Any]):
        super().__init__(message)
        self.result = result


class GraphicsError(PraxiaError):
    """No OpenGL can draw off screen here. The message is the one line that installs it."""


def expect_positive(**numbers: int) -> None:
    """Refuse numbers below 1, naming the option: `expect_positive(workers=workers)`.

    Raises:
        PraxiaError: names the first such option.
    """
    for name, number in numbers.items():
        if number < 1:
            raise PraxiaError(f"expected --{name} of at least 1, got {number}")


def crash_text(error: BaseException) -> str:
    """An exception of somebody else's code in one line: its type, and the last line of its message."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[-1]}" if lines else type(error).__name__
