"""Records the reference of the preflight: `python -m praxia.evaluation.preflight.record [BENCHMARK ...] [--images]`.

It evaluates the expert and holding still on each named benchmark, and renders the golden images. Run it after a change
that is meant to change them, and review the difference before you commit it.
"""

import json
import sys
from collections import Counter
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
from praxia.evaluation.preflight.setup import NUM_ZERO, REFERENCE, read_reference
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


def record_images() -> dict[str, str | None]:
    """Render the golden image of every built-in family into its file. Returns the OpenGL vendor by family."""
    drawn_by = {}
    for family in map(find_family, ENVS):
        if family.golden is not None:
            write_image(family.golden.path, family.golden.render())
            drawn_by[family.name] = family.provenance().get("gl_vendor")
    return drawn_by


def main() -> None:
    """The command line of this module."""
    options = tyro.cli(RecordArguments, prog="python -m praxia.evaluation.preflight.record")
    if options.images:
        _write({**read_reference(), "drawn_by": record_images()})
    for name in options.benchmarks:
        found = record_rates(name, options.episodes, options.workers)
        table = read_reference()
        _write({**table, "benchmarks": {**table["benchmarks"], name: found}})
        wins = found["expert"].values()
        solved = ", ".join(found["solved_by_zero"]) or "nothing"
        print(f"{name}: expert {sum(wins)} of {options.episodes * len(wins)}, zero solves {solved}", file=sys.stderr)


def _write(table: dict[str, Any]) -> None:
    write_atomic(REFERENCE, json.dumps(table, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
