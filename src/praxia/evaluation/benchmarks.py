"""Named benchmarks: everything about an evaluation except the policy and the number of episodes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from praxia.core.errors import PraxiaError, UnknownName
from praxia.core.registry import lookup, names
from praxia.core.types import ChunkExecution, EnvSpec
from praxia.evaluation import BENCHMARKS
from praxia.rollout.types import Metric

__all__ = ["Axis", "Benchmark", "benchmark_names", "find_benchmark"]

# The axis of generalisation: what is new to a policy that was trained on the tasks of the axis "train".
Axis = Literal["", "train", "task", "scene", "embodiment", "long"]


@dataclass(frozen=True)
class Benchmark:
    """Evaluations under one benchmark name share tasks, starts, images, chunk execution and success criterion.

    Attributes:
        summary: one sentence for people, not part of the definition.
        tasks: tasks of the environment `env`, from the starts of its `split`.
        horizon: maximum number of control steps per episode.
        execution: how chunks are executed. A shorter chunk is executed completely.
        cameras: the cameras that a policy may use. Images are square, `size` pixels wide, and rendered with `profile`.
        state: description of the state vector. `privileged_state`: it holds what a robot could not measure.
        metric: an episode succeeds if success "ever" held, which also ends it, or if it holds at the "end", after
            `horizon` steps.
        axis: the axis of generalisation that the benchmark measures, or "".
        groups: tasks by what is new in them, such as {"phrasings": (...), "verbs": (...)}, or by difficulty. A task is
            in at most one group.
        options: of the environment's maker.
        sizes: (height, width) of the images of cameras that are no squares of `size` pixels.
        averages_groups: the published number is the unweighted mean of the groups' rates.
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
    options: Mapping[str, bool | int | float | str] = field(default_factory=dict)
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        grouped = [task for tasks in self.groups.values() for task in tasks]
        assert set(grouped) <= set(self.tasks), f"{self.name}: unknown tasks {sorted(set(grouped) - set(self.tasks))}"
        assert len(set(grouped)) == len(grouped), f"{self.name}: a task is in two groups of {self.groups}"

    @property
    def steps_after_success(self) -> int | None:
        """Number of steps that an episode continues after success: 0, or None for all."""
        return 0 if self.metric == "ever" else None

    def spec(self, task: str, wrappers: tuple[str, ...] = ()) -> EnvSpec:
        """The environment of a task."""
        return EnvSpec(self.env, task, self.profile, self.size, wrappers, self.options, self.sizes)

    def of_tasks(self, names: Sequence[str]) -> "Benchmark":
        """This benchmark with some of its tasks only: another benchmark, whose name says so.

        The order in which the tasks are named does not matter, and all tasks are the benchmark itself. The episodes of
        a task are those that it has in the whole benchmark.

        Raises:
            UnknownName: it has no such task. PraxiaError: no task is named.
        """
        if not names:
            raise PraxiaError(f"expected --tasks NAME[,NAME...] of {self.name}, got none")
        for name in names:
            if name not in self.tasks:
                raise UnknownName(f"task of {self.name}", name, self.tasks, f"praxia info --tasks {self.env}")
        tasks = tuple(task for task in self.tasks if task in names)
        if tasks == self.tasks:
            return self
        groups = {name: tuple(task for task in of if task in tasks) for name, of in self.groups.items()}
        return replace(
            self,
            name=f"{self.name}[{','.join(tasks)}]",
            tasks=tasks,
            groups={name: of for name, of in groups.items() if of},
            averages_groups=False,  # the published number is of all tasks
        )

    def to_json(self) -> dict[str, Any]:
        """The definition: everything but the `summary`."""
        groups = {name: list(tasks) for name, tasks in self.groups.items()}
        value = {**asdict(self), "tasks": list(self.tasks), "cameras": list(self.cameras), "groups": groups}
        del value["summary"]
        value["sizes"] = {name: list(size) for name, size in self.sizes.items()}
        for name in ("options", "sizes"):
            if not value[name]:
                del value[name]  # as in files from before there were any
        return {**value, "execution": self.execution.to_json()}


def find_benchmark(name: str) -> Benchmark:
    """The benchmark of that name.

    Raises:
        UnknownName: names the nearest benchmarks.
    """
    return lookup("benchmarks", BENCHMARKS, name, kind="benchmark", listing="praxia info --benchmarks")


def benchmark_names() -> list[str]:
    """The names of all benchmarks, including those of other packages."""
    return sorted(names("benchmarks", BENCHMARKS))
