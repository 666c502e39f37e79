"""Two policies on one benchmark, evaluated side by side from identical starts."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from praxia.core.errors import MismatchError, PraxiaError, expect_positive
from praxia.core.types import Policy
from praxia.envs.family import EnvFamily
from praxia.evaluation.plan import Evaluation
from praxia.evaluation.results_writer import ResultsWriter, provenance
from praxia.evaluation.runner import SLOTS_PER_WORKER, ProgressCallback
from praxia.results.pairs import Pair, round_robin
from praxia.results.rows import Row
from praxia.results.verdict import Comparison
from praxia.rollout.loop import run_episodes
from praxia.rollout.pool import MakeSlots, process_pool
from praxia.rollout.queues import OrderedQueue
from praxia.rollout.types import Agent, Job, Trajectory

__all__ = ["EvaluatedPolicy", "compare", "interleave"]


@dataclass(frozen=True)
class EvaluatedPolicy:
    """A policy, its evaluation, and its results file. `threads` is the number of threads of the policy's arithmetic."""

    policy: Policy
    evaluation: Evaluation
    out: Path
    threads: int = 1


def compare(
    a: EvaluatedPolicy,
    b: EvaluatedPolicy,
    family: EnvFamily,
    *,
    until_decided: bool,
    workers: int = 1,
    resume: bool = False,
    command: str = "",
    report: ProgressCallback = lambda done, planned, text: None,
) -> dict[str, Any]:
    """Evaluate two policies and return the verdict of `results.verdict.Comparison`. Both results files are written.

    All planned episodes run, or with `until_decided` only as many as the decision takes. Pairs count in the order in
    which they were planned, so the verdict does not depend on `workers`, nor under `exact` on kills.

    Raises:
        PraxiaError: as `interleave`.
    """
    comparison = Comparison(until_decided=until_decided)
    planned = a.evaluation.episodes * len(a.evaluation.benchmark.tasks)
    pairs = interleave(a, b, family, workers=workers, resume=resume, command=command, until_decided=until_decided)
    with closing(pairs):
        for done, (ours, theirs) in enumerate(pairs, 1):
            comparison.add(Pair(ours, theirs))
            first, second = comparison.discordant
            report(done, planned, f"{first} against {second} discordant")
            if comparison.decided:
                break
    return comparison.verdict()


def interleave(
    a: EvaluatedPolicy,
    b: EvaluatedPolicy,
    family: EnvFamily,
    *,
    workers: int = 1,
    make_slots: MakeSlots | None = None,
    resume: bool = False,
    command: str = "",
    until_decided: bool = False,
) -> Generator[tuple[Row, Row], None, None]:
    """Run the missing episodes of both evaluations and yield the rows of `a` and `b`, start by start.

    Starts come in the planned order, round-robin over the tasks (`results.pairs.round_robin`), whatever the order in
    which episodes end. A slow episode delays only the pairs that were planned after it.

    Both results files and rows are those that `evaluate` would write: under `exact` they are identical except for
    `wall_s`. The caller may stop at any pair. Episodes that have ended are kept, including those not yet yielded as a
    pair, and the files can be read, compared, or resumed. Rows that were not yielded belong to the episodes that ended
    first and are no fair sample. A killed comparison loses its running episodes; with `resume` the existing pairs come
    first, and then the missing ones are run. `until_decided` declares that the caller stops when the comparison is
    decided. It is written beside the rows, because their number was then not fixed beforehand. `make_slots` is as in
    `evaluate`.

    Raises:
        MismatchError: a policy does not fit the benchmark, the evaluations differ in more than the policy and its
            noise, or the files were begun differently.
        PraxiaError: both have the same file or the same policy, either has repeats, a file exists and `resume` is
            False, a comparison that stopped when it was decided is to continue with a fixed number of pairs, or as
            `evaluate`.
        UnknownName: there is no such control.
    """
    expect_positive(workers=workers)
    _expect_same_evaluation(a, b)
    with closing(_writer(a, family)) as ours, closing(_writer(b, family)) as theirs:
        writers, draws = (ours, theirs), provenance(family)
        metas = [
            {**writer.meta(one.threads, command, draws), "until_decided": until_decided}
            for one, writer in zip((a, b), writers, strict=True)
        ]
        # Neither file is begun unless both can be.
        for writer, meta in zip(writers, metas, strict=True):
            writer.check(meta, resume)
        for writer, meta in zip(writers, metas, strict=True):
            writer.begin(meta, resume)
        try:
            yield from _pairs((a, b), writers, make_slots or process_pool(family.build, workers, SLOTS_PER_WORKER))
        finally:
            for writer in writers:
                writer.finish()


def _writer(one: EvaluatedPolicy, family: EnvFamily) -> ResultsWriter:
    return ResultsWriter(one.policy, one.evaluation, one.out, family)


def _pairs(
    evaluated_policies: Sequence[EvaluatedPolicy], writers: Sequence[ResultsWriter], make_slots: MakeSlots
) -> Iterator[tuple[Row, Row]]:
    ours, theirs = ({row.start: row for row in writer.kept} for writer in writers)
    starts = [job.start for job in writers[0].jobs]
    planned = [start.key for start in round_robin(starts, lambda start: start.task)]
    at = 0
    trajectories = _trajectories(evaluated_policies, writers, planned, make_slots)
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
    make_slots: MakeSlots,
) -> Generator[Trajectory, None, None]:
    order = {key: index for index, key in enumerate(planned)}
    missing = [replace(job, agent=agent) for agent, writer in enumerate(writers) for job in writer.missing]
    jobs = sorted(missing, key=lambda job: (order[job.start.key], job.agent))
    evaluation, num_specs = evaluated_policies[0].evaluation, len({job.spec for job in jobs})
    # Both episodes of a start run one after the other in one simulator. Keeping the simulators of all tasks from round
    # to round as well would save 4% of the time on Meta-World's fifty tasks, for 0.6 GB (docs/LOG.md).
    with closing(make_slots(len(jobs))) as slots:
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


def _expect_same_evaluation(a: EvaluatedPolicy, b: EvaluatedPolicy) -> None:
    if a.out.resolve() == b.out.resolve():
        raise PraxiaError(f"expected one results file per policy, got {a.out} for both")
    if _competitor(a.evaluation) == _competitor(b.evaluation):
        raise PraxiaError(
            f"expected two policies, got the same one twice ({a.evaluation.policy_sha256[:12]}): name another one"
        )
    if (repeats := max(a.evaluation.repeats, b.evaluation.repeats)) > 1:
        raise PraxiaError(f"expected one episode per start in a comparison, got {repeats} repeats: give repeats=1")
    ours, theirs = (
        {"benchmark": one.benchmark.name, "episodes": one.episodes, "control": one.control, "exact": one.exact}
        for one in (a.evaluation, b.evaluation)
    )
    if different := [f"{name} {ours[name]!r} but {theirs[name]!r}" for name in ours if ours[name] != theirs[name]]:
        raise MismatchError(f"expected two policies with the same evaluation, got {', '.join(different)}")


def _competitor(evaluation: Evaluation) -> tuple[str, float | None, str | None]:
    """As `results.meta.competitor_of`."""
    return evaluation.policy_sha256, evaluation.ensemble, evaluation.bind_as
