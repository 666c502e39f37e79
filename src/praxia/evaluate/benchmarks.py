"""A benchmark fixes everything about an evaluation but the policy and the number of episodes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from praxia.core.registry import lookup, names
from praxia.core.types import ChunkExecution, EnvSpec
from praxia.evaluate import BENCHMARKS
from praxia.rollout.types import Metric

__all__ = ["Axis", "Benchmark", "benchmark_names", "find_benchmark"]

# What is new to a policy that was trained on the tasks of an axis "train": tasks, scenes, the embodiment, long chains.
Axis = Literal["", "train", "task", "scene", "body", "long"]


@dataclass(frozen=True)
class Benchmark:
    """Who uses this name has the same tasks, starts, images, pace and count of successes.

    `tasks` of the environment `env`, from its starts of `split`, for at most `horizon` steps; square images of
    `size` pixels from the policy's choice of `cameras`, drawn with the render profile `profile`. `state` says in
    words what a policy may know beside them, and `privileged_state` whether that holds what a robot could not measure.
    Of each decision `execution.execution_horizon` actions are executed, all where it has fewer. Success counts when it `ever`
    held, which also ends the episode, or only when it holds at the `end`, after `horizon`.

    `axis` is the axis of generalisation that it measures; "": none. `groups` are its tasks by what is new in them,
    such as {"phrasings": (...), "verbs": (...)}, or by how hard they are: a task is in one group at most. Where it
    `averages_groups` the number that is published is the unweighted mean of the groups' rates.
    """

    name: str
    summary: str
    env: str
    tasks: tuple[str, ...]
    horizon: int
    execution: ChunkExecution
    cameras: tuple[str, ...]
    size: int
    profile: str
    state: str
    metric: Metric
    split: str = "test"
    axis: Axis = ""
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    averages_groups: bool = False
    privileged_state: bool = False

    def __post_init__(self) -> None:
        grouped = [task for tasks in self.groups.values() for task in tasks]
        assert set(grouped) <= set(self.tasks), f"{self.name}: no tasks {sorted(set(grouped) - set(self.tasks))}"
        assert len(set(grouped)) == len(grouped), f"{self.name}: a task in two groups of {self.groups}"

    @property
    def steps_after_success(self) -> int | None:
        """How long an episode goes on when it has succeeded: not at all, or (None) to its end."""
        return 0 if self.metric == "ever" else None

    def spec(self, task: str, wrappers: tuple[str, ...] = ()) -> EnvSpec:
        """The environment of one of the tasks."""
        return EnvSpec(self.env, task, self.profile, self.size, wrappers)

    def to_json(self) -> dict[str, Any]:
        groups = {name: list(tasks) for name, tasks in self.groups.items()}
        return {**asdict(self), "tasks": list(self.tasks), "cameras": list(self.cameras), "groups": groups}


def find_benchmark(name: str) -> Benchmark:
    """The benchmark of that name.

    Raises:
        UnknownName: with the nearest names.
    """
    return lookup("evaluate", BENCHMARKS, name, kind="benchmark", listing="praxia info --benchmarks")


def benchmark_names() -> list[str]:
    """Every benchmark's name, those of other packages too."""
    return sorted(names("evaluate", BENCHMARKS))
