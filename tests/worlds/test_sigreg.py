import numpy as np
import pytest
import torch
from scipy import integrate

from praxia.worlds.sigreg import sigreg

NUM = 40


def reference(latents, valid, directions):
    """The statistic by complex exponentials and SciPy's trapezoidal rule over both signs of t, in float64."""
    t = np.linspace(-3, 3, 33)
    gaussian = np.exp(-(t**2) / 2)
    found = []
    for step in range(latents.shape[1]):
        kept = latents[valid[:, step], step].astype(np.float64)
        if len(kept) < 2:
            continue
        projected = kept @ directions
        characteristic = np.exp(1j * projected[..., None] * t).mean(0)
        integrand = np.abs(characteristic - gaussian) ** 2 * gaussian
        found.append(len(kept) * integrate.trapezoid(integrand, t, axis=-1).mean())
    return np.mean(found)


def drawn_directions(width, num, seed):
    drawn = torch.randn(width, num, generator=torch.Generator().manual_seed(seed)).numpy().astype(np.float64)
    return drawn / np.linalg.norm(drawn, axis=0)


@pytest.mark.parametrize("scale", [0.0, 0.3, 1.0, 4.0])
def test_it_is_the_statistic_of_the_paper(scale):
    rng = np.random.default_rng(0)
    latents = (scale * rng.standard_normal((NUM, 3, 5)) + 0.2).astype(np.float32)
    valid = rng.random((NUM, 3)) < 0.7
    valid[1:, 2] = False  # a timestep with one latent counts for nothing
    found = sigreg(torch.from_numpy(latents), torch.from_numpy(valid), 64, torch.Generator().manual_seed(3))
    expected = reference(latents, valid, drawn_directions(5, 64, 3))
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_gaussians_of_any_number_have_its_expected_value():
    expected, _ = integrate.quad(lambda t: (1 - np.exp(-(t**2))) * np.exp(-(t**2) / 2), -3, 3)
    generator = torch.Generator().manual_seed(0)
    for num in (16, 512):
        latents = torch.randn(num, 60, 8, generator=generator)
        found = sigreg(latents, torch.ones(num, 60, dtype=torch.bool), 128, generator)
        assert float(found) == pytest.approx(expected, rel=0.1)
        assert expected == pytest.approx(1.05, abs=0.01)


def test_its_gradient_is_that_of_differences():
    generator = torch.Generator()
    latents = torch.randn(6, 2, 3, dtype=torch.float64, generator=generator.manual_seed(0))
    valid = torch.ones(6, 2, dtype=torch.bool)
    valid[0, 0] = False

    def loss(value):
        return sigreg(value, valid, 8, generator.manual_seed(1)).double()

    value = latents.clone().requires_grad_()
    loss(value).backward()
    assert value.grad[0, 0].abs().max() == 0
    step = torch.zeros_like(latents)
    step[2, 1, 0] = 1e-2
    difference = (loss(latents + step) - loss(latents - step)) / 2e-2
    assert float(value.grad[2, 1, 0]) == pytest.approx(float(difference), rel=1e-2, abs=1e-4)


def test_no_valid_latent_is_no_loss():
    assert float(sigreg(torch.zeros(4, 2, 3), torch.zeros(4, 2, dtype=torch.bool), 8, torch.Generator())) == 0
