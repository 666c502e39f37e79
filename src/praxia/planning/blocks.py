"""How a plan is divided into blocks: what is searched for, and the actions that it stands for.

Axes: H blocks, V numbers of a block, T control steps, A action dims.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from praxia.core.config import Config
from praxia.planning.solver import expect_counts

__all__ = ["Blocks"]


@dataclass(frozen=True)
class Blocks(Config):
    """A plan of `count` blocks of `steps` control steps each, in declared units.

    What is searched for is an action for each step of a block (LeWM, DINO-WM), or with `repeat` one that is repeated
    over the block: fewer numbers, so fewer candidates are needed.

    With `shrink` the end of the plan stays where it is while the episode goes on: after each executed block the plan is
    one block shorter, so that "at the end" keeps its meaning. After the last block a new plan of `count` blocks begins.
    Without it every plan has `count` blocks.

    Raises:
        PraxiaError: fewer than 1 block or step, or a part of one.
    """

    tag: ClassVar[str] = "blocks"
    count: int = 5
    steps: int = 5
    repeat: bool = False
    shrink: bool = False

    def __post_init__(self) -> None:
        expect_counts(count=self.count, steps=self.steps)

    @property
    def num_free(self) -> int:
        """How many actions of a block are searched for."""
        return 1 if self.repeat else self.steps

    def length(self, step: int) -> int:
        """The number of blocks of a plan that is made at `step` of an episode."""
        return self.count - step // self.steps % self.count if self.shrink else self.count

    def actions(self, plans: Float[Tensor, "*B H V"]) -> Float[Tensor, "*B T A"]:
        """The action of each control step."""
        actions = plans.unflatten(-1, (self.num_free, -1)).flatten(-3, -2)
        return actions.repeat_interleave(self.steps, dim=-2) if self.repeat else actions

    def plan(self, actions: Float[Tensor, "*B T A"]) -> Float[Tensor, "*B H V"]:
        """The inverse of `actions`; where a block repeats one action, that is the mean over the block."""
        blocks = actions.unflatten(-2, (-1, self.steps))
        return blocks.mean(-2) if self.repeat else blocks.flatten(-2)

    def guess(
        self, last: Float[Tensor, "T A"] | None, passed: int, length: int, middle: Float[Tensor, " A"]
    ) -> Float[Tensor, "H V"]:
        """Where the search of a plan of `length` blocks begins: with what is left of the `last` after `passed` steps.

        What follows, and all of it without a last plan, is in the `middle` of the range.
        """
        left = middle.new_zeros((0, len(middle))) if last is None else last[passed:][: length * self.steps]
        rest = middle.expand(length * self.steps - len(left), -1)
        return self.plan(torch.cat([left, rest]))
