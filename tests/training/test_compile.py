"""A run whose blocks are compiled: the same up to rounding, with the same names, and it goes on either way."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file
from toy_models import TOYS, NextFrame

from praxia.core.errors import MismatchError, PraxiaError
from praxia.core.window import Window
from praxia.encoders.state_only import StateOnly
from praxia.heads.denoisers.residual_mlp import ResidualMLP
from praxia.heads.flow import Flow
from praxia.policies import MODELS
from praxia.policies.encoder_head import EncoderHead
from praxia.training import engine

# Types are not checked while torch compiles, so the runs are in an interpreter of their own.
RUNS = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from test_compile import MODEL, WINDOW, fit
from praxia.training.config import Train, TrainRun
data, out = Path(sys.argv[1]), Path(sys.argv[2])
run = TrainRun(MODEL, WINDOW, Train(batch_size=8, warmup_steps=2, checkpoint_s=0.0))
for name, options in {"plain": {}, "compiled": {"compile": True, "activation_checkpointing": True}}.items():
    fit(run, data, out / name, **options)
    other = {} if options else {"compile": True}
    fit(run, data, out / name, steps=6, resume=True, **other)
"""
MODEL = EncoderHead(StateOnly(), Flow(ResidualMLP(width=32, depth=2)))
WINDOW = Window({"image.front": (0,), "state": (0,)}, horizon=4)


def fit(run, data, out, *, steps=4, resume=False, **options):
    run = dataclasses.replace(run, train=dataclasses.replace(run.train, steps=steps, **options))
    engine.train(run, [data], out, recipe="t", command="c", device="cpu", resume=resume)
    return load_file(out / "policy" / "weights.safetensors")


@pytest.mark.slow
def test_a_compiled_run_is_the_same_up_to_rounding_and_goes_on_either_way(dataset_path, tmp_path):
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1]), *sys.path])
    command = [sys.executable, "-c", RUNS, str(dataset_path), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == 0, done.stderr
    plain, compiled = (load_file(tmp_path / name / "policy/weights.safetensors") for name in ("plain", "compiled"))
    assert plain.keys() == compiled.keys()
    for name, value in plain.items():
        np.testing.assert_allclose(value.numpy(), compiled[name].numpy(), atol=1e-4, err_msg=name)


def test_no_compiler_is_one_line(tiny_run, dataset_path, tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(PraxiaError, match=r"expected a C\+\+ compiler for --train.compile, got none \(no-such-comp"):
        fit(tiny_run, dataset_path, tmp_path / "run", compile=True)
    assert not (tmp_path / "run").exists()


def test_a_model_without_blocks_is_refused(tiny_run, dataset_path, tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", "cat")
    monkeypatch.setitem(MODELS, "toy-next-frame", TOYS["toy-next-frame"])
    with pytest.raises(MismatchError, match=r"expected a model with blocks, .* leave out --train.compile"):
        fit(dataclasses.replace(tiny_run, model=NextFrame()), dataset_path, tmp_path / "run", compile=True)
