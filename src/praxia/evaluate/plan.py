"""What exactly an evaluation runs: a list of jobs that depends on nothing but its definition."""

from dataclasses import dataclass, field

from praxia.core.types import ChunkExecution, Sampling
from praxia.envs.family import EnvFamily
from praxia.evaluate.benchmarks import Benchmark
from praxia.evaluate.controls import control_wrappers
from praxia.rollout.types import Job

__all__ = ["Evaluation", "plan"]


@dataclass(frozen=True)
class Evaluation:
    """Who is judged on what: `episodes` is the number a task, `seed` enters the policy's noise alone.

    `policy_sha256` is the policy's identity, `weights_sha256` the hash of its weights alone (None: it has none).
    `sampling` holds what differs from the policy's own, and is part of the identity.
    `bind_as` is the trained embodiment as which the policy was bound on purpose to the benchmark's embodiment, if it was.
    `ensemble` replaces the benchmark's pace: a look at every step, and `ChunkExecution.ensemble` of that rate.
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

    @property
    def execution(self) -> ChunkExecution:
        """How chunks are executed: as the benchmark has it, unless they are ensembled.

        Raises:
            PraxiaError: `ensemble` is not finite.
        """
        return self.benchmark.execution if self.ensemble is None else ChunkExecution(1, self.ensemble)


def plan(evaluation: Evaluation, family: EnvFamily) -> list[Job]:
    """Every job of an evaluation, by task and then by start, which is also the order of the finished rows.

    Raises:
        UnknownName: no control of that name.
        PraxiaError: the control has nothing to spoil here.
    """
    benchmark, jobs = evaluation.benchmark, []
    for task in benchmark.tasks:
        spec = benchmark.spec(task, control_wrappers(evaluation.control, task, benchmark.tasks, family))
        for at in range(evaluation.episodes):
            start = family.draw_start(task, benchmark.split, at)
            jobs.append(Job(spec, start, f"{evaluation.seed}/{start.key}", len(jobs)))
    assert len({job.start.key for job in jobs}) == len(jobs), "two starts of this benchmark are the same"
    return jobs
