"""The options of a run of reinforcement learning, as values."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from praxia.core.config import Config
from praxia.core.errors import PraxiaError, expect_positive

__all__ = ["LEARNERS", "PPO", "SAC", "Practice", "ReinforceRun"]


@dataclass(frozen=True)
class SAC(Config):
    """Soft actor-critic (Haarnoja et al. 2018, arXiv 1812.05905) with LayerNorm critics, as in RLPD (2302.02948)."""

    tag: ClassVar[str] = "sac"
    updates: float = 0.5
    """Updates per decision."""
    batch_size: int = 256
    """Transitions per update."""
    discount: float = 0.99
    """Discount per decision."""
    learning_rate: float = 3e-4
    """Adam's, of actor, critics and temperature."""
    tau: float = 0.005
    """How far the target critics move to the critics with each update."""
    width: int = 256
    """Width of the hidden layers."""
    depth: int = 2
    """Hidden layers of each network."""
    critics: int = 2
    """Critics; a target is the least of two of them, drawn anew for each update."""
    temperature: float = 0.1
    """Temperature of the entropy at first; it is learned, for an entropy of minus the number of action dims."""
    warmup: int = 1000
    """Decisions that are drawn uniformly, before the first update."""
    capacity: int = 1_000_000
    """Transitions that the replay buffer keeps, the newest."""
    demonstration_share: float = 0.0
    """Share of each batch that is drawn from demonstrations; rlpd: half."""

    def expect_sound(self) -> None:
        """Refuse options without a meaning. Raises PraxiaError."""
        _expect(self, "batch_size", "width", "depth", "warmup", "capacity")
        _expect_above_0(self, "updates", "learning_rate", "tau", "temperature")
        if self.tau > 1:
            raise PraxiaError(f"expected --learner.tau of at most 1, got {self.tau:g}")
        if self.critics < 2:
            got = self.critics
            raise PraxiaError(f"expected --learner.critics of at least 2, of which targets take the least, got {got}")
        if not 0 <= self.demonstration_share < 1:
            got = self.demonstration_share
            raise PraxiaError(f"expected --learner.demonstration-share within [0, 1), got {got:g}")


@dataclass(frozen=True)
class PPO(Config):
    """Proximal policy optimisation (Schulman et al. 2017, arXiv 1707.06347)."""

    tag: ClassVar[str] = "ppo"
    rollout: int = 2048
    """Decisions of all slots together between updates."""
    epochs: int = 10
    """Passes over a rollout."""
    batch_size: int = 256
    """Decisions per update."""
    discount: float = 0.99
    """Discount per decision."""
    decay: float = 0.95
    """Lambda of generalised advantage estimation."""
    clip: float = 0.2
    """How far the ratio of probabilities may go from 1."""
    learning_rate: float = 3e-4
    """Adam's."""
    clip_norm: float = 0.5
    """Largest norm of the gradient; a larger one is scaled to it."""
    width: int = 256
    """Width of the hidden layers."""
    depth: int = 2
    """Hidden layers of each network."""

    def expect_sound(self) -> None:
        """Refuse options without a meaning. Raises PraxiaError."""
        _expect(self, "rollout", "epochs", "batch_size", "width", "depth")
        _expect_above_0(self, "clip", "learning_rate", "clip_norm")
        if not 0 <= self.decay <= 1:
            raise PraxiaError(f"expected --learner.decay within [0, 1], got {self.decay:g}")


def _expect(learner: SAC | PPO, *sizes: str) -> None:
    """Refuse sizes below 1 and a discount that sums to infinity."""
    expect_positive(**{f"learner.{name.replace('_', '-')}": getattr(learner, name) for name in sizes})
    if not 0 <= learner.discount < 1:
        raise PraxiaError(f"expected --learner.discount within [0, 1), got {learner.discount:g}")


def _expect_above_0(learner: SAC | PPO, *names: str) -> None:
    """Refuse what is not finite and above 0."""
    for name in names:
        if not 0 < (got := getattr(learner, name)) < math.inf:
            raise PraxiaError(f"expected --learner.{name.replace('_', '-')} above 0, got {got:g}")


# The learners that `praxia reinforce` knows, with their defaults.
LEARNERS = {"sac": SAC(), "rlpd": SAC(updates=1.0, demonstration_share=0.5), "ppo": PPO()}


@dataclass(frozen=True)
class Practice(Config):
    """How a specialist practises: for how long, in how many environments at once, and how its success is measured."""

    tag: ClassVar[str] = "practice"
    steps: int = 100_000
    """Control steps in all environments together."""
    repeat: int = 2
    """Control steps for which each action is repeated."""
    slots: int = 4
    """Environments that take turns, whatever the number of workers: part of the experiment."""
    seed: int = 0
    """Seed of the weights, the starts, the exploration and the batches."""
    episodes: int = 50
    """Episodes, from starts that training never saw, by which the trained policy's success is measured."""
    checkpoint_s: float = 30.0
    """Seconds between saved states, at least: a kill loses so much work."""
    log_every: int = 2000
    """Control steps between two lines of metrics.jsonl."""


@dataclass(frozen=True)
class ReinforceRun(Config):
    """A full run: the task, the learner, how it practises, and the name of the reward that its environment gives.

    Without a `reward` it is "dense" where the family declares one of that name, else the family's first.
    """

    tag: ClassVar[str] = "reinforce-run"
    env: str
    task: str
    learner: SAC | PPO
    train: Practice = field(default_factory=Practice)
    reward: str | None = None

    @property
    def algorithm(self) -> str:
        """The name by which `praxia reinforce` knows it."""
        shown = isinstance(self.learner, SAC) and self.learner.demonstration_share > 0
        return "rlpd" if shown else self.learner.tag

    def __post_init__(self) -> None:
        self.learner.expect_sound()
        train = self.train
        sizes = {name: getattr(train, name) for name in ("steps", "repeat", "slots", "episodes", "log_every")}
        expect_positive(**{f"train.{name.replace('_', '-')}": value for name, value in sizes.items()})
        if not train.checkpoint_s >= 0:
            raise PraxiaError(f"expected --train.checkpoint-s of at least 0, got {train.checkpoint_s:g}")
