"""Who is to be judged on what, and what the checks find."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from praxia.core.embodiment import Embodiment
from praxia.core.errors import UnknownName
from praxia.core.types import EnvSpec, Policy
from praxia.data.dataset import Dataset
from praxia.envs.family import EnvFamily
from praxia.evaluate.benchmarks import Benchmark
from praxia.evaluate.plan import Evaluation, plan
from praxia.evaluate.preflight.recorded import Recorded, recorded
from praxia.experts import find_expert
from praxia.rollout.loop import rollout
from praxia.rollout.slots import LocalSlots
from praxia.rollout.types import Recording, Trajectory
from praxia.transforms.chain import EmbodimentTransforms

if TYPE_CHECKING:
    from praxia.checkpoint.store import PolicyConfig

__all__ = ["NUM_TASKS", "NUM_ZERO", "Check", "Finding", "Subject", "spread"]

Item = TypeVar("Item")

# A sample: at most so many of the benchmark's tasks, and of each as many of its first starts as give so many episodes.
NUM_TASKS, NUM_EXPERT, NUM_ZERO = 8, 16, 8


@dataclass(frozen=True)
class Finding:
    """`ok` None: nothing was checked, and `detail` says why not and how it can be."""

    ok: bool | None
    detail: str


@dataclass(frozen=True)
class Check:
    """A finding under its check's name."""

    name: str
    ok: bool | None
    detail: str


@dataclass(frozen=True)
class Subject:
    """A policy's config, the benchmark on which it is to be judged, and a data set that it was trained on.

    `family` is the benchmark's. `data` None: there is none, and `no_data` says why. `slots` is one place to run an
    episode in, of any family of environments. `bind_as` as in `fit.match_embodiment`.
    """

    policy: "PolicyConfig"
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

    @property
    def embodiment(self) -> Embodiment:
        """The benchmark's."""
        return self.family.embodiment(self.spec)

    @property
    def trained(self) -> tuple[Embodiment, EmbodimentTransforms] | None:
        """The trained embodiment as which the policy would decide, and its normalisers; None: there is none."""
        name = self.bind_as or self.embodiment.name
        embodiments = zip(self.policy.embodiments, self.policy.transforms.embodiments, strict=True)
        return next(
            ((embodiment, transforms) for embodiment, transforms in embodiments if embodiment.name == name), None
        )

    @property
    def cameras(self) -> tuple[str, ...]:
        """What the policy looks at when it decides for this embodiment."""
        window = self.policy.window
        return window.cameras if self.trained is None else window.of(self.trained[0]).cameras

    @property
    def sample(self) -> Benchmark:
        """The benchmark with a sample of its tasks."""
        return replace(self.benchmark, tasks=tuple(spread(self.benchmark.tasks, NUM_TASKS)), groups={})

    @cached_property
    def recorded(self) -> Recorded | None:
        """What experts and holding still reached on this benchmark once."""
        return recorded(self.benchmark.name)

    @cached_property
    def expert_trajectories(self) -> list[Trajectory]:
        """The sample's episodes by the benchmark's expert, with the state at every step; none: there is no expert."""
        try:
            make_expert = find_expert(self.benchmark.env)
        except UnknownName:
            return []
        return self.run(make_expert(self.family.instructions), NUM_EXPERT)

    def run(self, policy: Policy, most: int) -> list[Trajectory]:
        """About `most` episodes of the sample by `policy`, as an evaluation would run them."""
        trajectories = rollout(
            policy,
            self.slots,
            plan(Evaluation(self.sample, "", -(-most // len(self.sample.tasks))), self.family),
            execution=self.benchmark.execution,
            horizon=self.benchmark.horizon,
            steps_after_success=self.benchmark.steps_after_success,
            recording=Recording(cameras=(), snapshots=False),
        )
        return list(trajectories)

    def successes(self, trajectories: Sequence[Trajectory]) -> dict[str, int]:
        """By task of the sample, how many of its episodes succeeded."""
        counts = dict.fromkeys(self.sample.tasks, 0)
        for trajectory in trajectories:
            counts[trajectory.job.start.task] += trajectory.status(self.benchmark.metric) == "success"
        return counts


def spread(items: Sequence[Item], most: int) -> list[Item]:
    """At most `most` of the items, evenly spaced, the first and the last among them."""
    at = np.linspace(0, len(items) - 1, min(most, len(items))).round().astype(int)
    return [items[one] for one in at]
