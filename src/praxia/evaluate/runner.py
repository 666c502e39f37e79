"""Runs a policy through a benchmark and leaves one result row an episode."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from praxia.core.errors import MismatchError, expect_positive
from praxia.core.types import Embodiment, Policy
from praxia.envs.family import Family
from praxia.evaluate.fit import check_fit
from praxia.evaluate.plan import Evaluation, plan
from praxia.results import fingerprint
from praxia.results.motion import motion
from praxia.results.rows import Row, actions_digest
from praxia.results.store import Replay, ResultsStore
from praxia.results.summary import summarise
from praxia.rollout.loop import rollout
from praxia.rollout.pool import WorkerPool
from praxia.rollout.process import elsewhere
from praxia.rollout.trace import Job, Trace

__all__ = ["Report", "evaluate"]

# While the policy thinks about one slot's picture, a worker simulates another's: four keep both busy.
SLOTS_PER_WORKER = 4

# Called after each episode with those done, those planned, and a text for people.
Report = Callable[[int, int, str], None]


def evaluate(
    policy: Policy,
    evaluation: Evaluation,
    out: Path,
    family: Family,
    *,
    workers: int = 1,
    resume: bool = False,
    threads: int = 1,
    command: str = "",
    report: Report = lambda done, planned, text: None,
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
    """
    expect_positive(episodes=evaluation.episodes, workers=workers)
    benchmark = evaluation.benchmark
    body = family.embodiment(benchmark.spec(benchmark.tasks[0]))
    check_fit(policy, benchmark, body)
    jobs = plan(evaluation, family)
    # A learned policy says which device does its arithmetic; the others do theirs in numpy.
    arithmetic = {"device": str(getattr(policy, "device", "cpu")), "threads": threads}
    meta = _meta(evaluation, family, arithmetic, command)
    with closing(ResultsStore(out)) as store:
        kept = store.begin(meta, resume)
        _check_kept(out, kept, jobs)
        tally = _Tally(len(jobs), kept, report)
        missing = [job for job in jobs if job.start.key not in {row.start for row in kept}]
        for trace in _traces(policy, evaluation, missing, family, workers, body):
            row = _row(evaluation, trace, body)
            store.append(row, Replay(trace.job.spec, trace.job.start, trace.actions))
            tally.add(row)
        rows = store.finish([job.start.key for job in jobs])
    summary = summarise(rows, benchmark.groups, averages_groups=benchmark.averages_groups)
    return {**summary, "fingerprint": meta["fingerprint"]}


def _traces(
    policy: Policy, evaluation: Evaluation, jobs: Sequence[Job], family: Family, workers: int, body: Embodiment
) -> Iterator[Trace]:
    if not jobs:
        return
    benchmark = evaluation.benchmark
    with closing(WorkerPool(min(workers, len(jobs)), SLOTS_PER_WORKER, family.build)) as slots:
        yield from rollout(
            policy,
            slots,
            jobs,
            body=body,
            pace=evaluation.pace,
            horizon=benchmark.horizon,
            steps_after_success=0 if benchmark.metric == "ever" else None,
            exact=evaluation.exact,
        )


def _row(evaluation: Evaluation, trace: Trace, body: Embodiment) -> Row:
    moved = motion(trace.actions, body)
    return Row(
        benchmark=evaluation.benchmark.name,
        task=trace.job.start.task,
        start=trace.job.start.key,
        policy_sha256=evaluation.policy_sha256,
        control=evaluation.control,
        status=trace.status(evaluation.benchmark.metric),
        steps=trace.steps,
        success_step=trace.success_step,
        progress=trace.progress,
        path=moved.path,
        jerk=moved.jerk,
        actions_sha256=actions_digest(trace.actions),
        error=trace.error,
        wall_s=round(trace.wall_s, 3),
    )


def _meta(evaluation: Evaluation, family: Family, arithmetic: Mapping[str, Any], command: str) -> dict[str, Any]:
    """What is written beside the rows. Whatever can change a row is in the fingerprint."""
    return {
        "schema": "praxia.evaluation.v1",
        "command": command,
        "fingerprint": {
            "benchmark": evaluation.benchmark.to_json(),
            "policy_sha256": evaluation.policy_sha256,
            "control": evaluation.control,
            "pace": asdict(evaluation.pace),
            "exact": evaluation.exact,
            "seed": evaluation.seed,
            "bind_as": evaluation.bind_as,
            **arithmetic,
            "versions": fingerprint.versions(),
            **fingerprint.code(),
            "machine": fingerprint.machine(),
            # OpenGL and CUDA in one process can end it.
            **elsewhere(family.provenance),
        },
    }


def _check_kept(out: Path, kept: Sequence[Row], jobs: Sequence[Job]) -> None:
    beyond = len({row.start for row in kept} - {job.start.key for job in jobs})
    if beyond:
        raise MismatchError(f"{out} holds {beyond} episodes more than were asked for: resume with more --episodes")


class _Tally:
    """Counts episodes as they come in, and says how it goes."""

    def __init__(self, planned: int, kept: Sequence[Row], report: Report):
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
