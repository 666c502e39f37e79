"""Runs a policy through a benchmark and leaves one result row an episode."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from praxia.core.errors import Refused, expect_positive
from praxia.core.types import Policy
from praxia.envs.family import EnvFamily
from praxia.evaluate.plan import Evaluation
from praxia.evaluate.results_writer import ResultsWriter, provenance
from praxia.results.rows import Row, first_error
from praxia.results.summary import summarise
from praxia.rollout.loop import rollout
from praxia.rollout.pool import WorkerPool
from praxia.rollout.types import Trajectory

__all__ = ["SLOTS_PER_WORKER", "ProgressCallback", "evaluate"]

# While the policy thinks about one slot's image, a worker simulates another's: four keep both busy.
SLOTS_PER_WORKER = 4

# Called after each episode with those done, those planned, and a text for people.
ProgressCallback = Callable[[int, int, str], None]


def evaluate(
    policy: Policy,
    evaluation: Evaluation,
    out: Path,
    family: EnvFamily,
    *,
    workers: int = 1,
    resume: bool = False,
    threads: int = 1,
    command: str = "",
    report: ProgressCallback = lambda done, planned, text: None,
) -> dict[str, Any]:
    """Run what is missing of `evaluation` and return `results.summary.summarise` of all rows, and the fingerprint.

    Rows are appended to `out` as episodes end and sorted by task and start index when all have. Killed at any
    moment it loses the episodes under way: with `resume` they alone are run. Under `evaluation.exact` rows do not
    depend on `workers` or on kills, but for `wall_s`. `threads` is what the caller gave to the policy's
    arithmetic and `command` what was typed: both are only recorded here.

    Raises:
        MismatchError: policy and benchmark do not fit, or `out` was begun differently.
        PraxiaError: `out` exists and `resume` was not asked for, the control has nothing to spoil here, or the rate of
            ensembling is not finite.
        UnknownName: no control of that name.
        Refused: every episode was an error, so nothing was measured; the rows are kept, and the summary is the result.
    """
    expect_positive(workers=workers)
    with closing(ResultsWriter(policy, evaluation, out, family)) as writer:
        meta = writer.meta(threads, command, provenance(family))
        writer.begin(meta, resume)
        tally = _Tally(len(writer.jobs), writer.kept, report)
        for trajectory in _trajectories(policy, writer, family, workers):
            tally.add(writer.add(trajectory))
        rows = writer.finish()
    benchmark = evaluation.benchmark
    summary = summarise(rows, benchmark.groups, averages_groups=benchmark.averages_groups)
    result = {**summary, "fingerprint": meta["fingerprint"]}
    if summary["errors"] == summary["episodes"]:
        raise Refused(
            f"each of {summary['episodes']} episodes ended in an error, so nothing was measured; the first: "
            f"{first_error(rows)}. Put that right, and evaluate again into another file than {out}",
            result,
        )
    return result


def _trajectories(policy: Policy, writer: ResultsWriter, family: EnvFamily, workers: int) -> Iterator[Trajectory]:
    jobs, evaluation = writer.missing, writer.evaluation
    if not jobs:
        return
    with closing(WorkerPool(min(workers, len(jobs)), SLOTS_PER_WORKER, family.build)) as slots:
        yield from rollout(
            policy,
            slots,
            jobs,
            execution=evaluation.execution,
            horizon=evaluation.benchmark.horizon,
            embodiment=writer.embodiment,
            steps_after_success=evaluation.benchmark.steps_after_success,
            exact=evaluation.exact,
        )


class _Tally:
    """Counts episodes as they come in, and says how it goes."""

    def __init__(self, planned: int, kept: Sequence[Row], report: ProgressCallback):
        self._report = report
        self._planned, self._num_kept = planned, len(kept)
        self._counts = Counter(row.status for row in kept)
        self._began_s = time.perf_counter()
        self._say(f"{len(kept)} episodes recovered" if kept else "starting")

    def add(self, row: Row) -> None:
        self._counts[row.status] += 1
        judged = self._counts["success"] + self._counts["failure"]
        per_minute = (self._counts.total() - self._num_kept) / (time.perf_counter() - self._began_s) * 60
        success = f"success {self._counts['success'] / judged:.0%}" if judged else "none judged"
        errors = f"  {self._counts['error']} errors" if self._counts["error"] else ""
        self._say(f"{success}{errors}  {per_minute:.0f} episodes/min")

    def _say(self, text: str) -> None:
        self._report(self._counts.total(), self._planned, text)
