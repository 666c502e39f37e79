import math
from itertools import pairwise

import pytest
import torch

from praxia.nn.diffusion import cosine_alphas_bar, ddim, ddim_steps, noised


def test_the_schedule_is_the_papers_formula():
    for num, found in enumerate(cosine_alphas_bar(100).tolist(), start=1):

        def curve(step):
            return math.cos((step / 100 + 0.008) / 1.008 * math.pi / 2) ** 2

        if num < 100:  # the last step's noise is capped
            assert found == pytest.approx(curve(num) / curve(0), rel=1e-9)
    capped = cosine_alphas_bar(100)
    assert (capped[-1] / capped[-2]).item() == pytest.approx(0.001)


def test_noise_replaces_the_variance_that_the_signal_loses():
    data, noise = torch.full((3, 1, 1), 2.0), torch.ones(3, 1, 1)
    found = noised(data, noise, torch.tensor([1.0, 0.64, 0.0]))
    torch.testing.assert_close(found.flatten(), torch.tensor([2.0, 0.8 * 2 + 0.6, 1.0]))


@pytest.mark.parametrize(("num", "first", "last"), [(10, 99, 9), (100, 99, 0), (16, 99, 5), (1, 99, 99)])
def test_steps_start_at_the_noisiest_and_are_spaced_evenly(num, first, last):
    steps = ddim_steps(100, num)
    assert (len(steps), steps[0], steps[-1]) == (num, first, last)
    gaps = [one - two for one, two in pairwise(steps)]
    assert max(gaps, default=0) - min(gaps, default=0) <= 1


def test_with_the_best_predictor_of_a_normal_ddim_gives_that_normal():
    """For data ~ N(m, s^2) the expected noise has a closed form, and the path maps N(0, 1) onto the data."""
    mean, deviation, alphas_bar = 0.3, 0.2, cosine_alphas_bar(1000)

    def predict(x, step):
        left = alphas_bar[step][:, None, None]
        variance = left * deviation**2 + 1 - left
        return (x - left.sqrt() * mean) * (1 - left).sqrt() / variance

    noise = torch.randn(4000, 1, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    sample = ddim(predict, noise, alphas_bar, 200, clip=5.0)
    assert sample.mean().item() == pytest.approx(mean, abs=0.02)
    assert sample.std().item() == pytest.approx(deviation, rel=0.05)


def test_predicted_data_stay_within_the_bound():
    sample = ddim(lambda x, step: -x, torch.randn(50, 2, 2), cosine_alphas_bar(100).float(), 8, clip=0.7)
    assert sample.abs().max() <= 0.7 + 1e-6
