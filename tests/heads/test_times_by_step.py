"""The steps of a chunk share one time, or each has its own."""

from typing import Any

import pytest
import torch
from praxia_testing import make_batch, make_shapes

from praxia.encoders.vision_language import VisionLanguage
from praxia.heads.denoisers.action_expert import ActionExpert
from praxia.heads.denoisers.dit import DiT
from praxia.heads.denoisers.residual_mlp import ResidualMLP
from praxia.heads.denoisers.transformer import Transformer
from praxia.heads.denoisers.unet import UNet
from praxia.nn.diffusion import noised
from praxia.nn.flow import interpolate
from praxia.nn.types import Context

SHAPE: Any = {"depth": 2, "num_heads": 2, "num_kv_heads": 1, "head_width": 16}
EVERY = {
    "residual-mlp": ResidualMLP(width=64, depth=2),
    "transformer": Transformer(width=32, depth=2, num_heads=2),
    "dit": DiT(width=32, depth=2, num_heads=2),
    "unet": UNet(channels=(16, 32), groups=4),
    "unet published": UNet(channels=(16, 32), groups=4, published=True),
    "action-expert": ActionExpert(width=32, mlp_width=64, **SHAPE),
    "action-expert ada-norm": ActionExpert(width=32, mlp_width=64, ada_norm=True, **SHAPE),
}
every = pytest.mark.parametrize("config", EVERY.values(), ids=EVERY)
# With one vector for the whole chunk, times of different steps can only be mixed.
BY_STEP = {name: one for name, one in EVERY.items() if name != "residual-mlp"}


def shaken(module):
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)) * 0.1)
    return module


def predictor(config):
    """A function of time alone, for five chunks of four steps, in float64."""
    torch.manual_seed(0)
    shapes, batch = make_shapes(embodiments=((3, 2), (1, 1))), make_batch()
    context = Context(torch.randn(5, 2, 16), torch.rand(5, 2) < 0.7, {"readout": slice(0, 1)})
    if isinstance(config, ActionExpert):
        context = VisionLanguage(width=32, mlp_width=64, vision_depth=1, **SHAPE).build(make_shapes())(batch)
    denoiser = shaken(config.build(shapes, 16))
    condition = tuple(value.detach() for value in denoiser.condition(context))
    denoiser = denoiser.double()
    condition = tuple(value.double() if value.is_floating_point() else value for value in condition)
    x, embodiment = torch.randn(5, 4, 2).double(), torch.arange(5) % 2
    return lambda time: denoiser(x, time, condition, embodiment)


@every
def test_equal_times_of_all_steps_are_one_time_of_the_chunk(config):
    predict, time = predictor(config), torch.rand(5).double()
    # 1e-6, because the action expert's norms compute in float32 whatever they are given.
    torch.testing.assert_close(predict(time[:, None].expand(5, 4)), predict(time), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("config", BY_STEP.values(), ids=BY_STEP)
def test_it_is_seen_which_step_has_which_time(config):
    predict, time = predictor(config), torch.full((5, 4), 0.7).double()
    first, last = time.clone(), time.clone()
    first[:, 0], last[:, -1] = 0.2, 0.2
    assert (predict(first) - predict(last)).abs().amax(dim=(1, 2)).min() > 1e-4


@every
def test_the_time_of_one_step_changes_the_chunk(config):
    predict, time = predictor(config), torch.full((5, 4), 0.7).double()
    changed = time.clone()
    changed[:, 0] = 1.0
    assert (predict(changed) - predict(time)).abs().amax(dim=(1, 2)).min() > 1e-5


def test_each_step_is_as_noisy_as_its_time_says():
    noise, data, time = torch.randn(3, 4, 2), torch.randn(3, 4, 2), torch.rand(3, 4)
    x, velocity = interpolate(noise, data, time)
    share = noised(data, noise, time)
    for step in range(4):
        alone = interpolate(noise[:, step : step + 1], data[:, step : step + 1], time[:, step])
        assert torch.equal(x[:, step : step + 1], alone[0])
        expected = noised(data[:, step : step + 1], noise[:, step : step + 1], time[:, step])
        assert torch.equal(share[:, step : step + 1], expected)
    assert torch.equal(velocity, data - noise)
