import math

import pytest
import torch
from scipy import stats

from praxia.nn.ema import Ema
from praxia.nn.flow import beta_times, euler, interpolate


def test_the_path_leads_from_noise_to_data_along_its_velocity():
    noise, data = torch.randn(3, 8, 4), torch.randn(3, 8, 4)
    start, velocity = interpolate(noise, data, torch.zeros(3))
    torch.testing.assert_close(start, noise)
    torch.testing.assert_close(start + velocity, data)
    torch.testing.assert_close(euler(lambda x, t: data - noise, noise, 7), data)


def test_euler_solves_a_linear_equation_to_first_order():
    noise = torch.ones(1, 1, 1, dtype=torch.float64)
    errors = [abs(euler(lambda x, t: -x, noise, steps).item() - math.exp(-1)) for steps in (50, 100)]
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.05)


def test_times_are_one_minus_the_papers_shifted_beta():
    times = beta_times(torch.rand(20_000, generator=torch.Generator().manual_seed(0))).double()
    assert times.min() >= 0
    assert times.max() <= 0.999
    assert stats.kstest(((1 - times) - 0.001) / 0.999, stats.beta(1.5, 1).cdf).pvalue > 0.01


def test_the_average_follows_its_recurrence():
    module = torch.nn.Linear(2, 2)
    ema, expected = Ema(module, 0.9), module.weight.detach().double()
    for step in range(20):
        torch.nn.init.normal_(module.weight)
        ema.update(module, step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * module.weight.detach().double()
    torch.testing.assert_close(ema.state["weight"].double(), expected, atol=1e-5, rtol=1e-5)
