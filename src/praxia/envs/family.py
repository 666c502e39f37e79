"""A family of environments as one value: what collection and evaluation need to know of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError, UnknownName
from praxia.core.types import EnvSpec, Robot, Start

__all__ = ["EnvFamily", "GoldenFrame", "RewardDeclaration"]


@dataclass(frozen=True)
class GoldenFrame:
    """A reference image: `render()` renders it on this machine, and the PNG at `path` is the stored one.

    Intended changes of scenes, cameras, rendering or physics need a new file, and existing policies then observe other
    images: `python -m praxia.evaluation.preflight.record`.
    """

    render: Callable[[], UInt8[np.ndarray, "Y X 3"]]
    path: Path


@dataclass(frozen=True)
class RewardDeclaration:
    """What the reward of each step of a task means, as a learner needs to know it.

    `meaning` is one sentence. Rewards are within [`low`, `high`]. An episode that lasts for `horizon` steps is cut off
    there: its last step is truncated, so that what would have followed has a value, and a learner bootstraps from the
    observation after it (`rollout.types.Step.next_observation`). It does not after a terminated step: `terminates` says
    which these are; "": none. Success terminates nothing that `terminates` does not name: where each step at the goal
    is rewarded, ending the episode there would teach to stop just before it.
    """

    meaning: str
    low: float
    high: float
    horizon: int
    terminates: str = ""


@dataclass(frozen=True)
class EnvFamily:
    """A benchmark suite or a robot. Picklable, so that worker processes get a copy: its functions are module-level.

    `instructions` maps every task's name to its instruction, or to the pattern that a start fills in.
    `find_task(name)` is the task's canonical name and refuses unknown ones. `draw_start(task, split, index)` is start
    `index` of a split, independent of all others. `embodiment(spec)` is the embodiment in that environment, without
    building it; `build(spec)` builds the environment, wrapped as the spec says. `provenance()` is a JSON object about
    what renders and simulates: the OpenGL vendor, the hashes of the assets and of the golden frame.

    `train_tasks` are the tasks of which demonstrations are recorded by default; the others test generalisation. A
    demonstration of a task may take `horizon(task)` steps, and in every `failure_every`-th (None: in none) a failure is
    injected, from which the expert must recover. `other_instruction(start)`, if the family has it, is another
    instruction that can be followed from that start and leads elsewhere. `golden` is the family's reference image.
    `rewards(task)` declares the rewards that its environments can give, by name, first the one that they give where
    the option "reward" of `EnvSpec` names none.
    """

    name: str
    instructions: Mapping[str, str]
    find_task: Callable[[str], str]
    draw_start: Callable[[str, str, int], Start]
    embodiment: Callable[[EnvSpec], Embodiment]
    build: Callable[[EnvSpec], Robot]
    provenance: Callable[[], Mapping[str, Any]]
    train_tasks: tuple[str, ...]
    horizon: Callable[[str], int]
    failure_every: int | None = None
    other_instruction: Callable[[Start], str] | None = None
    golden: GoldenFrame | None = None
    rewards: Callable[[str], Mapping[str, RewardDeclaration]] | None = None

    def reward(self, spec: EnvSpec) -> RewardDeclaration:
        """The declaration of the reward that the environment of `spec` gives.

        Raises:
            MismatchError: the family declares none.
            UnknownName: it has no reward of the name in the spec's option "reward".
        """
        if self.rewards is None:
            raise MismatchError(
                f"expected a declaration of the rewards of {self.name!r}, which a learner needs (`EnvFamily.rewards`),"
                " got none"
            )
        declared = self.rewards(self.find_task(spec.task))
        name = spec.options.get("reward", next(iter(declared)))
        if name not in declared:
            raise UnknownName(f"reward of {self.name}", str(name), declared, f"praxia info --tasks {self.name}")
        return declared[str(name)]

    def without_default_reward(self, spec: EnvSpec) -> EnvSpec:
        """`spec` without the option "reward" where it names the one that is given anyway.

        An environment with one reward has no such option.
        """
        declared = self.rewards(self.find_task(spec.task)) if self.rewards is not None else {}
        if "reward" not in spec.options or spec.options["reward"] != next(iter(declared), None):
            return spec
        return replace(spec, options={name: value for name, value in spec.options.items() if name != "reward"})
