"""Results as JSON lines: one row per episode, appended as episodes end."""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, BinaryIO, Protocol, get_args, runtime_checkable

import numpy as np
from jaxtyping import Float32

from praxia.core.errors import DataError
from praxia.core.files import write_atomic
from praxia.core.types import Status
from praxia.results.migration import ROW_SCHEMA, migrate_row

__all__ = [
    "Row",
    "RowWriter",
    "actions_digest",
    "begins_with_row",
    "cut_incomplete_line",
    "first_error",
    "first_fault",
    "read_rows",
    "recover_rows",
    "repeats_reason",
    "write_rows",
]


@dataclass(frozen=True)
class Row:
    """One evaluated episode.

    Attributes:
        start: key of the initial state.
        repeat: number of the episode among those from this start, from 0. A line of JSON has it only above 0.
        policy_sha256: identity of the evaluated policy: weights, config and sampling. The oldest files have the hash of
            its weights instead.
        control: name of the control condition, or None.
        steps: number of control steps.
        success_step: number of steps after which success first held, or None.
        progress: share of the task's parts, in [0, 1], that was done when the episode ended; None: unknown.
        starved_steps: on a benchmark with a delay, the number of steps at which nothing was ready, so that the robot
            was held still. A line of JSON has this and the next two only there.
        observation_age: mean age, in control steps, of the observations behind the other actions, or None without any.
        observation_hz: the number of observations that were decided on, per second of control. A policy that corrects
            its actions (`rollout.corrected`) decides on one at every step: its age is 0 although its chunks are as old
            as another policy's, and steps at which no chunk was ready are not counted as starved.
        path_length, jerk: of the commanded motion (`results.motion`), or None where they are undefined.
        actions_sha256: hash of the executed actions.
        status: "unknown" where the environment, such as a robot, does not know whether the episode succeeded.
        error: what crashed, in a row whose status is "error", which is neither a success nor a failure. A failure with
            an error is the policy's fault: it returned actions that no robot should execute.
        wall_s: duration in seconds, the only field that differs from run to run.
    """

    benchmark: str
    task: str
    start: str
    repeat: int = field(default=0, kw_only=True)
    policy_sha256: str
    control: str | None
    status: Status
    steps: int
    success_step: int | None
    progress: float | None
    path_length: float | None = field(default=None, kw_only=True)
    jerk: float | None = field(default=None, kw_only=True)
    starved_steps: int | None = field(default=None, kw_only=True)
    observation_age: float | None = field(default=None, kw_only=True)
    observation_hz: float | None = field(default=None, kw_only=True)
    actions_sha256: str
    error: str | None
    wall_s: float
    schema: str = ROW_SCHEMA

    @property
    def episode(self) -> tuple[str, int]:
        """The start and the repeat number: what names an episode within one results file."""
        return self.start, self.repeat

    @property
    def is_known(self) -> bool:
        """Whether the episode is a success or a failure. Others are in no rate."""
        return self.status in ("success", "failure")

    def line(self) -> bytes:
        """The row as one line of JSON, its schema first."""
        values = {name: value for name, value in asdict(self).items() if name not in _absent(self)}
        return json.dumps({"schema": self.schema, **values}, allow_nan=False).encode() + b"\n"


# What a line has only on a benchmark with a delay.
_OF_DELAYS = ("starved_steps", "observation_age", "observation_hz")


def _absent(row: Row) -> set[str]:
    """The fields that the line of a row leaves out, as lines from before they existed do."""
    of_delays = _OF_DELAYS if row.starved_steps is None else ()
    return {*of_delays, *(() if row.repeat else ("repeat",))}


@runtime_checkable
class HasLine(Protocol):
    """A row of any kind of results."""

    def line(self) -> bytes: ...


class RowWriter:
    """Appends rows to a file. A row is on the disk when `append` returns."""

    def __init__(self, path: Path):
        self._file: BinaryIO = path.open("ab")

    def append(self, row: HasLine) -> None:
        self._file.write(row.line())
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def actions_digest(actions: Float32[np.ndarray, "T A"]) -> str:
    """SHA-256 of the executed actions as little-endian float32, step by step."""
    return hashlib.sha256(np.ascontiguousarray(actions, "<f4").tobytes()).hexdigest()


