"""Results as JSON lines, one row an episode, appended as episodes end."""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, BinaryIO, Literal, get_args

import numpy as np
from jaxtyping import Float32

from praxia.core.errors import DataError
from praxia.core.files import write_whole

__all__ = [
    "SCHEMA",
    "Row",
    "RowWriter",
    "Status",
    "actions_digest",
    "begins_with_row",
    "first_error",
    "read_rows",
    "recover_rows",
    "write_rows",
]

SCHEMA = "praxia.row.v3"
Status = Literal["success", "failure", "error"]


@dataclass(frozen=True)
class Row:
    """One evaluated episode.

    `start` is the key of its initial state, `policy_sha256` the identity of the judged policy (weights, config and
    sampling; in files of before there was one, the hash of its weights), `control` the name of the control condition
    or None. `steps` were taken; success first held after `success_step` of them (None: never).
    `progress` is the share of the task's parts, in [0, 1], that was done when the episode ended. `path` and `jerk` say
    how the robot was told to move (`results.motion`; None where that is undefined), and `actions_sha256` is the hash of
    what was executed. An `error` row is neither a success nor a failure, and `error` says what crashed. A failure
    whose `error` is a text was the policy's fault: it ended with what "the policy gave" that no robot should execute.
    `wall_s` seconds passed: of all fields only this one differs from run to run.
    """

    benchmark: str
    task: str
    start: str
    policy_sha256: str
    control: str | None
    status: Status
    steps: int
    success_step: int | None
    progress: float
    path: float | None = field(default=None, kw_only=True)
    jerk: float | None = field(default=None, kw_only=True)
    actions_sha256: str
    error: str | None
    wall_s: float
    schema: str = SCHEMA

    def line(self) -> bytes:
        """The row as one line of JSON, its schema first."""
        return json.dumps({"schema": self.schema, **asdict(self)}, allow_nan=False).encode() + b"\n"


class RowWriter:
    """Appends rows to a file; each is on the disk when `append` returns."""

    def __init__(self, path: Path):
        self._file: BinaryIO = path.open("ab")

    def append(self, row: Row) -> None:
        self._file.write(row.line())
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def actions_digest(actions: Float32[np.ndarray, "T A"]) -> str:
    """SHA-256 over the executed actions as little-endian float32, step after step."""
    return hashlib.sha256(np.ascontiguousarray(actions, "<f4").tobytes()).hexdigest()


def first_error(rows: Iterable[Row]) -> str | None:
    """What the first episode that is an error says, in one line; None: none is."""
    said = next((row.error for row in rows if row.status == "error"), None)
    return None if said is None else " ".join(said.split()).rstrip(".")


def begins_with_row(path: Path) -> bool:
    """Whether a file begins with a result row, of whatever version: one that cannot be read is not passed over."""
    with path.open("rb") as file:
        try:
            first = json.loads(file.readline())
        except ValueError:
            return False
    return isinstance(first, dict) and str(first.get("schema")).startswith("praxia.row.")


def read_rows(path: Path) -> list[Row]:
    """All rows of a finished file.

    Raises:
        DataError: no such file, a line that is not a row of this schema, by its number, or a start with two rows.
    """
    if not path.is_file():
        raise DataError(f"no results at {path}: expected a file that `praxia eval ... --out {path}` writes")
    data = path.read_bytes()
    if data and not data.endswith(b"\n"):
        raise DataError(
            f"{path} ends within a row: its evaluation was stopped; finish it with the same `praxia eval` and --resume"
        )
    rows = [_parse(path, number, line) for number, line in enumerate(data.splitlines(), 1)]
    seen: dict[str, int] = {}
    for number, row in enumerate(rows, 1):
        # Counted twice, an episode would look like more evidence than it is.
        if (before := seen.setdefault(row.start, number)) != number:
            raise DataError(f"{path} lines {before} and {number} are of the same start, {row.start}: expected one each")
    return rows


def recover_rows(path: Path) -> list[Row]:
    """The rows of a file whose writer was killed: a torn last line is cut from the file."""
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        os.truncate(path, whole)
    return read_rows(path)


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Replace the file by `rows`, in one step."""
    write_whole(path, b"".join(row.line() for row in rows))


def _parse(path: Path, number: int, line: bytes) -> Row:
    try:
        value: Any = json.loads(line)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise DataError(f"{path} line {number} is not a JSON object: expected one result row a line")
    if value.get("schema") != SCHEMA:
        raise DataError(
            f"{path} line {number} has schema {value.get('schema')!r}, expected {SCHEMA!r}: "
            "another version of praxia wrote it; evaluate again with `praxia eval`"
        )
    wanted = {each.name for each in fields(Row)}
    if set(value) != wanted:
        raise DataError(
            f"{path} line {number}: missing fields {sorted(wanted - set(value))}, unknown {sorted(set(value) - wanted)}"
        )
    if value["status"] not in get_args(Status):
        raise DataError(f"{path} line {number} has status {value['status']!r}, expected one of {get_args(Status)}")
    return Row(**value)
