"""Named benchmarks: everything about an evaluation except the policy and the number of episodes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from praxia.core.delays import DelayTrace
from praxia.core.errors import PraxiaError, UnknownName
from praxia.core.intent import Thinking
from praxia.core.registry import lookup, names
from praxia.core.types import ChunkExecution, EnvSpec
from praxia.envs.gymnasium.declaration import GymnasiumDeclaration, is_declaration
from praxia.evaluation import BENCHMARKS
from praxia.rollout.types import Metric

__all__ = ["Axis", "Benchmark", "benchmark_names", "find_benchmark"]

# The axis of generalisation: what is new to a policy that was trained on the tasks of the axis "train".
Axis = Literal["", "train", "task", "scene", "embodiment", "long"]

# The end of the name of a benchmark with a delay: a number of control steps, or the hash of a trace.
_DELAY = re.compile(r"(?P<name>.+)/delay-((?P<steps>\d{1,6})|trace-(?P<key>[0-9a-f]{8}))")
# The end of the name of a benchmark for two systems: how often the slow one observes, how late its intent arrives.
_THINKING = re.compile(r"(?P<name>.+)/think-(?P<every>\d{1,6})-late-(?P<late>\d{1,6})")
# The end of the name of a benchmark with the starts of another split.
_STARTS = re.compile(r"(?P<name>.+)/starts-(?P<split>[\w-]+)")


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
        without_time: the benchmark before its name said something about time, and not part of the definition.
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
    without_time: "Benchmark | None" = field(default=None, compare=False, repr=False)

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
            without_time=None if self.without_time is None else self.without_time.of_tasks(names),
        )

    def with_starts(self, split: str) -> "Benchmark":
        """This benchmark from the starts of another `split`: another benchmark, whose name says so.

        Such are fresh starts, where something was chosen on those of the benchmark itself.
        """
        summary = f"{self.summary}; from the starts of the split {split!r}"
        return replace(self, name=f"{self.name}/starts-{split}", summary=summary, split=split)

    def with_delay(self, delay: int | DelayTrace) -> "Benchmark":
        """This benchmark with a delay (`ChunkExecution.delay`): another benchmark, whose name says so.

        A fixed `delay` of 0 control steps is the benchmark itself.
        """
        if isinstance(delay, DelayTrace):
            name, text = f"delay-trace-{delay.key[:8]}", "a delay drawn from a trace"
            execution = replace(self.execution, trace=delay)
        else:
            name, text = f"delay-{delay}", f"a delay of {delay} control steps"
            execution = replace(self.execution, delay=delay)
        if not execution.is_delayed:
            return self
        return self._timed(name, text, execution)

    def with_thinking(self, thinking: Thinking) -> "Benchmark":
        """This benchmark for two systems at two speeds (`ChunkExecution.thinking`), whose name says so.

        Every policy then decides at every control step, also one that does not think: what the fast one of two systems
        is for.
        """
        name = f"think-{thinking.every}-late-{thinking.late}"
        text = f"a thinker that observes every {thinking.every} control steps, whose intent is late by {thinking.late}"
        return self._timed(name, text, replace(self.execution, execution_horizon=1, thinking=thinking))

    def _timed(self, name: str, text: str, execution: ChunkExecution) -> "Benchmark":
        name, summary = f"{self.name}/{name}", f"{self.summary}; with {text}"
        return replace(self, name=name, summary=summary, execution=execution, without_time=self.untimed)

    @property
    def untimed(self) -> "Benchmark":
        """The benchmark that this one is without its delay and its thinker."""
        return self.without_time or self

    def to_json(self) -> dict[str, Any]:
        """The definition: everything but the `summary` and the benchmark that it was made of."""
        groups = {name: list(tasks) for name, tasks in self.groups.items()}
        value = asdict(replace(self, without_time=None))
        value = {**value, "tasks": list(self.tasks), "cameras": list(self.cameras), "groups": groups}
        del value["summary"], value["without_time"]
        value["sizes"] = {name: list(size) for name, size in self.sizes.items()}
        for name in ("options", "sizes"):
            if not value[name]:
                del value[name]  # as in files from before there were any
        return {**value, "execution": self.execution.to_json()}


def find_benchmark(name: str, delays: Path | None = None) -> Benchmark:
    """The benchmark of that name, with the delay that ".../delay-4" or ".../delay-trace-HASH" at its end stands for.

    After that the name may end in ".../think-8-late-4", for two systems (`Benchmark.with_thinking`), and before it in
    ".../starts-fresh" (`Benchmark.with_starts`). `delays` is the file of a trace of delays. Its hash need not be part
    of the name, but must be the same if it is. In place of a name there may be a JSON file that declares an environment
    of gymnasium (`envs.gymnasium.declaration`).

    Raises:
        UnknownName: names the nearest benchmarks.
        PraxiaError: the name is that of a trace, and `delays` is None, or of another trace; or of a fixed delay, and
            there is a trace too; or of a thinker whose intents come later than its next observation.
        DataError: the file `delays` holds no trace, or the JSON file declares no environment.
    """
    if (thinks := _THINKING.fullmatch(name)) is not None:
        benchmark = find_benchmark(thinks["name"], delays)
        if benchmark.execution.thinking is not None:
            raise PraxiaError(
                f"expected one thinker of {benchmark.name!r}, got another: leave out {name.rsplit('/')[-1]!r}"
            )
        return benchmark.with_thinking(Thinking(int(thinks["every"]), int(thinks["late"])))
    found = _DELAY.fullmatch(name)
    plain, steps, key = (name, None, None) if found is None else found.group("name", "steps", "key")
    starts = _STARTS.fullmatch(plain)
    plain = plain if starts is None else starts["name"]
    if is_declaration(plain):
        benchmark = gymnasium_benchmark(Path(plain))
    else:
        benchmark = lookup("benchmarks", BENCHMARKS, plain, kind="benchmark", listing="praxia info --benchmarks")
    if starts is not None:
        benchmark = benchmark.with_starts(starts["split"])
    if delays is None and key is not None:
        raise PraxiaError(
            f"expected a file with the trace of {name!r}, which eval and compare take as --delays FILE, got none: a"
            " hash is not its content"
        )
    if delays is None:
        return benchmark if steps is None else benchmark.with_delay(int(steps))
    if steps is not None:
        raise PraxiaError(f"expected --delays FILE or the fixed delay of {name!r}, got both: leave one of them out")
    trace = DelayTrace.load(delays)
    if key not in (None, trace.key[:8]):
        raise PraxiaError(f"expected the trace {key} of {name!r}, got {trace.key[:8]} in {delays}: name the other file")
    return benchmark.with_delay(trace)


def gymnasium_benchmark(path: Path) -> Benchmark:
    """The benchmark on the environment of gymnasium that the JSON file at `path` declares: success at any step counts.

    Raises:
        DataError, UnknownName: as `GymnasiumDeclaration.read`.
    """
    declared = GymnasiumDeclaration.read(path)
    return Benchmark(
        name=f"gymnasium/{declared.name}",
        summary=f"{declared.id} of gymnasium: {declared.instruction}",
        env=str(path),
        tasks=(declared.name,),
        horizon=declared.horizon,
        execution=ChunkExecution(declared.execution_horizon),
        cameras=tuple(declared.images),
        size=declared.size,
        profile="fast",
        state=" and ".join(declared.state) or "the observation",
        metric="ever",
    )


def benchmark_names() -> list[str]:
    """The names of all benchmarks, including those of other packages."""
    return sorted(names("benchmarks", BENCHMARKS))
