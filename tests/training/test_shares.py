"""One batch, however it is divided among processes and parts: the same noise, the same losses, the same policy."""

import dataclasses
import json

import numpy as np
import pytest
from shared_training import job, shared, shared_by_nodes

from praxia.heads.act import ACT
from praxia.heads.autoregressive import Autoregressive
from praxia.heads.denoisers.residual_mlp import ResidualMLP
from praxia.heads.diffusion import Diffusion
from praxia.training import engine
from praxia.training.augmentation import Augmentation

HEADS = {
    "flow": None,
    "diffusion": Diffusion(ResidualMLP(width=32, depth=1)),
    "act": ACT(width=32, num_heads=2, mlp_width=32, encoder_depth=1),
    "fast": Autoregressive(tokenizer="fast"),
}


@pytest.fixture
def runs(tiny_run):
    """A run of each head: ten steps of eight windows, of which some chunks end early and some rows have fewer dims."""
    options = {"steps": 10, "log_every": 1, "checkpoint_s": 1e9, "augmentation": Augmentation(enable=True)}
    train = dataclasses.replace(tiny_run.train, **options)
    run = dataclasses.replace(tiny_run, train=train)

    def headed(head):
        return dataclasses.replace(run, model=dataclasses.replace(run.model, head=head or run.model.head))

    return {name: headed(head) for name, head in HEADS.items()}


def fit(run, data, out, **more):
    return engine.train(run, data, out, recipe="t", command="c", device="cpu", **more)


def curves(out):
    """Each metric of the run in `out` at every step."""
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return {name: [line[name] for line in lines] for name in lines[0] if name not in ("samples_per_s", "wall_s")}


def expect_equal(one, other):
    assert set(one) == set(other)
    for name in one:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-5, atol=1e-7, err_msg=name)


@pytest.mark.parametrize(("processes", "heads"), [(2, ["flow"]), pytest.param(4, list(HEADS), marks=pytest.mark.slow)])
def test_processes_have_the_loss_curve_of_one(runs, mixed_paths, tmp_path, processes, heads):
    shared([job(runs[head], mixed_paths, tmp_path / f"{head}-shared") for head in heads], processes)
    for head in heads:
        fit(runs[head], mixed_paths, tmp_path / head)
        expect_equal(curves(tmp_path / head), curves(tmp_path / f"{head}-shared"))


@pytest.mark.parametrize(("head", "parts"), [("flow", 8), ("diffusion", 2), ("act", 2), ("fast", 4)])
def test_parts_have_the_loss_curve_of_the_whole(runs, mixed_paths, tmp_path, head, parts):
    run = runs[head]
    fit(run, mixed_paths, tmp_path / "whole")
    divided = dataclasses.replace(run.train, accumulate=parts)
    fit(dataclasses.replace(run, train=divided), mixed_paths, tmp_path / "parts")
    expect_equal(curves(tmp_path / "whole"), curves(tmp_path / "parts"))


def lengthened(run, steps):
    return dataclasses.replace(run, train=dataclasses.replace(run.train, steps=steps))


@pytest.mark.slow
def test_a_run_goes_on_in_another_number_of_processes(runs, mixed_paths, tmp_path):
    run, one, changing = runs["flow"], tmp_path / "one", tmp_path / "changing"
    for steps, processes in ((4, 2), (7, 1), (10, 4)):
        fit(lengthened(run, steps), mixed_paths, one, resume=True)
        shared([job(lengthened(run, steps), mixed_paths, changing, resume=True)], processes)
    assert curves(one)["step"] == list(range(1, 11))
    expect_equal(curves(one), curves(changing))


def test_two_nodes_train_one_run(runs, mixed_paths, tmp_path):
    shared_by_nodes(2 * [[job(runs["flow"], mixed_paths, tmp_path / "nodes")]])
    fit(runs["flow"], mixed_paths, tmp_path / "one")
    expect_equal(curves(tmp_path / "one"), curves(tmp_path / "nodes"))


@pytest.mark.slow
@pytest.mark.parametrize("other", ["data and options", "saved state"])
def test_nodes_that_would_train_something_else_together_are_refused(runs, mixed_paths, tmp_path, other):
    out = tmp_path / "run"
    run = lengthened(runs["flow"], 2)
    fit(run, mixed_paths, out)
    longer = lengthened(run, 4)
    first = job(longer, mixed_paths, out, resume=True)
    second = (
        job(longer, mixed_paths[:2], out) if other == "data and options" else job(longer, mixed_paths, tmp_path / "own")
    )
    with pytest.raises(AssertionError, match=f"expected all 2 processes to have the same {other}, got 2 different"):
        shared_by_nodes([[first], [second]])
