import dataclasses

import torch
from praxia_testing import make_batch, make_shapes

from praxia.heads.flow import Flow
from praxia.nn.types import Context


def context_of(batch, width=16):
    tokens = torch.zeros(len(batch.state), 1, width)
    tokens[:, 0, :3] = batch.state[:, 0]
    return Context(tokens, torch.ones(tokens.shape[:2], dtype=torch.bool), {"readout": slice(0, 1)})


def test_a_head_that_predicts_nothing_has_the_loss_of_the_velocity_itself():
    batch = make_batch(num=4096)
    head = Flow(width=16, depth=1, repeats=1).build(make_shapes(), 16)
    loss, _ = head.loss(context_of(batch), batch, torch.Generator().manual_seed(0))
    expected = (batch.action.double().square().mean() + 1).item()  # E (a - n)^2 = E a^2 + 1, as `out` starts at zero
    assert abs(loss.item() / expected - 1) < 0.03


def test_padded_steps_never_enter_the_loss():
    torch.manual_seed(0)
    batch = make_batch()
    valid = batch.action_valid.clone()
    valid[:, 2:] = False
    head = Flow(width=16, depth=1).build(make_shapes(), 16)
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
    head = Flow(width=64, depth=2, repeats=16).build(make_shapes(), 16)
    optimizer = torch.optim.AdamW(head.parameters(), lr=3e-3, weight_decay=0.0)
    generator = torch.Generator().manual_seed(0)
    for _ in range(600):
        loss, _ = head.loss(context_of(batch), batch, generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    sample = head.sample(context_of(batch), torch.randn(10, 4, 2, generator=generator))
    assert (sample - batch.action).abs().mean() < 0.15