def first_error(rows: Iterable[Row]) -> str | None:
    """The error of the first episode with status "error", in one line, or None."""
    error = next((row.error for row in rows if row.status == "error"), None)
    return None if error is None else " ".join(error.split()).rstrip(".")


def first_fault(rows: Iterable[Row]) -> str | None:
    """The first fault of the policy, which ended an episode as a failure, or None."""
    return next((row.error for row in rows if row.status == "failure" and row.error is not None), None)


def begins_with_row(path: Path) -> bool:
    """Whether a file begins with a result row of any schema, also of one that cannot be read."""
    with path.open("rb") as file:
        try:
            first = json.loads(file.readline())
        except ValueError:
            return False
    return isinstance(first, dict) and str(first.get("schema")).startswith("praxia.row.")


def read_rows(path: Path, *, repeats: bool = False) -> list[Row]:
    """All rows of a complete file, in the current schema.

    Most statistics count each start once, so a file with several episodes from one start is refused, unless `repeats`.

    Raises:
        DataError: the file does not exist, a line is not a row, or an episode has two rows. Names the line. Or there
            are repeats.
    """
    if not path.is_file():
        raise DataError(f"no results at {path}: expected a file that `praxia eval ... --out {path}` writes")
    data = path.read_bytes()
    if data and not data.endswith(b"\n"):
        raise DataError(
            f"{path} ends in the middle of a row because its evaluation was stopped: finish it with the same"
            " `praxia eval` and --resume"
        )
    rows = [_parse(path, number, line) for number, line in enumerate(data.splitlines(), 1)]
    seen: dict[tuple[str, int], int] = {}
    for number, row in enumerate(rows, 1):
        # An episode that counts twice would look like more evidence than it is.
        if (before := seen.setdefault(row.episode, number)) != number:
            same = "the same start" if row.repeat == 0 else f"repeat {row.repeat} of the same start"
            raise DataError(f"{path} lines {before} and {number} have {same}, {row.start}: expected one row per start")
    if not repeats and (reason := repeats_reason(rows)) is not None:
        raise DataError(f"{path} holds {reason}")
    return rows


def repeats_reason(rows: Iterable[Row]) -> str | None:
    """Why statistics that count each start once cannot use `rows`, or None.

    Episodes from one start resemble each other: taken for independent ones, they would look like more evidence.
    """
    repeated = next((row for row in rows if row.repeat > 0), None)
    if repeated is None:
        return None
    return (
        f"several episodes from one start ({repeated.start}), which no comparison or ranking counts: evaluate with"
        " repeats=1 into another file, and compare that"
    )


def recover_rows(path: Path) -> list[Row]:
    """The rows of a file whose writer was killed. Cuts an incomplete last line from the file."""
    cut_incomplete_line(path)
    return read_rows(path, repeats=True)


def cut_incomplete_line(path: Path) -> None:
    """Cut what follows the last complete line of a file, which a killed writer left."""
    data = path.read_bytes()
    complete = data.rfind(b"\n") + 1
    if complete < len(data):
        os.truncate(path, complete)


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Replace the file by `rows` atomically."""
    write_atomic(path, b"".join(row.line() for row in rows))


def _parse(path: Path, number: int, line: bytes) -> Row:
    try:
        value: Any = json.loads(line)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise DataError(f"{path} line {number} is not a JSON object: expected one result row per line")
    value = migrate_row(value)
    if value.get("schema") != ROW_SCHEMA:
        raise DataError(
            f"{path} line {number} has schema {value.get('schema')!r}, expected {ROW_SCHEMA!r}: "
            "another version of praxia wrote it; evaluate again with `praxia eval`"
        )
    wanted = {each.name for each in fields(Row)}
    if {"repeat", *_OF_DELAYS, *value} != wanted:
        raise DataError(
            f"{path} line {number}: missing fields {sorted(wanted - set(value))}, unknown {sorted(set(value) - wanted)}"
        )
    if value["status"] not in get_args(Status):
        raise DataError(f"{path} line {number} has status {value['status']!r}, expected one of {get_args(Status)}")
    return Row(**value)
