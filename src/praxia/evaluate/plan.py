"""What exactly an evaluation runs: a list of jobs that depends on nothing but its definition."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from praxia.core.types import Embodiment, EnvSpec, Start
from praxia.evaluate.benchmarks import Benchmark
from praxia.evaluate.controls import control_wrappers
from praxia.rollout.slots import Build
from praxia.rollout.trace import Job

__all__ = ["Evaluation", "Suite", "plan"]


@dataclass(frozen=True)
class Suite:
    """What the runner needs to know of a family of environments.

    `build` makes an environment and is picklable; `draw_start(task, split, index)` is its start number `index`;
    `instruction(task)` what a task's robot is told; `embodiment(spec)` the body in that environment; `provenance()`
    a JSON object about what draws and simulates: the GL vendor, the hash of the assets.
    """

    build: Build
    draw_start: Callable[[str, str, int], Start]
    instruction: Callable[[str], str]
    embodiment: Callable[[EnvSpec], Embodiment]
    provenance: Callable[[], Mapping[str, Any]]


@dataclass(frozen=True)
class Evaluation:
    """Who is judged on what: `episodes` is the number a task, `seed` enters the policy's noise alone."""

    benchmark: Benchmark
    policy_sha256: str
    episodes: int
    control: str | None = None
    exact: bool = False
    seed: int = 0


def plan(evaluation: Evaluation, suite: Suite) -> list[Job]:
    """Every job of an evaluation, tasks in turn, so that a stopped one has judged all of them about equally.

    A job's index is its place in the finished rows: by task, then by start.

    Raises:
        UnknownName: no control of that name.
    """
    benchmark, jobs = evaluation.benchmark, []
    for at in range(evaluation.episodes):
        for place, task in enumerate(benchmark.tasks):
            wrappers = control_wrappers(evaluation.control, task, benchmark.tasks, suite.instruction)
            start = suite.draw_start(task, benchmark.split, at)
            key = f"{evaluation.seed}/{start.key}"
            jobs.append(Job(benchmark.spec(task, wrappers), start, key, place * evaluation.episodes + at))
    assert len({job.start.key for job in jobs}) == len(jobs), "two starts of this benchmark are the same"
    return jobs
