"""Results of evaluations with known outcomes, as rows and as files."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from praxia.core.types import Status
from praxia.results.rows import Row, write_rows

WORDS: dict[str, Status] = {"1": "success", "0": "failure", "?": "unknown", "!": "error"}


def made_row(task: str, index: int, status: Status, step: int = 10, policy: str = "f00d", **changes: Any) -> Row:
    """Episode `index` of a task; a success came after `step` steps."""
    success_step = step if status == "success" else None
    values = {
        "benchmark": "toy/plain",
        "task": task,
        "start": f"{task}-{index}",
        "policy_sha256": policy,
        "control": None,
        "status": status,
        "steps": step,
        "success_step": success_step,
        "progress": float(status == "success"),
        "actions_sha256": "beef",
        "error": "OSError: gone" if status == "error" else None,
        "wall_s": 0.1,
    }
    return Row(**{**values, **changes})


def made_rows(outcomes: dict[str, str], **more: Any) -> list[Row]:
    """Rows from one text per task, one character per episode: "1" success, "0" failure, "?" unknown, "!" error,
    "." absent.
    """
    return [
        made_row(task, index, WORDS[sign], **more)
        for task, signs in outcomes.items()
        for index, sign in enumerate(signs)
        if sign != "."
    ]


def made_fingerprint(**changes: Any) -> dict[str, Any]:
    """What identifies an evaluation on the toy benchmark."""
    values = {
        "benchmark": {"name": "toy/plain", "horizon": 40},
        "policy_sha256": "f00d",
        "control": None,
        "seed": 0,
        "exact": False,
        "versions": {"numpy": "2.0", "mujoco": "3.8"},
        "source_sha256": "aaaa",
        "revision": "abc",
        "gl_vendor": "none",
    }
    return {**values, **changes}


def write_results(path: Path, rows: Sequence[Row], meta: dict[str, Any] | None = None, **changes: Any) -> Path:
    """A finished results file with its meta; `changes` are of its fingerprint."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_rows(path, rows)
    value = {"command": "praxia eval", "fingerprint": made_fingerprint(**changes), **(meta or {})}
    path.with_name(f"{path.name}.meta.json").write_text(json.dumps(value))
    return path
