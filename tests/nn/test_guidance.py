"""Guidance of real-time chunking, against the published code's formulas in numpy."""

import numpy as np
import pytest
import torch

from praxia.nn.diffusion import cosine_alphas_bar, ddim, ddim_steps
from praxia.nn.flow import euler
from praxia.nn.guidance import Guide, guidance_weight, soft_mask


def published_mask(start, end, total):
    """`get_prefix_weights` of Physical-Intelligence/real-time-chunking-kinetix, schedule "exp"."""
    start = min(start, end)
    w = np.clip((start - 1 - np.arange(total)) / (end - start + 1) + 1, 0, 1)
    return np.where(np.arange(total) >= end, 0, w * np.expm1(w) / (np.e - 1))


@pytest.mark.parametrize(("start", "end"), [(0, 0), (0, 5), (2, 6), (3, 3), (4, 8), (0, 8), (8, 8)])
def test_the_mask_is_that_of_the_published_code(start, end):
    at = torch.arange(8)[None]
    found = soft_mask(at < start, at < end)[0].numpy()
    np.testing.assert_allclose(found, published_mask(start, end, 8), rtol=1e-6, atol=1e-7)


def test_the_weight_is_the_papers_formula_up_to_the_clip():
    for t in (0.0, 0.01, 0.2, 0.5, 0.9):
        inverse_r2 = (t**2 + (1 - t) ** 2) / (1 - t) ** 2
        expected = 5.0 if t == 0 else min(5.0, (1 - t) / t * inverse_r2)
        assert guidance_weight(torch.tensor([t]), 5.0).item() == pytest.approx(expected, rel=1e-5)


HORIZON, DIMS = 6, 2
WEIGHT = np.random.default_rng(0).normal(size=(12, 12)) / 4
BIAS = np.random.default_rng(1).normal(size=12)


def velocity(x, t):
    """A network: v = tanh(W x + b) (1 + t) of the flattened chunk."""
    return np.tanh(WEIGHT @ x + BIAS) * (1 + t)


def jacobian_of_velocity(x, t):
    return (1 - np.tanh(WEIGHT @ x + BIAS) ** 2)[:, None] * WEIGHT * (1 + t)


def published_flow(noise, target, mask, *, num_steps, clip, through_network):
    """`realtime_action` of the published code with the Jacobian written out, for one chunk, in float64."""
    x = noise.copy()
    for step in range(num_steps):
        t = step / num_steps
        v = velocity(x, t)
        error = (target - (x + (1 - t) * v)) * mask
        jacobian = np.eye(len(x)) + (1 - t) * jacobian_of_velocity(x, t) if through_network else np.eye(len(x))
        weight = clip if t == 0 else min(clip, (1 - t) / t * (t**2 + (1 - t) ** 2) / (1 - t) ** 2)
        x = x + (v + weight * jacobian.T @ error) / num_steps
    return x


def torch_velocity(x, time):
    flat = x.flatten(1) @ torch.tensor(WEIGHT).T + torch.tensor(BIAS)
    return (flat.tanh() * (1 + time[:, None])).unflatten(1, (HORIZON, DIMS))


def guide_for(rows, clip, through_network):
    rng = np.random.default_rng(2)
    target = rng.normal(size=(rows, HORIZON, DIMS))
    at = np.arange(HORIZON)[None]
    delay, known = rng.integers(0, 3, (rows, 1)), rng.integers(3, HORIZON + 1, (rows, 1))
    mask = soft_mask(torch.tensor(at < delay), torch.tensor(at < known)).double()[..., None].expand(-1, -1, DIMS)
    return Guide(torch.tensor(target), mask, clip, through_network), rng.normal(size=(rows, HORIZON, DIMS))


def guided_euler(guide, noise, num_steps):
    def guided(x, time):
        left = 1 - time[:, None, None]
        return (guide(lambda x: x + left * torch_velocity(x, time), x, time) - x) / left

    return euler(guided, torch.tensor(noise), num_steps)


@pytest.mark.parametrize("through_network", [True, False])
@pytest.mark.parametrize("clip", [5.0, 1.0, 1e9])
def test_guided_flow_is_that_of_the_published_code(through_network, clip):
    guide, noise = guide_for(4, clip, through_network)
    if clip == 1e9:  # at time 0 the weight is the clip
        noise = noise * 1e-3
    with torch.no_grad():
        found = guided_euler(guide, noise, 5)
    for row in range(4):
        target, mask = guide.target[row].numpy().ravel(), guide.mask[row].numpy().ravel()
        options = {"num_steps": 5, "clip": clip, "through_network": through_network}
        expected = published_flow(noise[row].ravel(), target, mask, **options)
        np.testing.assert_allclose(found[row].numpy().ravel(), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("through_network", [True, False])
def test_diffusion_is_guided_as_flow_is_at_the_same_share_of_noise(through_network):
    """DDIM against Euler's method on flow's path, at the times of DDIM's steps, with the Jacobian written out."""
    alphas_bar = cosine_alphas_bar(20)
    guide, noise = guide_for(3, 5.0, through_network)
    scale = 1 / (alphas_bar.sqrt() + (1 - alphas_bar).sqrt())
    times = (scale * alphas_bar.sqrt()).numpy()

    def predict_noise(x, step):
        """The noise at which data + noise is on the path that `velocity` follows."""
        on_path, t = x * scale[step][:, None, None], torch.tensor(times)[step]
        return on_path - t[:, None, None] * torch_velocity(on_path, t)

    with torch.no_grad():
        found = ddim(predict_noise, torch.tensor(noise), alphas_bar, 5, 1e9, guide)
    steps = ddim_steps(20, 5)
    for row in range(3):
        x = noise[row].ravel() * scale[steps[0]].item()
        target, mask = guide.target[row].numpy().ravel(), guide.mask[row].numpy().ravel()
        for t, following in zip(times[steps], [*times[steps[1:]], 1.0], strict=True):
            v = velocity(x, t)
            error = (target - (x + (1 - t) * v)) * mask
            jacobian = np.eye(len(x)) + (1 - t) * jacobian_of_velocity(x, t) if through_network else np.eye(len(x))
            weight = min(5.0, (t**2 + (1 - t) ** 2) / (t * (1 - t)))
            x = x + (following - t) * (v + weight * jacobian.T @ error)
        np.testing.assert_allclose(found[row].numpy().ravel(), x, rtol=1e-4, atol=1e-5)


def test_without_a_mask_nothing_is_guided():
    guide, noise = guide_for(2, 5.0, True)
    free = Guide(guide.target, torch.zeros_like(guide.mask), 5.0, True)
    torch.testing.assert_close(guided_euler(free, noise, 5), euler(torch_velocity, torch.tensor(noise), 5))
