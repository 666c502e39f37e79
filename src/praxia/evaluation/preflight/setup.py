"""What the checks of a preflight use, and what they return."""

import importlib.util
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from praxia.core.embodiment import Embodiment
from praxia.core.errors import UnknownName
from praxia.core.registry import names
from praxia.core.types import EnvSpec, Policy, Start
from praxia.data.dataset import Dataset
from praxia.envs.family import EnvFamily
from praxia.evaluation import BENCHMARKS
from praxia.evaluation.benchmarks import Benchmark
from praxia.evaluation.plan import Evaluation, plan
from praxia.evaluation.policy_factory import ForeignPolicy
from praxia.experts import find_expert
from praxia.rollout.loop import rollout
from praxia.rollout.slots import LocalSlots
from praxia.rollout.types import Recording, Trajectory
from praxia.transforms.chain import EmbodimentTransforms

if TYPE_CHECKING:
    from praxia.checkpoint.store import PolicyConfig

__all__ = [
    "NUM_TASKS",
    "NUM_ZERO",
    "REFERENCE",
    "PreflightResult",
    "PreflightSetup",
    "ReferenceRates",
    "find_reference",
    "read_reference",
    "reference_path",
    "spread",
]

# Written by `record.py`. A benchmark of another distribution has a file of this name beside its own module.
REFERENCE = Path(__file__).with_name("recorded.json")

Item = TypeVar("Item")

# Size of the sample: the number of tasks, and of episodes over all of them by the expert and by holding still.
NUM_TASKS, NUM_EXPERT, NUM_ZERO = 8, 16, 8


@dataclass(frozen=True)
class PreflightResult:
    """The result of a check. `ok` None: the check was skipped, and `detail` says why and how to enable it."""

    ok: bool | None
    detail: str


@dataclass(frozen=True)
class ReferenceRates:
    """What the expert and holding still reached on a benchmark when it was recorded.

    `expert` has the expert's successes per task on the first `episodes` starts, `solved_by_zero` the tasks in which
    holding still succeeds.
    """

    episodes: int
    expert: Mapping[str, int]
    solved_by_zero: Sequence[str]


def find_reference(benchmark: str) -> ReferenceRates | None:
    """The recorded rates of a benchmark, or None."""
    found = read_reference(reference_path(benchmark))["benchmarks"].get(benchmark)
    return found and ReferenceRates(**found)


def read_reference(path: Path) -> dict[str, Any]:
    """`{"benchmarks": {name: {"episodes", "expert", "solved_by_zero"}}, "drawn_by": {family: OpenGL vendor}}`.

    Both are empty where the file does not exist.
    """
    return json.loads(path.read_text()) if path.exists() else {"benchmarks": {}, "drawn_by": {}}


def reference_path(benchmark: str) -> Path:
    """Where the records of a benchmark are: with its authors, beside the module of another distribution's benchmark."""
    outside = names("benchmarks", {}).get(benchmark)
    if benchmark in BENCHMARKS or outside is None:
        return REFERENCE
    module = importlib.util.find_spec(outside.partition(":")[0])
    assert module is not None, f"the entry point of {benchmark} names no module"
    assert module.origin is not None, f"the module of {benchmark} is no file"
    return Path(module.origin).with_name(REFERENCE.name)


@dataclass(frozen=True)
class PreflightSetup:
    """A policy, the benchmark and its `family`, and a data set that the policy was trained on.

    The policy is the config of a checkpoint, whose weights are not loaded, or a foreign policy.

    `data` None: there is no data set, and `no_data` says why. `slots` has one slot, which runs an episode of any family
    of environments. `bind_as` is that of `compatibility.match_embodiment`.
    """

    policy: "PolicyConfig | ForeignPolicy"
    benchmark: Benchmark
    family: EnvFamily
    slots: LocalSlots
    data: Dataset | None = None
    no_data: str = ""
    bind_as: str | None = None

    @property
    def spec(self) -> EnvSpec:
        """The environment of the benchmark's first task."""
        return self.benchmark.spec(self.benchmark.tasks[0])

    def spec_of(self, start: Start) -> EnvSpec:
        """The environment of a recorded start, which may be another than the benchmark's: that has its own options."""
        spec = self.benchmark.spec(start.task)
        return spec if start.env == spec.env else replace(spec, env=start.env, options={})

    @property
    def embodiment(self) -> Embodiment:
        """The benchmark's embodiment."""
        return self.family.embodiment(self.spec)

    @property
    def trained(self) -> tuple[Embodiment, EmbodimentTransforms] | None:
        """The trained embodiment to which the policy is bound, and its normalisers; None: there is none, or it is not
        known, as of a foreign policy.
        """
        if isinstance(self.policy, ForeignPolicy):
            return None
        name = self.bind_as or self.embodiment.name
        trained = zip(self.policy.embodiments, self.policy.transforms.embodiments, strict=True)
        return next(((embodiment, transforms) for embodiment, transforms in trained if embodiment.name == name), None)

    @property
    def cameras(self) -> tuple[str, ...]:
        """The cameras that the policy uses with this embodiment."""
        if isinstance(self.policy, ForeignPolicy):
            return self.policy.policy.window.cameras
        window = self.policy.window
        return window.cameras if self.trained is None else window.for_embodiment(self.trained[0]).cameras

    @property
    def sample(self) -> Benchmark:
        """The benchmark with a sample of its tasks."""
        return replace(self.benchmark, tasks=tuple(spread(self.benchmark.tasks, NUM_TASKS)), groups={})

    @cached_property
    def reference(self) -> ReferenceRates | None:
        """The recorded rates of this benchmark."""
        return find_reference(self.benchmark.untimed.name)

    @cached_property
    def expert_trajectories(self) -> list[Trajectory]:
        """The expert's episodes on the sample, with the state at every step; empty without an expert."""
        try:
            make_expert = find_expert(self.benchmark.env)
        except UnknownName:
            return []
        return self.run(make_expert(self.family.instructions), NUM_EXPERT)

    def run(self, policy: Policy, num_episodes: int) -> list[Trajectory]:
        """At least `num_episodes` episodes of `policy` on the sample, as an evaluation runs them without a delay."""
        trajectories = rollout(
            policy,
            self.slots,
            plan(Evaluation(self.sample, "", -(-num_episodes // len(self.sample.tasks))), self.family),
            execution=self.benchmark.untimed.execution,
            horizon=self.benchmark.horizon,
            steps_after_success=self.benchmark.steps_after_success,
            recording=Recording(cameras=(), snapshots=False),
        )
        return list(trajectories)

    def successes(self, trajectories: Sequence[Trajectory]) -> dict[str, int]:
        """The number of successful episodes per task of the sample."""
        counts = dict.fromkeys(self.sample.tasks, 0)
        for trajectory in trajectories:
            counts[trajectory.job.start.task] += trajectory.status(self.benchmark.metric) == "success"
        return counts


def spread(items: Sequence[Item], num: int) -> list[Item]:
    """At most `num` of the items, evenly spaced, including the first and the last."""
    indices = np.linspace(0, len(items) - 1, min(num, len(items))).round().astype(int)
    return [items[index] for index in indices]
