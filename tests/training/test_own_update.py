"""The update of a model that brings its own, without the engine around it."""

import subprocess
import sys

import pytest
import torch
from lightning.fabric import Fabric
from torch import nn

from praxia.core.errors import PraxiaError
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


class Sharing(nn.Module):
    """Begins with other weights in each process, counts, and leaves weights without gradient in some or all of them."""

    def __init__(self, rank):
        super().__init__()
        self.rank = rank
        self.used, self.sometimes, self.unused = (nn.Parameter(torch.full((2,), 1.0 + rank)) for _ in range(3))
        self.register_buffer("mean", torch.zeros(2))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def optimizers(self, make):
        return {"own": torch.optim.AdamW(self.parameters(), lr=0.1, weight_decay=0.5)}

    def update(self, batch, minimise, generator):
        loss = (self.used * batch.state[:, 0]).sum() + (self.sometimes.sum() if self.rank else 0)
        minimise("own", loss)
        self.mean += batch.state.mean()
        self.count += 1 + self.rank
        return loss, {}


@pytest.mark.slow
def test_processes_have_one_state(tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run([*command, __file__, str(tmp_path)], check=True, timeout=240)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    for name, value in first["model"].items():
        assert torch.equal(value, second["model"][name]), name
    assert first["model"]["unused"].tolist() == [1.0, 1.0]
    assert first["gradients"]["unused"] is None
    for each in (first, second):
        assert each["gradients"]["used"].tolist() == [3.0, 3.0]
        assert each["gradients"]["sometimes"].tolist() == [0.5, 0.5]
    assert first["model"]["mean"].tolist() == [1.5, 1.5]
    assert int(first["model"]["count"]) == 1


def test_a_learning_rate_of_the_backbone_is_refused():
    with pytest.raises(PraxiaError, match=r"expected no --train\.backbone-learning-rate, got 0\.001: this model"):
        make_update(Fabric(accelerator="cpu"), Twice(), Train(backbone_learning_rate=1e-3))


def main(out):
    fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp")
    fabric.launch()
    rank = fabric.global_rank
    model = Sharing(rank)
    update = make_update(fabric, model, Train(clip_norm=1e9))
    update((make_batch(torch.full((2, 2), 1.0 + rank)), None), torch.Generator())
    gradients = {name: one.grad for name, one in model.named_parameters()}
    torch.save({"model": model.state_dict(), "gradients": gradients}, f"{out}/{rank}.pt")


if __name__ == "__main__":
    main(sys.argv[1])
