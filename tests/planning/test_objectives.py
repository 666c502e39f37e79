"""Objectives against their formulas in numpy."""

import numpy as np
import pytest
import torch

from praxia.core.errors import MismatchError
from praxia.nn.world import Imagined
from praxia.planning import OBJECTIVES, find_objective
from praxia.planning.objectives import GoalDistance, GoalPath, Reward

RNG = np.random.default_rng(0)
LATENTS, GOAL = RNG.normal(size=(3, 4, 2, 5)), RNG.normal(size=(3, 2, 5))


class State:
    latent = torch.tensor(LATENTS[:, -1])

    def rows(self, index):
        raise NotImplementedError


def imagined(reward=None, terminated=None):
    known = [None if one is None else torch.tensor(one) for one in (reward, terminated)]
    return Imagined(torch.tensor(LATENTS), State(), *known)


def test_every_objective_is_registered_by_its_tag():
    assert {tag: find_objective(tag).tag for tag in OBJECTIVES} == {tag: tag for tag in OBJECTIVES}


def test_distances_are_those_of_the_formulas():
    squares = ((LATENTS - GOAL[:, None]) ** 2).mean((2, 3))
    goal = torch.tensor(GOAL)
    np.testing.assert_allclose(GoalDistance().cost(imagined(), goal), squares[:, -1])
    np.testing.assert_allclose(GoalPath().cost(imagined(), goal), squares.sum(1))


def test_rewards_count_until_the_task_has_ended():
    reward = np.array([[1.0, 2, 4, 8], [1, 2, 4, 8], [1, 2, 4, 8]])
    ended = np.array([[False] * 4, [False, True, True, True], [True] * 4])
    assert Reward().cost(imagined(reward, ended), None).tolist() == [-15, -3, -1]
    assert Reward().cost(imagined(reward), None).tolist() == [-15, -15, -15]


def test_what_is_missing_is_said():
    with pytest.raises(MismatchError, match="'goal-distance' needs a goal, got none"):
        GoalDistance().cost(imagined(), None)
    with pytest.raises(MismatchError, match="needs a world that predicts rewards"):
        Reward().cost(imagined(), None)
