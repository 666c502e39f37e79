"""Blocks: plans and actions, what is left of the last plan, and horizons that shrink."""

import pytest
import torch

from praxia.core.errors import PraxiaError
from praxia.planning.blocks import Blocks

MIDDLE = torch.tensor([0.0, 5.0])


def test_a_block_holds_the_action_of_each_of_its_steps():
    actions = torch.arange(24.0).reshape(1, 12, 2)
    blocks = Blocks(count=3, steps=4)
    plan = blocks.plan(actions)
    assert plan.shape == (1, 3, 8)
    assert torch.equal(plan[0, 1], actions[0, 4:8].flatten())
    assert torch.equal(blocks.actions(plan), actions)


def test_a_repeated_action_holds_for_its_block():
    blocks = Blocks(count=2, steps=3, repeat=True)
    plan = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    actions = blocks.actions(plan)
    assert actions[:, 0].tolist() == [1, 1, 1, 3, 3, 3]
    assert torch.equal(blocks.plan(actions), plan)
    assert blocks.plan(torch.tensor([[1.0, 0], [2, 0], [3, 0]])).tolist() == [[2, 0]]


def test_a_guess_is_what_is_left_and_then_the_middle():
    blocks = Blocks(count=3, steps=2)
    last = torch.arange(12.0).reshape(6, 2)
    guess = blocks.actions(blocks.guess(last, 3, 3, MIDDLE))
    assert torch.equal(guess, torch.cat([last[3:], MIDDLE.expand(3, 2)]))
    assert torch.equal(blocks.actions(blocks.guess(None, 0, 2, MIDDLE)), MIDDLE.expand(4, 2))
    assert torch.equal(blocks.actions(blocks.guess(last, 40, 2, MIDDLE)), MIDDLE.expand(4, 2))
    assert torch.equal(blocks.actions(blocks.guess(last, 2, 1, MIDDLE)), last[2:4])


def test_a_horizon_shrinks_to_its_end_and_begins_anew():
    blocks = Blocks(count=3, steps=5, shrink=True)
    assert [blocks.length(step) for step in range(0, 40, 5)] == [3, 2, 1, 3, 2, 1, 3, 2]
    assert blocks.length(4) == 3
    assert {Blocks(count=3).length(step) for step in range(30)} == {3}


def test_plans_without_blocks_are_refused():
    with pytest.raises(PraxiaError, match="count"):
        Blocks(count=0)
