"""What every head must do, whatever its parts."""

import dataclasses

import pytest
import torch
from praxia_testing import make_batch, make_shapes

from praxia.core.config import fit_config
from praxia.heads.act import ACT
from praxia.heads.autoregressive import Autoregressive
from praxia.heads.decoders import PrefixTransformer
from praxia.heads.denoisers.dit import DiT
from praxia.heads.denoisers.residual_mlp import ResidualMLP
from praxia.heads.denoisers.transformer import Transformer
from praxia.heads.denoisers.unet import UNet
from praxia.heads.diffusion import Diffusion
from praxia.heads.flow import Flow
from praxia.heads.parallel import OFT, ParallelBins
from praxia.heads.regression import Regression
from praxia.nn.types import Context

DENOISERS = {
    "residual-mlp": ResidualMLP(width=64, depth=2),
    "unet": UNet(channels=(16, 32), groups=4),
    "transformer": Transformer(width=32, depth=2, num_heads=2),
    "dit": DiT(width=32, depth=2, num_heads=2),
}
SMALL = PrefixTransformer(width=32, depth=2, num_heads=2)
SAMPLED = {
    **{f"flow {name}": Flow(one, repeats=8) for name, one in DENOISERS.items()},
    **{f"diffusion {name}": Diffusion(one, repeats=8) for name, one in DENOISERS.items()},
}
TOKENIZED = {
    "autoregressive bins": Autoregressive("bins", SMALL),
    "autoregressive quantile-bins": Autoregressive("quantile-bins", SMALL),
    "autoregressive fast": Autoregressive("fast", SMALL),
    "parallel-bins": ParallelBins("bins", SMALL),
}
DETERMINISTIC = {
    "oft": OFT(SMALL),
    "regression": Regression(width=64),
    "act": ACT(width=32, mlp_width=64, num_heads=2, encoder_depth=1, kl_weight=1.0),
    "act detr": ACT(width=16, mlp_width=64, num_heads=2, encoder_depth=1, kl_weight=1.0, detr=True),
}
EVERY = {**SAMPLED, **TOKENIZED, **DETERMINISTIC}
# A token of FAST describes all steps at once.
BY_STEP = {name: one for name, one in EVERY.items() if name != "autoregressive fast"}
every = pytest.mark.parametrize("config", EVERY.values(), ids=EVERY)
EMBODIMENTS = ((3, 2), (1, 1))  # the second embodiment has one action dim


def context_of(batch, width=16):
    """Two tokens with positions, of which the second is padding in every other row."""
    tokens = torch.zeros(len(batch.state), 2, width)
    tokens[:, 0, :3] = torch.nan_to_num(batch.state[:, 0])
    mask = torch.ones(tokens.shape[:2], dtype=torch.bool)
    mask[::2, 1] = False
    positions = torch.randn(2, width, generator=torch.Generator().manual_seed(4))
    return Context(tokens, mask, {"readout": slice(0, 1)}, positions=positions)


def noise_for(head, num):
    return torch.randn(num, *head.noise_shape, generator=torch.Generator().manual_seed(3))


def built(config, embodiments=((3, 2),)):
    torch.manual_seed(0)
    config = fit_config(config, lambda: make_batch(num=200).action.clamp(-2, 2).numpy())
    return config.build(make_shapes(embodiments=embodiments), 16)


def shaken(config, embodiments):
    """Weights that all have an influence: some layers start at zero."""
    head = built(config, embodiments)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)) * 0.05)
    return head


# One of each loss is quick; the others are left to `make slow`.
QUICK = {"flow residual-mlp", "diffusion residual-mlp", "autoregressive bins", "regression"}
LEARNING = [
    pytest.param(one, id=name, marks=[] if name in QUICK else pytest.mark.slow)
    for name, one in EVERY.items()
    if not name.startswith("diffusion") or "residual" in name
]


@pytest.mark.parametrize("config", LEARNING)
def test_it_overfits_ten_samples_of_two_embodiments_with_equal_observations(config):
    """Each observation occurs twice, with another embodiment and other actions."""
    batch, embodiment = make_batch(num=10), torch.arange(10) % 2
    state = batch.state[::2].repeat_interleave(2, dim=0)
    batch = dataclasses.replace(batch, state=state, embodiment=embodiment, action=batch.action.clamp(-2, 2))
    context, head = context_of(batch), built(config, EMBODIMENTS)
    optimizer = torch.optim.AdamW(head.parameters(), lr=3e-3, weight_decay=0.0)
    generator = torch.Generator().manual_seed(0)
    for _ in range(300):
        loss, _ = head.loss(context, batch, generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        sample = head.sample(context, noise_for(head, 10), embodiment)
    has_dim = torch.ones_like(sample, dtype=torch.bool)
    has_dim[1::2, :, 1:] = False
    assert (sample - batch.action)[has_dim].abs().median() < 0.2


@every
def test_equal_noise_gives_equal_samples_and_padded_tokens_are_not_seen(config):
    batch, head = make_batch(), shaken(config, ((3, 2),))
    context = context_of(batch)
    one = head.sample(context, noise_for(head, 5), batch.embodiment)
    assert one.shape == (5, 4, 2)
    assert torch.equal(one, head.sample(context, noise_for(head, 5), batch.embodiment))
    tokens = torch.where(context.mask[..., None], context.tokens, 7.0)
    padded = dataclasses.replace(context, tokens=tokens)
    torch.testing.assert_close(one, head.sample(padded, noise_for(head, 5), batch.embodiment))


@every
@pytest.mark.parametrize("padding", [7.0, float("nan")])
def test_dims_that_an_embodiment_lacks_change_neither_loss_nor_gradient(config, padding):
    found = []
    for value in (0.0, padding):
        batch = make_batch(num=6)
        action, state = batch.action.clone(), batch.state.clone()
        action[1::2, :, 1:], state[1::2, :, 1:] = value, value
        batch = dataclasses.replace(batch, action=action, state=state, embodiment=torch.arange(6) % 2)
        head = shaken(config, EMBODIMENTS)
        context = context_of(dataclasses.replace(batch, state=batch.state[..., :1].expand(-1, -1, 3)))
        loss, _ = head.loss(context, batch, torch.Generator().manual_seed(0))
        loss.backward()
        found.append((loss.detach(), *(parameter.grad for parameter in head.parameters())))
    for one, two in zip(*found, strict=True):
        assert (one is None and two is None) or torch.equal(one, two)


@pytest.mark.parametrize("config", BY_STEP.values(), ids=BY_STEP)
def test_padded_steps_have_no_error(config):
    """Their actions may enter a network as masked or causal input, but have no error."""
    batch, head = make_batch(), built(config)
    none = dataclasses.replace(batch, action_valid=torch.zeros_like(batch.action_valid))
    _, metrics = head.loss(context_of(batch), none, torch.Generator().manual_seed(0))
    errors = {name: value.item() for name, value in metrics.items() if name not in ("kl", "clipped")}
    assert errors
    assert all(value == 0 for value in errors.values())
