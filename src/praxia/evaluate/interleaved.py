"""Two policies through one benchmark at once, from identical starts, in an order that was planned before."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from praxia.core.errors import MismatchError, PraxiaError, expect_positive
from praxia.core.types import Policy
from praxia.envs.family import EnvFamily
from praxia.evaluate.plan import Evaluation
from praxia.evaluate.results_writer import ResultsWriter, provenance
from praxia.evaluate.runner import SLOTS_PER_WORKER
from praxia.results.rows import Row
from praxia.results.turns import in_turn
from praxia.rollout.loop import run_episodes
from praxia.rollout.pool import WorkerPool
from praxia.rollout.queues import OrderedQueue
from praxia.rollout.types import Agent, Job, Trajectory

__all__ = ["EvaluatedPolicy", "interleave"]


@dataclass(frozen=True)
class EvaluatedPolicy:
    """A policy, on what it is judged, and where its results go. `threads` is what its arithmetic was given."""

    policy: Policy
    evaluation: Evaluation
    out: Path
    threads: int = 1


def interleave(
    a: EvaluatedPolicy,
    b: EvaluatedPolicy,
    family: EnvFamily,
    *,
    workers: int = 1,
    resume: bool = False,
    command: str = "",
    until_decided: bool = False,
) -> Generator[tuple[Row, Row], None, None]:
    """Run what is missing of both evaluations and yield the rows of `a` and `b` from each start, start by start.

    Starts come as planned, all tasks in turn (`results.turns`), whatever order episodes end in: nothing waits for a
    slow one but the pairs that were planned behind it.

    Both leave the files that `evaluate` would, with the same rows: under `exact` they are equal to the last bit but
    for `wall_s`. The caller may stop at any pair: what has ended is kept, also where no pair has shown it yet, and the
    files can be read, compared, or gone on with. Rows that no pair has shown are of the episodes that ended first: not
    a fair sample. A killed comparison loses the episodes under way; with `resume` the pairs that are there come first,
    and then the missing ones are run. `until_decided` says that the caller stops when the pairs say enough, and is
    written beside the rows: their number then was not fixed beforehand.

    Raises:
        MismatchError: a policy and the benchmark do not fit, the evaluations differ in more than the policy and its
            noise, or the files were begun differently.
        PraxiaError: both have the same file or the same policy, a file exists and `resume` was not asked for, a
            comparison that stopped when it was decided is to go on with a fixed number of pairs, or as `evaluate` says.
        UnknownName: no control of that name.
    """
    expect_positive(workers=workers)
    _expect_alike(a, b)
    with closing(_ledger(a, family)) as ours, closing(_ledger(b, family)) as theirs:
        writers, draws = (ours, theirs), provenance(family)
        metas = [
            {**writer.meta(one.threads, command, draws), "until_decided": until_decided}
            for one, writer in zip((a, b), writers, strict=True)
        ]
        # Neither is begun unless both can be.
        for writer, meta in zip(writers, metas, strict=True):
            writer.check(meta, resume)
        for writer, meta in zip(writers, metas, strict=True):
            writer.begin(meta, resume)
        try:
            yield from _pairs((a, b), writers, family, workers)
        finally:
            for writer in writers:
                writer.finish()


def _ledger(one: EvaluatedPolicy, family: EnvFamily) -> ResultsWriter:
    return ResultsWriter(one.policy, one.evaluation, one.out, family)


def _pairs(
    evaluated_policies: Sequence[EvaluatedPolicy], writers: Sequence[ResultsWriter], family: EnvFamily, workers: int
) -> Iterator[tuple[Row, Row]]:
    ours, theirs = ({row.start: row for row in writer.kept} for writer in writers)
    starts = [job.start for job in writers[0].jobs]
    planned = [start.key for start in in_turn(starts, lambda start: start.task)]
    at = 0
    trajectories = _trajectories(evaluated_policies, writers, planned, family, workers)
    with closing(trajectories):
        while at < len(planned):
            key = planned[at]
            if key in ours and key in theirs:
                yield ours[key], theirs[key]
                at += 1
            else:
                trajectory = next(trajectories)
                row = writers[trajectory.job.agent].add(trajectory)
                (ours, theirs)[trajectory.job.agent][row.start] = row


def _trajectories(
    evaluated_policies: Sequence[EvaluatedPolicy],
    writers: Sequence[ResultsWriter],
    planned: Sequence[str],
    family: EnvFamily,
    workers: int,
) -> Generator[Trajectory, None, None]:
    place = {key: at for at, key in enumerate(planned)}
    missing = [replace(job, agent=agent) for agent, writer in enumerate(writers) for job in writer.missing]
    jobs = sorted(missing, key=lambda job: (place[job.start.key], job.agent))
    evaluation, num_specs = evaluated_policies[0].evaluation, len({job.spec for job in jobs})
    # Both episodes of a start are run one after the other in one simulator. To keep those of all tasks of a benchmark
    # from round to round as well would save 4% of the time on Meta-World's fifty, for 0.6 GB (docs/LOG.md).
    with closing(WorkerPool(min(workers, len(jobs)), SLOTS_PER_WORKER, family.build)) as slots:
        yield from run_episodes(
            [Agent(one.policy, one.evaluation.execution) for one in evaluated_policies],
            slots,
            OrderedQueue(jobs, _spec, lookahead=len(evaluated_policies) * num_specs),
            horizon=evaluation.benchmark.horizon,
            embodiment=writers[0].embodiment,
            steps_after_success=evaluation.benchmark.steps_after_success,
            exact=evaluation.exact,
        )


def _spec(job: Job) -> object:
    return job.spec


def _expect_alike(a: EvaluatedPolicy, b: EvaluatedPolicy) -> None:
    if a.out.resolve() == b.out.resolve():
        raise PraxiaError(f"expected a results file for each policy, got {a.out} for both")
    if _competitor(a.evaluation) == _competitor(b.evaluation):
        raise PraxiaError(
            f"expected two policies, got the same one twice ({a.evaluation.policy_sha256[:12]}): name another one"
        )
    ours, theirs = (
        {"benchmark": one.benchmark.name, "episodes": one.episodes, "control": one.control, "exact": one.exact}
        for one in (a.evaluation, b.evaluation)
    )
    if different := [f"{name} {ours[name]!r} but {theirs[name]!r}" for name in ours if ours[name] != theirs[name]]:
        raise MismatchError(f"expected two policies to be judged alike, got {', '.join(different)}")


def _competitor(evaluation: Evaluation) -> tuple[str, float | None, str | None]:
    """As `results.identity.competitor_of`."""
    return evaluation.policy_sha256, evaluation.ensemble, evaluation.bind_as
