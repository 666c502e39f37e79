"""Objectives: what an imagined future costs. They are no part of a world, so one world serves any of them.

Axes: B rows, K imagined timesteps, N tokens, D width.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from praxia.core.config import Config
from praxia.core.errors import MismatchError
from praxia.nn.world import Imagined

__all__ = ["GoalDistance", "GoalPath", "Objective", "Reward", "no_goal"]


@dataclass(frozen=True)
class Objective(Config, ABC):
    """The cost of what was imagined: the lower, the better. Registered by its tag.

    `goal` says how the observation shows the goal: the name under which each modality of the goal is observed, by the
    modality of the world's window, such as {"image.top": "image.goal"}. Without any there is no goal. A state that is
    not among them is the present one. `needs_goal` and `needs_reward` say what there is no cost without.
    """

    needs_goal: ClassVar[bool] = False
    needs_reward: ClassVar[bool] = False
    goal: Mapping[str, str] = field(default_factory=dict, kw_only=True)

    @abstractmethod
    def cost(self, imagined: Imagined, goal: Float[Tensor, "B N D"] | None) -> Float[Tensor, " B"]:
        """The cost of each row, and `goal` the latent of its goal, if it has one."""


@dataclass(frozen=True)
class GoalDistance(Objective):
    """The mean squared distance from the goal's latent after the last step (LeWM, DINO-WM)."""

    tag: ClassVar[str] = "goal-distance"
    needs_goal: ClassVar[bool] = True

    def cost(self, imagined: Imagined, goal: Float[Tensor, "B N D"] | None) -> Float[Tensor, " B"]:
        return (imagined.latents[:, -1] - _expect(goal, self)).square().mean((1, 2))


@dataclass(frozen=True)
class GoalPath(Objective):
    """The sum over all timesteps of the mean squared distance from the goal's latent: the sooner, the better."""

    tag: ClassVar[str] = "goal-path"
    needs_goal: ClassVar[bool] = True

    def cost(self, imagined: Imagined, goal: Float[Tensor, "B N D"] | None) -> Float[Tensor, " B"]:
        return (imagined.latents - _expect(goal, self)[:, None]).square().mean((2, 3)).sum(1)


@dataclass(frozen=True)
class Reward(Objective):
    """Minus the sum of the rewards up to the task's end, in a world that predicts them."""

    tag: ClassVar[str] = "reward"
    needs_reward: ClassVar[bool] = True

    def cost(self, imagined: Imagined, goal: Float[Tensor, "B N D"] | None) -> Float[Tensor, " B"]:
        reward, terminated = imagined.reward, imagined.terminated
        if reward is None:
            raise MismatchError("the objective 'reward' needs a world that predicts rewards, got one that does not")
        if terminated is None:
            return -reward.sum(1)
        is_over = torch.nn.functional.pad(terminated[:, :-1], (1, 0))
        return -torch.where(is_over, 0.0, reward).sum(1)


def _expect(goal: Float[Tensor, "B N D"] | None, objective: Objective) -> Float[Tensor, "B N D"]:
    if goal is None:
        raise no_goal(objective)
    return goal


def no_goal(objective: Objective) -> MismatchError:
    """That the objective needs a goal."""
    return MismatchError(
        f"the objective {objective.tag!r} needs a goal, got none: name how the goal is observed, such as"
        ' {"image.top": "image.goal"}'
    )
