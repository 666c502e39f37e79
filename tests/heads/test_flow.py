import dataclasses

import pytest
import torch
from praxia_testing import make_batch, make_shapes

from praxia.heads.denoisers.residual_mlp import ResidualMLP
from praxia.heads.flow import Flow
from praxia.nn.types import Context


def context_of(batch, width=16):
    tokens = torch.zeros(len(batch.state), 1, width)
    tokens[:, 0, :3] = batch.state[:, 0]
    return Context(tokens, torch.ones(tokens.shape[:2], dtype=torch.bool), {"readout": slice(0, 1)})


def test_a_head_that_predicts_zero_has_the_loss_of_the_velocity_itself():
    batch = make_batch(num=4096)
    head = Flow(ResidualMLP(width=16, depth=1), repeats=1).build(make_shapes(), 16)
    loss, _ = head.loss(context_of(batch), batch, torch.Generator().manual_seed(0))
    expected = (batch.action.double().square().mean() + 1).item()  # E (a - n)^2 = E a^2 + 1, as `out` starts at zero
    assert abs(loss.item() / expected - 1) < 0.03


def test_padded_steps_never_enter_the_loss():
    torch.manual_seed(0)
    batch = make_batch()
    valid = batch.action_valid.clone()
    valid[:, 2:] = False
    head = Flow(ResidualMLP(width=16, depth=1)).build(make_shapes(), 16)
    losses = []
    for padding in (0.0, 1e3):
        action = batch.action.masked_fill(~valid[..., None], padding)
        padded = dataclasses.replace(batch, action=action, action_valid=valid)
        loss, _ = head.loss(context_of(batch), padded, torch.Generator().manual_seed(0))
        losses.append(loss.item())
    # The padding enters the velocity network's input, which starts without influence on the output.
    assert losses[0] == losses[1]


def test_the_head_overfits_ten_samples():
    torch.manual_seed(0)
    batch = make_batch(num=10)
    head = Flow(ResidualMLP(width=64, depth=2), repeats=16).build(make_shapes(), 16)
    optimizer = torch.optim.AdamW(head.parameters(), lr=3e-3, weight_decay=0.0)
    generator = torch.Generator().manual_seed(0)
    for _ in range(600):
        loss, _ = head.loss(context_of(batch), batch, generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    sample = head.sample(context_of(batch), torch.randn(10, 4, 2, generator=generator), batch.embodiment)
    assert (sample - batch.action).abs().mean() < 0.15


EMBODIMENTS = ((3, 2), (1, 1))  # the second embodiment has one action dim


def batch_of_two_embodiments(num=6, padding=0.0):
    """Alternating rows of both embodiments; `padding` is the value in the dims that the second one lacks."""
    batch = make_batch(num=num)
    embodiment = torch.arange(num) % 2
    action = batch.action.clone()
    action[1::2, :, 1:] = padding
    return dataclasses.replace(batch, action=action, embodiment=embodiment)


def head_of_two_embodiments(**config):
    torch.manual_seed(0)
    head = Flow(ResidualMLP(**config)).build(make_shapes(embodiments=EMBODIMENTS), 16)
    torch.nn.init.normal_(head.denoiser.out.weight, std=0.1)  # so that every input has an influence
    torch.nn.init.normal_(head.denoiser.out.bias, std=0.1)
    return head


@pytest.mark.parametrize("padding", [7.0, float("nan")])
def test_dims_that_an_embodiment_lacks_change_neither_loss_nor_gradient(padding):
    found = []
    for value in (0.0, padding):
        head, batch = head_of_two_embodiments(width=16, depth=1), batch_of_two_embodiments(padding=value)
        loss, _ = head.loss(context_of(batch), batch, torch.Generator().manual_seed(0))
        loss.backward()
        found.append((loss.detach(), *(parameter.grad for parameter in head.parameters())))
    for one, two in zip(*found, strict=True):
        assert torch.equal(one, two)
    first, last = head.denoiser.action_in, head.denoiser.out
    head_in, head_out = first.weight.grad.unflatten(1, (4, 2)), last.weight.grad.unflatten(2, (4, 2))
    assert not head_in[1, :, 1].any()
    assert not head_out[1, :, :, 1].any()
    assert not last.bias.grad.unflatten(1, (4, 2))[1, :, 1].any()
    assert head_in[1, :, 0].any()
    assert head_out[1, :, :, 0].any()


def test_the_loss_of_two_embodiments_is_the_mean_over_the_dims_they_have():
    batch = batch_of_two_embodiments(num=4096, padding=1e6)
    head = Flow(ResidualMLP(width=16, depth=1), repeats=1).build(
        make_shapes(embodiments=EMBODIMENTS), 16
    )  # velocity zero
    loss, _ = head.loss(context_of(batch), batch, torch.Generator().manual_seed(0))
    present = torch.cat([batch.action[::2].flatten(), batch.action[1::2, :, 0].flatten()]).double()
    assert abs(loss.item() / (present.square().mean() + 1).item() - 1) < 0.03


def test_noise_in_dims_that_an_embodiment_lacks_changes_no_sample():
    head, batch = head_of_two_embodiments(width=16, depth=1), batch_of_two_embodiments()
    noise = torch.randn(6, 4, 2)
    other = noise.clone()
    other[1::2, :, 1] += 5.0
    one, two = (head.sample(context_of(batch), value, batch.embodiment) for value in (noise, other))
    assert torch.equal(one[::2], two[::2])
    assert torch.equal(one[1::2, :, 0], two[1::2, :, 0])


def test_two_embodiments_learn_opposite_actions_from_one_observation():
    batch = batch_of_two_embodiments(num=8)
    state = batch.state[:1].expand_as(batch.state)
    sign = torch.where(batch.embodiment == 0, 0.8, -0.8)[:, None, None]
    batch = dataclasses.replace(batch, state=state, action=sign.expand_as(batch.action))
    head = Flow(ResidualMLP(width=32, depth=1), repeats=8).build(make_shapes(embodiments=EMBODIMENTS), 16)
    optimizer = torch.optim.AdamW(head.parameters(), lr=3e-3, weight_decay=0.0)
    generator = torch.Generator().manual_seed(0)
    for _ in range(300):
        loss, _ = head.loss(context_of(batch), batch, generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    sample = head.sample(context_of(batch), torch.randn(8, 4, 2, generator=generator), batch.embodiment)
    assert (sample[::2] - 0.8).abs().mean() < 0.15
    assert (sample[1::2, :, 0] + 0.8).abs().mean() < 0.15
