"""Praxia without the extra of public vision-language models: only those need it, and say so in one line."""

import json
import sys
from pathlib import Path

import pytest
import torch
import transformers
from absent_testing import praxia_without
from public_models import save_vision

from praxia.checkpoint.store import load_policy
from praxia.core.errors import MissingPackage
from praxia.encoders.public.language_model import add_adapters

POLICY = Path(__file__).parents[2] / "frozen/policies/public-vlm-flow-action-expert"
HINT = r": pip install 'praxia\[vlm\]'$"


@pytest.fixture
def run(tmp_path):
    return praxia_without({"transformers", "peft"}, tmp_path)


def test_what_needs_no_public_model_works(run):
    listed = json.loads(run("recipes", "--json").stdout)["recipes"]
    assert {"act", "pi0-published"} <= listed.keys()
    assert run("train", "pi0-published", "--help").returncode == 0
    assert run("info", str(POLICY)).returncode == 0
    collected = run("collect", "bimodal", "--tasks", "pass", "--episodes", "2", "--out", "demos")
    assert collected.returncode == 0, collected.stderr
    trained = run("train", "flow-bimodal", "--data", "demos", "--train.steps", "2", "--out", "run")
    assert trained.returncode == 0, trained.stderr


def test_pairs_of_encoders_and_heads_say_what_they_leave_out(run):
    found = json.loads(run("recipes", "--pairs", "--json").stdout)
    assert {pair["encoder"] for pair in found["pairs"]} >= {"film-cnn", "vision-language"}
    assert found["left_out"].keys() == {"public-vlm", "backbone", "backbone-grid"}
    last = run("recipes", "--pairs").stdout.splitlines()[-2:]
    needs = "needs the package transformers: pip install 'praxia[vlm]'"
    assert set(last) == {
        f"left out: a public vision model {needs}",
        f"left out: a public vision-language model {needs}",
    }


def test_a_backbone_is_refused_in_one_line_that_names_the_extra(run, tmp_path):
    assert run("collect", "bimodal", "--tasks", "pass", "--episodes", "2", "--out", "demos").returncode == 0
    weights = str(save_vision("dinov2", tmp_path / "dinov2"))
    words = ["train", "act", "--data", "demos", "--out", "run", "--model.encoder", "backbone-grid"]
    done = run(*words, "--model.encoder.weights", weights)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("needs the package transformers: pip install 'praxia[vlm]'")


def test_a_public_model_is_refused_in_one_line_that_names_the_extra(run):
    done = run("eval", str(POLICY), "--benchmark", "bimodal", "--episodes", "1", "--out", "rows.jsonl")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("needs the package transformers: pip install 'praxia[vlm]'")
    assert "Traceback" not in done.stderr


def test_an_older_transformers_is_refused(monkeypatch):
    """Other packages ask for it: lerobot's extras for 4.x, of another interface."""
    # The library replaces its own module while it is imported.
    monkeypatch.setattr(sys.modules[transformers.__name__], "__version__", "4.57.1")
    with pytest.raises(MissingPackage, match=r"needs the package transformers>=5 \(got 4.57.1\)" + HINT):
        load_policy(POLICY)


def test_adapters_without_peft(monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingPackage, match="training with adapters needs the package peft" + HINT):
        add_adapters(torch.nn.Linear(2, 2), 4, 4.0)
