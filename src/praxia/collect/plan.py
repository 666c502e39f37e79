"""What a collection records, as a value, and what it needs to know of the environments it records in."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from praxia.core.types import Embodiment, EnvSpec, Policy, Start
from praxia.rollout.slots import Build
from praxia.rollout.trace import Job

__all__ = ["Collection", "Source"]

# The experts of Meta-World reach success after 83 steps on average and 215 at most; noise delays them a little.
HORIZON = 250


@dataclass(frozen=True)
class Source:
    """Where demonstrations come from. Picklable: every worker process gets a copy.

    `build` makes an environment, `draw_start(task, split, index)` is a task's start number `index`,
    `embodiment(spec)` the body in that environment, and `expert(task, noise)` a policy that solves the task while
    it disturbs its own actions with Gaussian noise of deviation `noise` and labels them with what it meant to do.
    """

    build: Build
    draw_start: Callable[[str, str, int], Start]
    embodiment: Callable[[EnvSpec], Embodiment]
    expert: Callable[[float], Policy]


@dataclass(frozen=True)
class Collection:
    """`episodes` of each of `tasks` in `env`, from its training starts.

    Episode e of the k-th of K tasks has index e * K + k: the data set's order, whoever records it and when.
    `noise` levels take turns, episode by episode (in units of the action's range; see DART, Laskey et al. 2017).
    Every `seed` has starts and noise of its own.
    """

    env: str
    tasks: tuple[str, ...]
    episodes: int
    seed: int = 0
    profile: str = "fast"
    size: int = 64
    noise: tuple[float, ...] = (0.0, 0.15, 0.4)
    horizon: int = HORIZON

    def __len__(self) -> int:
        return self.episodes * len(self.tasks)

    def to_json(self) -> dict[str, Any]:
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    def spec(self, task: str) -> EnvSpec:
        return EnvSpec(self.env, task, self.profile, self.size)

    def noise_of(self, index: int) -> float:
        return self.noise[index // len(self.tasks) % len(self.noise)]

    def job(self, index: int, source: Source) -> Job:
        """The episode of that index."""
        task = self.tasks[index % len(self.tasks)]
        start = source.draw_start(task, f"train-{self.seed}", index // len(self.tasks))
        return Job(self.spec(task), start, f"{self.seed}/{start.key}", index)
