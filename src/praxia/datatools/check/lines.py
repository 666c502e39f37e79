"""The episodes and tasks of LeRobot v2.1, which are lines of JSON, in v3.0's columns.

A file of rows, and one of images for each camera, holds one episode; its chunk follows from `chunks_size`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from praxia.data.layout import EPISODE_LINES, TASK_LINES
from praxia.data.metadata import columns_of_lines
from praxia.datatools.check.problems import Problems

__all__ = ["episodes_of_lines", "tasks_of_lines"]

# What a line that is no JSON, or is of another kind than it should be, leads to.
DAMAGED_LINE = (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


def episodes_of_lines(
    root: Path, info: Mapping[str, Any], problems: Problems
) -> tuple[dict[str, Shaped[np.ndarray, " E"]], tuple[tuple[str, ...], ...]] | None:
    """The columns of the episode table, and the instructions of each episode; None where they cannot be told."""
    try:
        rows = sorted(_lines(root / EPISODE_LINES), key=lambda row: row["episode_index"])
        number, length = (
            np.array([_whole(row[name]) for row in rows], dtype=np.int64) for name in ("episode_index", "length")
        )
        instructions = tuple(tuple(str(task) for task in row["tasks"]) for row in rows)
        columns = columns_of_lines(info, number, length)
    except DAMAGED_LINE as error:
        kind = "json" if (root / EPISODE_LINES).is_file() else "missing-file"
        problems.add(EPISODE_LINES, kind, f"{type(error).__name__}: {error}")
        return None
    return columns, instructions


def tasks_of_lines(root: Path, problems: Problems) -> dict[int, str]:
    """The instruction by task_index; nothing where they cannot be told."""
    try:
        tasks = {_whole(row["task_index"]): str(row["task"]) for row in _lines(root / TASK_LINES)}
    except DAMAGED_LINE as error:
        kind = "json" if (root / TASK_LINES).is_file() else "missing-file"
        problems.add(TASK_LINES, kind, f"{type(error).__name__}: {error}")
        return {}
    if not tasks:
        problems.add(TASK_LINES, "unknown-task", "it has no instruction")
    return tasks


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().decode().split("\n") if line.strip()]


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise ValueError(f"expected a whole number, got {value!r}")
    return value
