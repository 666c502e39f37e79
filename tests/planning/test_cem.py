"""CEM against the method written out in numpy, in float64."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from praxia.core.keys import generator
from praxia.planning.cem import CEM
from praxia.planning.solver import Bounds, Noise

LOW, HIGH = np.array([-1.0, 0.0]), np.array([1.0, 10.0])
BOUNDS = Bounds(*(torch.tensor(one, dtype=torch.float32) for one in (LOW, HIGH)))


def cost(plans):
    """A sum of squares with cross terms, of arrays and tensors alike."""
    first, second = plans[..., 0] - 0.4, plans[..., 1] / 5 - 0.6
    return (first**2 + second**2).sum(-1) + first[..., 0] * second[..., 1] / 2


def reference(config, guess, key):
    rng = generator("plan", *key)
    half = (HIGH - LOW) / 2
    mean, std = guess.astype(np.float64), np.tile(config.std * half, (len(guess), 1))
    best, lowest = mean, np.inf
    for _ in range(config.iterations):
        drawn = rng.standard_normal((config.samples - 1, *guess.shape), dtype=np.float32)
        candidates = np.clip(np.concatenate([mean[None], mean + std * drawn]), LOW, HIGH)
        costs = cost(candidates)
        order = np.argsort(costs, kind="stable")[: config.elites]
        mean, std = candidates[order].mean(0), candidates[order].std(0)
        if costs[order[0]] < lowest:
            best, lowest = candidates[order[0]], costs[order[0]]
    return mean if config.returns == "mean" else best


@pytest.mark.parametrize("returns", ["mean", "best"])
def test_it_is_the_method_written_out(returns):
    config = CEM(samples=64, iterations=4, elites=8, returns=returns)
    guess = np.tile((LOW + HIGH) / 2, (2, 1))
    plan = config.solve(cost, torch.tensor(guess).float()[None], BOUNDS, Noise([("episode", 3)]))
    np.testing.assert_allclose(plan[0].numpy(), reference(config, guess, ("episode", 3)), rtol=1e-4, atol=1e-5)


def test_the_best_candidate_is_of_one_kind_where_the_mean_is_of_none():
    """Two good plans, and between them one that is worse than both: the mean of elites may be that."""
    between = Bounds(torch.tensor([-1.0]), torch.tensor([1.0]))

    def two_ways(plans):
        return ((plans.abs() - 0.8) ** 2).sum((2, 3))

    guess = torch.zeros(1, 1, 1)
    mean = CEM(samples=200, iterations=1, elites=60)
    best = replace(mean, returns="best").solve(two_ways, guess, between, Noise([("episode", 0)]))
    mean = mean.solve(two_ways, guess, between, Noise([("episode", 0)]))
    assert abs(abs(best.item()) - 0.8) < 0.05
    assert abs(mean.item()) < 0.5
