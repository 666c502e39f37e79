"""Runs a policy on a benchmark and writes one result row per episode."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from praxia.core.errors import CheckFailed, expect_positive
from praxia.core.types import Policy
from praxia.envs.family import EnvFamily
from praxia.evaluation.plan import Evaluation
from praxia.evaluation.results_writer import ResultsWriter, provenance
from praxia.evaluation.shuffled_intents import controlled, expect_thinker
from praxia.results.rows import Row, first_error
from praxia.results.summary import summarise
from praxia.rollout.loop import rollout
from praxia.rollout.pool import MakeSlots, process_pool
from praxia.rollout.types import Trajectory

__all__ = ["SLOTS_PER_WORKER", "ProgressCallback", "evaluate"]

# While the policy computes for one slot, a worker simulates another: four slots keep both busy. One worker per core is
# best although the policy's process needs a core too. A step costs the same CPU time however many workers share the
# work, and the policy's process mostly waits for images, even at 80 px, where its share is a quarter of the work. With
# one worker fewer a core would be idle most of the time; one more would only take a simulator's memory.
SLOTS_PER_WORKER = 4

# Called after each episode with the numbers of finished and planned episodes, and a text for people.
ProgressCallback = Callable[[int, int, str], None]


def evaluate(
    policy: Policy,
    evaluation: Evaluation,
    out: Path,
    family: EnvFamily,
    *,
    workers: int = 1,
    make_slots: MakeSlots | None = None,
    resume: bool = False,
    threads: int = 1,
    command: str = "",
    report: ProgressCallback = lambda done, planned, text: None,
) -> dict[str, Any]:
    """Run the missing episodes of `evaluation` and return `results.summary.summarise` of all rows, and the fingerprint.

    Rows are appended to `out` as episodes end, and sorted by task and start index at the end. A killed evaluation loses
    only its running episodes, and with `resume` only missing episodes run. Under `evaluation.exact` rows, except their
    `wall_s`, do not depend on `workers` or on kills. Episodes run in what `make_slots(number of episodes)` returns
    (None: `workers` processes with the family's environments). `threads` (of the policy's arithmetic) and `command`
    (the command line) are only recorded.

    Raises:
        MismatchError: the policy does not fit the benchmark, or `out` was begun differently.
        PraxiaError: `out` exists and `resume` is False, the control cannot disturb anything here, or the rate of
            ensembling is not finite.
        UnknownName: there is no such control.
        CheckFailed: every episode was an error, so nothing was measured. The rows are kept. Its result is the summary.
    """
    expect_positive(workers=workers)
    expect_thinker(policy, evaluation)
    with closing(ResultsWriter(policy, evaluation, out, family)) as writer:
        meta = writer.meta(threads, command, provenance(family))
        writer.begin(meta, resume)
        tally = _Tally(len(writer.jobs), writer.kept, report)
        make_slots = make_slots or process_pool(family.build, workers, SLOTS_PER_WORKER)
        for trajectory in _trajectories(policy, writer, family, make_slots):
            tally.add(writer.add(trajectory))
        rows = writer.finish()
    benchmark = evaluation.benchmark
    summary = summarise(rows, benchmark.groups, averages_groups=benchmark.averages_groups)
    result = {**summary, "fingerprint": meta["fingerprint"]}
    if summary["errors"] == summary["episodes"]:
        raise CheckFailed(
            f"each of {summary['episodes']} episodes ended in an error, so nothing was measured; the first: "
            f"{first_error(rows)}. Fix it, and evaluate again into another file than {out}",
            result,
        )
    return result


def _trajectories(
    policy: Policy, writer: ResultsWriter, family: EnvFamily, make_slots: MakeSlots
) -> Iterator[Trajectory]:
    jobs, evaluation = writer.missing, writer.evaluation
    if not jobs:
        return
    policy = controlled(policy, evaluation, family)
    with closing(make_slots(len(jobs))) as slots:
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
    """Counts finished episodes and reports progress."""

    def __init__(self, planned: int, kept: Sequence[Row], report: ProgressCallback):
        self._report = report
        self._planned, self._num_kept = planned, len(kept)
        self._counts = Counter(row.status for row in kept)
        self._began_s = time.perf_counter()
        self._report_progress(f"{len(kept)} episodes recovered" if kept else "starting")

    def add(self, row: Row) -> None:
        self._counts[row.status] += 1
        completed = self._counts["success"] + self._counts["failure"]
        per_minute = (self._counts.total() - self._num_kept) / (time.perf_counter() - self._began_s) * 60
        success = f"success {self._counts['success'] / completed:.0%}" if completed else "no success rate"
        errors = f"  {self._counts['error']} errors" if self._counts["error"] else ""
        unknown = f"  {self._counts['unknown']} unknown" if self._counts["unknown"] else ""
        self._report_progress(f"{success}{errors}{unknown}  {per_minute:.0f} episodes/min")

    def _report_progress(self, text: str) -> None:
        self._report(self._counts.total(), self._planned, text)
