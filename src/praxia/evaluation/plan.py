"""The definition of an evaluation and its jobs, which depend on nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from praxia.core.errors import PraxiaError
from praxia.core.types import ChunkExecution, Sampling, Start
from praxia.envs.family import EnvFamily
from praxia.evaluation.benchmarks import Benchmark
from praxia.evaluation.controls import control_wrappers
from praxia.rollout.types import Job

__all__ = ["Evaluation", "episode_key", "plan"]


@dataclass(frozen=True)
class Evaluation:
    """A policy on a benchmark.

    Attributes:
        policy_sha256: identity of the policy. `weights_sha256` is the hash of its weights, or None if it has none.
        episodes: number of starts per task.
        repeats: number of episodes from each start, each with its own noise. With more than one there are rates, but
            no comparison or ranking (`results.rows.repeats_reason`).
        control: name of the control condition, or None.
        exact: one episode per inference, so that results do not depend on the batch.
        seed: seed of the policy's noise. It does not change the starts.
        bind_as: the trained embodiment as which the policy is bound on purpose to the benchmark's, or None.
        ensemble: replaces the benchmark's chunk execution: observe every step, with `ChunkExecution.ensemble` of this
            rate.
        sampling: the options that differ from the policy's own. They are part of its identity.
        claim: what is known of the identity of a foreign policy; None: `policy_sha256` covers all of the policy.
        planner: what `policy_sha256` is the hash of where the policy is a planner (`planner_entry`); else None.
    """

    benchmark: Benchmark
    policy_sha256: str
    episodes: int
    control: str | None = None
    exact: bool = False
    seed: int = 0
    bind_as: str | None = None
    ensemble: float | None = None
    weights_sha256: str | None = None
    sampling: Sampling = field(default_factory=Sampling)
    claim: Mapping[str, Any] | None = None
    planner: Mapping[str, Any] | None = None
    repeats: int = 1

    @property
    def execution(self) -> ChunkExecution:
        """How chunks are executed: as the benchmark defines, or ensembled.

        Raises:
            PraxiaError: `ensemble` is not finite.
        """
        execution = self.benchmark.execution
        return execution if self.ensemble is None else replace(execution, execution_horizon=1, ensemble=self.ensemble)


def episode_key(seed: int, start: Start, repeat: int = 0) -> str:
    """The key on which the noise of an episode depends."""
    return f"{seed}/{start.key}" + (f"/{repeat}" if repeat else "")


def plan(evaluation: Evaluation, family: EnvFamily) -> list[Job]:
    """The jobs of an evaluation, ordered by task, start and repeat, as the finished rows are.

    Raises:
        UnknownName: there is no such control.
        PraxiaError: the control cannot disturb anything here; or a task has fewer different starts.
    """
    benchmark, jobs = evaluation.benchmark, []
    for task in benchmark.tasks:
        spec = benchmark.spec(task, control_wrappers(evaluation.control, task, benchmark.tasks, family))
        for index in range(evaluation.episodes):
            start = family.draw_start(task, benchmark.split, index)
            for repeat in range(evaluation.repeats):
                key = episode_key(evaluation.seed, start, repeat)
                jobs.append(Job(spec, start, key, len(jobs), repeat=repeat))
    if len({job.episode for job in jobs}) < len(jobs):
        raise PraxiaError(
            f"expected at most as many episodes as {benchmark.name!r} has different starts of each task, got"
            f" {evaluation.episodes}; ask for fewer"
        )
    return jobs
