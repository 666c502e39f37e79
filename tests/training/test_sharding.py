"""FSDP: processes that share weights, average and optimiser have the run of one process and read any state."""

import dataclasses
import json
import signal
import subprocess
import sys
from unittest.mock import Mock

import killed_training
import numpy as np
import pytest
import torch
from lightning.fabric import Fabric
from safetensors.torch import load_file
from shared_training import job, shared, shared_by_nodes
from torch import nn

from praxia.core.errors import MismatchError
from praxia.heads.act import ACT
from praxia.heads.autoregressive import Autoregressive
from praxia.heads.denoisers.residual_mlp import ResidualMLP
from praxia.heads.diffusion import Diffusion
from praxia.training import engine
from praxia.training.augmentation import Augmentation
from praxia.training.sharding import build_whole_once

HEADS = {
    "flow": None,
    "diffusion": Diffusion(ResidualMLP(width=32, depth=1)),
    "act": ACT(width=32, num_heads=2, mlp_width=32, encoder_depth=1),
    "fast": Autoregressive(tokenizer="fast"),
}


@pytest.fixture
def make_run(tiny_run):
    """`make_run(head, strategy=...)`: ten steps of eight windows, validated and kept on the way."""

    def make(head="flow", **options):
        train = {"steps": 10, "log_every": 1, "checkpoint_s": 1e9, "augmentation": Augmentation(enable=True)}
        train |= {"validate_every": 5, "keep_every": 4, "strategy": "fsdp", **options}
        model = dataclasses.replace(tiny_run.model, head=HEADS[head] or tiny_run.model.head)
        train = dataclasses.replace(tiny_run.train, **train)
        return dataclasses.replace(tiny_run, model=model, train=train, hold_out=0.2)

    return make


def fit(run, data, out, **more):
    return engine.train(run, data, out, recipe="t", command="c", device="cpu", **more)


def expect_equal_curves(one, other, tolerance=1e-5):
    """The same numbers at every step, up to rounding."""
    curves = []
    for out in (one, other):
        lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
        curves.append({(line["step"], name): value for line in lines for name, value in line.items()})
    assert any(name == "action_error" for _, name in curves[0])
    for (step, name), value in curves[0].items():
        if name not in ("samples_per_s", "wall_s"):
            np.testing.assert_allclose(curves[1][step, name], value, tolerance, 1e-7, err_msg=f"{name} at {step}")


def expect_equal_policies(one, other, *names):
    for name in names:
        ours, theirs = (load_file(out / name / "weights.safetensors") for out in (one, other))
        assert list(ours) == list(theirs)
        for key, value in ours.items():
            # Adam's first steps go by the sign of a gradient, which rounding decides where it is nearly zero.
            assert (theirs[key].float() - value.float()).norm() <= 1e-3 * value.float().norm() + 1e-3, key


def distance(one, other):
    """Of all weights of two policies."""
    ours, theirs = (load_file(folder / "weights.safetensors") for folder in (one, other))
    return sum((theirs[name].double() - value.double()).square().sum().item() for name, value in ours.items()) ** 0.5


def expect_equally_trained(one, other, *names):
    """Policies differ by little of what four steps change; those that are not trained, or averaged, by all of it."""
    change = distance(one / "policies/step-4", one / "policies/step-8")
    assert change > 0
    for name in names:
        assert distance(one / name, other / name) <= 0.05 * change, name


def expect_equal_runs(one, other):
    expect_equal_curves(one, other)
    names = ("policy", "policy-best", "policies/step-4", "policies/step-8")
    expect_equal_policies(one, other, *names)
    expect_equally_trained(one, other, *names)


@pytest.mark.slow
@pytest.mark.parametrize(("processes", "heads"), [(2, ["flow"]), (4, list(HEADS))])
def test_processes_that_share_weights_have_the_run_of_one(make_run, mixed_paths, tmp_path, processes, heads):
    shared([job(make_run(head), mixed_paths, tmp_path / f"{head}-shared") for head in heads], processes)
    for head in heads:
        fit(make_run(head), mixed_paths, tmp_path / head)
        expect_equal_runs(tmp_path / head, tmp_path / f"{head}-shared")
    assert len(list((tmp_path / "flow-shared" / "state" / "00000010").glob("ema-*.safetensors"))) == processes


