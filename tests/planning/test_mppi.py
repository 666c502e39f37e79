"""MPPI against the formulas in numpy, in float64."""

import numpy as np
import pytest
import torch

from praxia.core.keys import generator
from praxia.planning.mppi import MPPI, path_integral_weights
from praxia.planning.solver import Bounds, Noise

LOW, HIGH = np.array([-1.0, 0.0]), np.array([1.0, 10.0])
BOUNDS = Bounds(*(torch.tensor(one, dtype=torch.float32) for one in (LOW, HIGH)))


def cost(plans):
    return (plans[..., 0] ** 2 + (plans[..., 1] / 10 - 0.3) ** 2).sum(-1)


def test_weights_are_the_papers():
    costs = np.random.default_rng(0).uniform(0, 50, (3, 40))
    for temperature in (0.1, 1.0, 30.0):
        exponentials = np.exp(-(costs - costs.min(1, keepdims=True)) / temperature)
        expected = exponentials / exponentials.sum(1, keepdims=True)
        found = path_integral_weights(torch.tensor(costs), temperature)
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-10)


def test_equal_costs_have_equal_weights_however_large():
    largest = torch.full((1, 4), torch.finfo(torch.float32).max)
    assert torch.equal(path_integral_weights(largest, 0.1), torch.full((1, 4), 0.25))


@pytest.mark.parametrize("elites", [8, 64])
def test_it_is_the_method_written_out(elites):
    config = MPPI(samples=64, iterations=3, elites=elites, temperature=0.2, std=0.7)
    guess = np.tile((LOW + HIGH) / 2, (2, 1))
    rng, half = generator("plan", "episode", 3), (HIGH - LOW) / 2
    mean, std = guess, np.tile(config.std * half, (2, 1))
    for _ in range(config.iterations):
        drawn = rng.standard_normal((config.samples - 1, 2, 2), dtype=np.float32)
        candidates = np.clip(np.concatenate([mean[None], mean + std * drawn]), LOW, HIGH)
        costs = cost(candidates)
        order = np.argsort(costs, kind="stable")[:elites]
        weights = np.exp(-(costs[order] - costs.min()) / config.temperature)
        weights = (weights / weights.sum())[:, None, None]
        mean = (weights * candidates[order]).sum(0)
        std = np.sqrt((weights * (candidates[order] - mean) ** 2).sum(0))
        std = np.clip(std, config.min_std * half, config.std * half)
    plan = config.solve(cost, torch.tensor(guess).float()[None], BOUNDS, Noise([("episode", 3)]))
    np.testing.assert_allclose(plan[0].numpy(), mean, rtol=1e-4, atol=1e-5)
