"""The update of a model that brings its own, without the engine around it."""

import pytest
import torch
from lightning.fabric import Fabric
from torch import nn

from praxia.nn.types import Batch
from praxia.training.config import Train
from praxia.training.own_update import make_update


def make_batch(state):
    rows = len(state)
    text = torch.zeros(rows, 1, dtype=torch.int64)
    state_valid = torch.ones(rows, 1, dtype=torch.bool)
    return Batch({}, {}, state[:, None], state_valid, text, text > 0, torch.zeros(rows, dtype=torch.int64))


class Twice(nn.Module):
    """Two steps on one batch, between which a prediction is made without gradients."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 1)
        self.losses = []

    def optimizers(self, make):
        return {"own": torch.optim.SGD(self.parameters(), lr=0.5)}

    def update(self, batch, minimise, generator):
        with torch.no_grad():
            self.layer(batch.state[:, 0])
        for _ in range(2):
            loss = (self.layer(batch.state[:, 0]) - 1).square().mean()
            minimise("own", loss)
            self.losses.append(loss.item())
        return loss, {}


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_each_forward_pass_of_an_update_has_the_weights_of_the_step_before_it(precision):
    torch.manual_seed(0)
    model = Twice()
    update = make_update(Fabric(accelerator="cpu", precision=precision), model, Train())
    update((make_batch(torch.ones(8, 4)), None), torch.Generator())
    first, second = model.losses
    assert second < 0.9 * first
    assert not torch.is_autocast_enabled("cpu")
    assert torch.is_autocast_cache_enabled()
