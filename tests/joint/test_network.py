import pytest
import torch

from praxia.joint.network import JointTransformer, RunningScale
from praxia.nn.stack import AttentionConfig


@pytest.fixture
def network():
    torch.manual_seed(0)
    sizes = {"horizon": 6, "stride": 2, "action_dim": 2, "latent_width": 5, "num_present": 2}
    found = JointTransformer(AttentionConfig(2, 2, 2, 8), width=16, num_registers=3, **sizes)
    for name, value in found.named_parameters():
        if "modulate" in name or "_out" in name:
            torch.nn.init.normal_(value, std=0.3)
    return found


@pytest.fixture
def inputs():
    """Actions, frames of two tokens, and the present."""
    drawn = torch.Generator().manual_seed(1)
    shapes = (4, 6, 2), (4, 3, 2, 5), (4, 2, 2, 5)
    return [torch.randn(*shape, generator=drawn) for shape in shapes]


def called(network, inputs, seen=(True, True), times=(0.3, 0.6)):
    action, future, present = inputs
    masks = [torch.full(one.shape[:2], ok) for one, ok in zip((action, future), seen, strict=True)]
    return network(action, masks[0], future, masks[1], present, torch.tensor([times]).expand(4, 2))


def test_tokens_are_in_the_order_of_time(network):
    """Registers 0-2, actions 3-8, frames 9-11: each frame after the two actions that lead to it."""
    assert network._order(3, 1, torch.device("cpu")).tolist() == [0, 1, 2, 3, 4, 9, 5, 6, 10, 7, 8, 11]
    assert network._order(3, 2, torch.device("cpu")).tolist()[5:9] == [9, 10, 5, 6]


def test_actions_and_frames_see_each_other_unless_they_are_hidden(network, inputs):
    action, future, present = inputs
    changed = [action, future + 1, present]
    velocity, _ = called(network, inputs)
    assert velocity.shape == action.shape
    assert not torch.allclose(called(network, changed)[0], velocity, atol=1e-4)
    hidden, _ = called(network, inputs, seen=(True, False))
    torch.testing.assert_close(called(network, changed, seen=(True, False))[0], hidden)
    earlier = [torch.cat([action[:, :5], action[:, 5:] + 1], dim=1), future, present]
    assert not torch.allclose(called(network, earlier)[1][:, 0], called(network, inputs)[1][:, 0], atol=1e-4)


@pytest.mark.parametrize("times", [(0.9, 0.6), (0.3, 0.9)])
def test_each_time_modulates_both(network, inputs, times):
    for one, other in zip(called(network, inputs), called(network, inputs, times=times), strict=True):
        assert not torch.allclose(one, other, atol=1e-4)


def test_the_scale_becomes_that_of_the_changes():
    scale, drawn = RunningScale(2), torch.Generator().manual_seed(0)
    assert scale().flatten().tolist() == [1, 1]
    size = torch.tensor([0.1, 3.0])[:, None, None]
    valid = torch.tensor([[True, True]] * 63 + [[True, False]])
    change = torch.zeros(64, 2, 1, 8)
    for _ in range(800):
        change = size * torch.randn(64, 2, 1, 8, generator=drawn)
        change[-1, 1] = 1e6
        scale.update(change, valid)
    torch.testing.assert_close(scale(), size, rtol=0.05, atol=0.0)
    before = scale().clone()
    scale.update(change, torch.zeros_like(valid))
    assert torch.equal(scale(), before)
