"""The run in `tests/frozen/runs/stopped` continues where its version stopped, and ends with the same weights."""

import json
import shutil

import numpy as np
import pytest
from frozen_testing import FROZEN, expected
from safetensors.numpy import load_file

from praxia.checkpoint.store import read_config
from praxia.core.errors import PraxiaError
from praxia.core.window import Window
from praxia.dataloader.mixture_config import read_mixture
from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.text import PooledText
from praxia.heads.denoisers.residual_mlp import ResidualMLP
from praxia.heads.flow import Flow
from praxia.policies.encoder_head import EncoderHead
from praxia.training.config import Train, TrainRun
from praxia.training.engine import train

RUNS = FROZEN / "runs"


@pytest.fixture
def stopped(tmp_path):
    """A copy of the data and of the run, to be resumed."""
    shutil.copytree(FROZEN / "data", tmp_path / "data")
    shutil.copytree(RUNS / "stopped", tmp_path / "run")
    return tmp_path


def make_run(steps=30):
    encoder = FilmCNN(text=PooledText(width=4, num_heads=2), channels=(8, 8, 8, 8), width=16)
    return TrainRun(
        model=EncoderHead(encoder, Flow(ResidualMLP(width=8, depth=1))),
        window=Window({"image.workspace": (0,), "state": (0,)}, horizon=8),
        train=Train(steps=steps, batch_size=8, warmup_steps=4, log_every=5, checkpoint_s=0.0),
    )


def go_on(folder, run):
    mix = read_mixture(folder / "data" / "mixture.json")
    return train(run, mix, folder / "run", recipe="flow-metaworld", command="praxia train", resume=True, cache_bytes=0)


def test_it_goes_on_and_ends_with_the_weights_that_it_would_have_had(stopped):
    (state,) = (RUNS / "stopped" / "state").iterdir()
    found = go_on(stopped, make_run())
    assert found["resumed_from"] == json.loads((state / "state.json").read_text())["step"] == int(state.name)
    ours, theirs = load_file(stopped / "run" / "policy" / "weights.safetensors"), load_file(RUNS / "whole.safetensors")
    # Another machine adds up in another order; on one like that of then they are the same to the last bit.
    assert len(ours) == len(theirs)
    for one, other in zip(ours.values(), theirs.values(), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


def test_its_log_goes_on_too(stopped):
    before = (stopped / "run" / "metrics.jsonl").read_text().splitlines()
    go_on(stopped, make_run())
    lines = (stopped / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [5, 10, 15, 20, 25, 30]
    assert lines[:2] == before[:2]


def test_with_other_options_it_is_still_refused(stopped):
    with pytest.raises(PraxiaError, match=r"begun with another config: --train\.steps was 30 and is 29; "):
        go_on(stopped, make_run(steps=29))


def test_it_can_be_lengthened(stopped):
    assert go_on(stopped, make_run(steps=32))["steps"] == 32
    described = json.loads((stopped / "run" / "run.json").read_text())
    assert (described["config"]["train"]["steps"], described["earlier_steps"]) == (32, [30])


def test_a_finished_run_is_the_policy_that_it_was():
    _, identity = read_config(RUNS / "finished")
    recorded = expected("runs")["finished"]
    assert identity.weights_sha256 == recorded["weights_sha256"]
