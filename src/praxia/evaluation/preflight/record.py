"""Records the reference of the preflight: `python -m praxia.evaluation.preflight.record [BENCHMARK ...] [--images]`.

It evaluates the expert and holding still on each named benchmark, and renders the golden images: of the families of the
named benchmarks, or of all of Praxia's. Run it after a change that is meant to change them, and review the difference
before you commit it. What belongs to a benchmark of another distribution is written beside that benchmark's module.
"""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tyro

from praxia.core.errors import PraxiaError
from praxia.core.files import write_atomic
from praxia.envs import ENVS, find_family
from praxia.evaluation.benchmarks import Benchmark, find_benchmark
from praxia.evaluation.policy_entry import find_policy
from praxia.evaluation.preflight.images import write_image
from praxia.evaluation.preflight.setup import NUM_ZERO, REFERENCE, read_reference, reference_path
from praxia.evaluation.runner import evaluate
from praxia.results.rows import first_error, read_rows

__all__ = ["record_images", "record_rates"]

# Holding still takes the whole horizon, so it is evaluated on fewer starts of each task.
ZERO_STARTS = 2


@dataclass(frozen=True)
class RecordArguments:
    """Record the reference of the preflight: rates on the named benchmarks, and with --images the golden images."""

    benchmarks: tyro.conf.Positional[tuple[str, ...]] = ()
    episodes: int = 10
    """Number of episodes per task by the expert."""
    workers: int = 1
    images: bool = False


def record_rates(name: str, episodes: int, workers: int) -> dict[str, Any]:
    """Evaluate the expert and holding still on a benchmark: an entry of the reference (`setup.ReferenceRates`)."""
    benchmark = find_benchmark(name)
    # At least as many starts of a task as a preflight uses.
    zero = _successes("zero", benchmark, max(ZERO_STARTS, -(-NUM_ZERO // len(benchmark.tasks))), workers)
    return {
        "episodes": episodes,
        "expert": _successes("expert", benchmark, episodes, workers),
        "solved_by_zero": [task for task, count in zero.items() if count],
    }


def _successes(policy: str, benchmark: Benchmark, episodes: int, workers: int) -> dict[str, int]:
    entry = find_policy(policy, benchmark, exact=False, workers=workers)
    with TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.jsonl"
        evaluation, family = entry.evaluation(episodes), find_family(benchmark.env)
        evaluate(entry.policy, evaluation, rows, family, workers=workers, threads=entry.threads)
        found = read_rows(rows)
    if (error := first_error(found)) is not None:
        raise PraxiaError(f"an episode of {policy} on {benchmark.name} was an error, so nothing is recorded: {error}")
    wins = Counter(row.task for row in found if row.status == "success")
    return {task: wins[task] for task in benchmark.tasks}


def record_images(families: Iterable[str]) -> dict[str, str | None]:
    """Render the golden image of every family that has one into its file. Returns the OpenGL vendor by family."""
    drawn_by = {}
    for family in map(find_family, families):
        if family.golden is not None:
            write_image(family.golden.path, family.golden.render())
            drawn_by[family.name] = family.provenance().get("gl_vendor")
    return drawn_by


def main() -> None:
    """The command line of this module."""
    options = tyro.cli(RecordArguments, prog="python -m praxia.evaluation.preflight.record")
    try:
        _record(options)
    except PraxiaError as error:
        print(f"praxia: {error}", file=sys.stderr)
        sys.exit(2)


def _record(options: RecordArguments) -> None:
    paths = {name: _writable_path(find_benchmark(name).name) for name in options.benchmarks}
    if options.images and not paths:
        _add(REFERENCE, "drawn_by", record_images(ENVS))
    for name, path in paths.items():
        # The image of a built-in family is never that of an outside benchmark to change.
        if options.images and (path == REFERENCE or find_benchmark(name).env not in ENVS):
            _add(path, "drawn_by", record_images([find_benchmark(name).env]))
        found = record_rates(name, options.episodes, options.workers)
        _add(path, "benchmarks", {name: found})
        wins = found["expert"].values()
        solved = ", ".join(found["solved_by_zero"]) or "nothing"
        print(f"{name}: expert {sum(wins)} of {options.episodes * len(wins)}, zero solves {solved}", file=sys.stderr)


def _writable_path(benchmark: str) -> Path:
    path = reference_path(benchmark)
    if not os.access(path.parent, os.W_OK):
        raise PraxiaError(
            f"the records of {benchmark} belong beside its module, but {path.parent} cannot be written: install that"
            " package from its source (`pip install --editable`) and record there"
        )
    return path


def _add(path: Path, table: str, entries: dict[str, Any]) -> None:
    """Add entries to one of the tables of a file of records."""
    records = read_reference(path)
    records = {**records, table: {**records[table], **entries}}
    write_atomic(path, json.dumps(records, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
