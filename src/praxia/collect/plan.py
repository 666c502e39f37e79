"""The plan of a collection, as a value."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from praxia.core.embodiment import Embodiment
from praxia.core.errors import PraxiaError, UnknownName, expect_positive
from praxia.core.types import EnvSpec
from praxia.envs.family import EnvFamily
from praxia.rollout.types import Job

__all__ = ["DEFAULT_NOISE", "CollectionPlan"]

DEFAULT_NOISE = (0.0, 0.15, 0.4)


@dataclass(frozen=True)
class CollectionPlan:
    """`episodes` of each of `tasks` in `env`, from its training starts, of at most `horizon` steps.

    Episode e of the k-th of K tasks has index e * K + k: the data set's order, whichever worker records it and when.
    The `noise` levels take turns, episode by episode (see `experts.injected_failures`), and in every
    `failure_every`-th episode of a task (None: in none) a failure is injected from which the expert recovers. Each
    `seed` has its own starts and noise. `cameras` are those of the embodiment whose images are kept; (): all. `options`
    and `sizes` are those of `EnvSpec`. `policy` says who acts: the expert, or chance, of which a model of the world can
    learn, too. `expert` is the hash of the policy that is the expert; None: the family's scripted one.

    Raises:
        PraxiaError: no episodes, no pixels, or a task named twice.
    """

    env: str
    tasks: tuple[str, ...]
    episodes: int
    horizon: int
    seed: int = 0
    profile: str = "fast"
    size: int = 64
    noise: tuple[float, ...] = DEFAULT_NOISE
    failure_every: int | None = None
    cameras: tuple[str, ...] = ()
    options: Mapping[str, bool | int | float | str] = field(default_factory=dict, hash=False)
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict, hash=False)
    policy: Literal["expert", "random"] = "expert"
    expert: str | None = None

    def __post_init__(self):
        expect_positive(episodes=self.episodes, size=self.size)
        twice = sorted({task for task in self.tasks if self.tasks.count(task) > 1})
        if twice:
            raise PraxiaError(f"expected every task once, got {', '.join(twice)} more than once in --tasks")

    def __len__(self) -> int:
        return self.episodes * len(self.tasks)

    def to_json(self) -> dict[str, Any]:
        """The content of plan.json; options, sizes, policy and expert only where set, as before they existed."""
        values = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        values["sizes"] = {name: list(size) for name, size in self.sizes.items()}
        values = {name: value for name, value in values.items() if value or name not in ("options", "sizes")}
        if self.policy == "expert":
            del values["policy"]
        if self.expert is None:
            del values["expert"]
        # The content hashes of data sets cover plan.json, so its key for failure_every stays "blunder_every".
        return {"blunder_every" if name == "failure_every" else name: value for name, value in values.items()}

    def spec(self, task: str) -> EnvSpec:
        return EnvSpec(self.env, task, self.profile, self.size, options=self.options, sizes=self.sizes)

    def embodiment(self, family: EnvFamily) -> Embodiment:
        """The embodiment as it is recorded: with the chosen cameras.

        Raises:
            UnknownName: the embodiment has no camera of that name.
        """
        embodiment = family.embodiment(self.spec(self.tasks[0]))
        known = {camera.name: camera for camera in embodiment.cameras}
        for name in self.cameras:
            if name not in known:
                raise UnknownName("camera", name, known, "praxia info --benchmarks")
        return replace(embodiment, cameras=tuple(known[name] for name in self.cameras or known))

    def noise_of(self, index: int) -> float:
        return self.noise[index // len(self.tasks) % len(self.noise)]

    def injects_failure(self, index: int) -> bool:
        return self.failure_every is not None and (index // len(self.tasks) + 1) % self.failure_every == 0

    def job(self, index: int, family: EnvFamily) -> Job:
        """The job of the episode with that index."""
        task = self.tasks[index % len(self.tasks)]
        start = family.draw_start(task, f"train-{self.seed}", index // len(self.tasks))
        return Job(self.spec(task), start, f"{self.seed}/{start.key}", index)
