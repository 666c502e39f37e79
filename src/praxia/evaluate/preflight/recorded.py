"""What experts and holding still reached on each benchmark once: `recorded.json`, written by `record.py`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["TABLE", "Recorded", "read_table", "recorded"]

TABLE = Path(__file__).with_name("recorded.json")


@dataclass(frozen=True)
class Recorded:
    """The expert's successes on each task's first `episodes` starts, by task, and which tasks doing nothing solves."""

    episodes: int
    expert: Mapping[str, int]
    solved_by_zero: Sequence[str]


def recorded(benchmark: str) -> Recorded | None:
    """What is recorded of the benchmark of that name, if anything is."""
    found = read_table()["benchmarks"].get(benchmark)
    return found and Recorded(**found)


def read_table() -> dict[str, Any]:
    """`{"benchmarks": {name: {"episodes", "expert", "solved_by_zero"}}, "drawn_by": {family: OpenGL's vendor}}`."""
    return json.loads(TABLE.read_text())