@pytest.mark.slow
def test_parts_of_a_batch_and_blocks_that_are_computed_again(make_run, mixed_paths, tmp_path):
    shared([job(make_run(accumulate=2, activation_checkpointing=True), mixed_paths, tmp_path / "shared")], 2)
    fit(make_run(), mixed_paths, tmp_path / "one")
    expect_equal_runs(tmp_path / "one", tmp_path / "shared")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_goes_on_in_another_number_of_processes_that_share_otherwise(make_run, mixed_paths, tmp_path):
    """Two with FSDP, one, four with FSDP, two with DDP, two with FSDP."""
    one, changing = tmp_path / "one", tmp_path / "changing"
    same = {"warmup_steps": 0, "final_rate": 1.0}  # the learning rate of a run that is not lengthened
    for steps, processes, strategy in ((2, 2, "fsdp"), (4, 1, "fsdp"), (6, 4, "fsdp"), (8, 2, "ddp"), (10, 2, "fsdp")):
        run = make_run(steps=steps, strategy=strategy, **same)
        if processes == 1:
            fit(run, mixed_paths, changing, resume=True)
        else:
            shared([job(run, mixed_paths, changing, resume=True)], processes)
    fit(make_run(**same), mixed_paths, one)
    expect_equal_curves(one, changing)
    expect_equal_policies(one, changing, "policy", "policies/step-8")
    expect_equally_trained(one, changing, "policy", "policies/step-8")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_mixed_precision_on_two_nodes(make_run, mixed_paths, tmp_path):
    """Each node writes its part of the states into the folder that both see."""
    run = make_run(precision="bf16-mixed", activation_checkpointing=True)
    shared_by_nodes(2 * [[job(run, mixed_paths, tmp_path / "shared")]])
    fit(run, mixed_paths, tmp_path / "one")
    expect_equal_curves(tmp_path / "one", tmp_path / "shared", tolerance=0.02)
    assert len(list((tmp_path / "shared" / "state" / "00000010").glob("ema-*.safetensors"))) == 2


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_fine_tuning_begins_with_the_policy_in_the_first_process(make_run, dataset_path, tmp_path):
    first = make_run(steps=2)
    fit(first, [dataset_path], tmp_path / "first")
    more = {"start_from": tmp_path / "first"}
    shared([job(make_run(), [dataset_path], tmp_path / "shared", **more)], 2)
    fit(make_run(), [dataset_path], tmp_path / "one", **more)
    expect_equal_runs(tmp_path / "one", tmp_path / "shared")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("fsync", [4, 15])
def test_killed_while_parts_are_saved_a_run_goes_on(make_run, dataset_path, tmp_path, fsync):
    """Each process kills itself at one of the fsyncs of its thread that saves, if torchrun does not before."""
    run = make_run(checkpoint_s=0.0, validate_every=None, keep_every=None)
    fit(run, [dataset_path], tmp_path / "one")
    command = killed_training.command(run, dataset_path, tmp_path / "killed", fsync, "state")
    launched = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    killed = subprocess.run([*launched, *command[1:]], capture_output=True, text=True, timeout=240, check=False)
    assert killed.returncode, "it was killed"
    assert f"Signal {signal.SIGKILL.value}" in killed.stderr
    assert not (tmp_path / "killed" / "policy").exists()
    shared([job(run, [dataset_path], tmp_path / "killed", resume=True)], 2)
    expect_equal_policies(tmp_path / "one", tmp_path / "killed", "policy")
    assert not list((tmp_path / "killed" / "state").glob(".*.parts"))


class Loss(nn.Module):
    def __init__(self, **weights):
        super().__init__()
        for name, value in weights.items():
            setattr(self, name, value)

    def loss(self, batch, generator):
        raise NotImplementedError


OTHER = Mock(spec=Fabric, is_global_zero=False, global_rank=1, world_size=1)


def test_only_the_first_process_has_the_weights_whole():
    first = Mock(spec=Fabric, is_global_zero=True, world_size=1)
    asked = []

    def build(is_first):
        asked.append(is_first)
        return Loss(layer=nn.Linear(3, 2))

    assert not build_whole_once(first, build).layer.weight.is_meta
    assert build_whole_once(OTHER, build).layer.weight.is_meta
    assert asked == [True, False]


def test_a_model_that_needs_values_to_be_built_is_built_with_its_own(caplog):
    def build(is_first):
        layer = nn.Linear(3, 2)
        assert layer.weight.abs().max().item() < 1
        return Loss(layer=layer)

    assert not build_whole_once(OTHER, build).layer.weight.is_meta
    (said,) = caplog.messages
    assert said.startswith("process 1 has memory for all weights while the model is built")
    assert "meta" in said, "the error"


def test_what_cannot_be_sharded_is_refused_with_what_to_do():
    layer = nn.Linear(3, 3)
    two = Loss(one=layer, other=nn.Linear(3, 3))
    two.other.weight = layer.weight
    cases = {
        "a model that updates itself .*leave out --train.strategy fsdp": nn.Linear(2, 2),
        "weights that have two names, such as other.weight; leave out": two,
        "cannot shard scale, a weight without axes; leave out": Loss(scale=nn.Parameter(torch.tensor(1.0))),
    }
    for message, model in cases.items():
        with pytest.raises(MismatchError, match=message):
            build_whole_once(OTHER, lambda is_first, model=model: model)
