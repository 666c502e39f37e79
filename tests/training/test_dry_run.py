"""A run that is planned: nothing is written, and no weights have memory."""

import dataclasses
import json

import pytest
from public_models import MODELS
from toy_models import TOYS, ActorCritic

from praxia.cli.main import main
from praxia.core.errors import MismatchError, PraxiaError
from praxia.core.memory import own_memory
from praxia.encoders.public.model import PublicVLM
from praxia.heads.autoregressive import Autoregressive
from praxia.policies import MODELS as REGISTERED
from praxia.recipes.vla_published import pi0_published
from praxia.training.dry_run import dry_run


def test_a_plan_has_the_run_and_its_memory(tiny_run, dataset_path):
    run = dataclasses.replace(tiny_run, train=dataclasses.replace(tiny_run.train, batch_size=16, accumulate=2))
    found = dry_run(run, [dataset_path], device="cpu")
    said = found.to_json()
    assert said["parameters"] == found.plan.parameters
    assert (said["precision"], said["batch_size"], said["accumulate"]) == ("32-true", 16, 2)
    rows = {(one["strategy"], one["processes"]): one for one in said["memory"]}
    assert rows["one process", 1]["rows"] == 8
    whole = rows["one process", 1]
    assert whole["bytes_with_activation_checkpointing"] < whole["bytes"]
    assert any("FSDP, 8 GPUs" in line for line in found.lines())


def test_the_command_writes_nothing(dataset_path, tmp_path, capsys):
    out = tmp_path / "run"
    with pytest.raises(SystemExit, match="0"):
        main(["train", "flow", "--data", str(dataset_path), "--out", str(out), "--dry-run", "--json"])
    assert json.loads(capsys.readouterr().out)["memory"]
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "expected --train.batch-size of at least 1, got 0"),
        ({"batch_size": 7, "accumulate": 2}, "expected --train.batch-size to be a multiple of 2 .*, got 7; nearest: 8"),
        ({"keep_every": 0}, "train.keep-every"),
    ],
)
def test_options_are_checked_as_by_training(tiny_run, dataset_path, options, message):
    run = dataclasses.replace(tiny_run, train=dataclasses.replace(tiny_run.train, **options))
    with pytest.raises(PraxiaError, match=message):
        dry_run(run, [dataset_path])


@pytest.mark.parametrize("option", [["--vqa", "nothing.json"], ["--refit"], ["--resume"]])
def test_what_is_not_planned_is_refused(option, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["train", "flow", "--data", "data", "--out", str(tmp_path / "run"), "--dry-run", *option])
    assert f"expected no {option[0]} beside --dry-run" in capsys.readouterr().err


def test_processes_that_cannot_share_the_batch_are_not_planned(tiny_run, dataset_path):
    run = dataclasses.replace(tiny_run, train=dataclasses.replace(tiny_run.train, batch_size=6, accumulate=3))
    found = dry_run(run, [dataset_path], device="cpu")
    assert {(one["strategy"], one["processes"]) for one in found.to_json()["memory"]} == {
        ("one process", 1),
        ("DDP", 2),
        ("FSDP", 2),
    }
    assert "  8 GPUs cannot share such a batch evenly" in found.lines()


def test_tokens_of_actions_are_counted(tiny_run, dataset_path):
    model = dataclasses.replace(tiny_run.model, head=Autoregressive("fast"))
    found = dry_run(dataclasses.replace(tiny_run, model=model), [dataset_path])
    assert found.memory.precision == "bf16-mixed"
    assert found.memory.passes.peak(8, gradients=True) > 0


def test_what_cannot_be_planned_is_refused_in_a_line(tiny_run, dataset_path, monkeypatch):
    monkeypatch.setitem(REGISTERED, "toy-actor-critic", TOYS["toy-actor-critic"])
    with pytest.raises(MismatchError, match="expected a model with a loss to plan, got 'toy-actor-critic'"):
        dry_run(dataclasses.replace(tiny_run, model=ActorCritic()), [dataset_path])


@pytest.mark.slow
def test_three_billion_parameters_are_planned_without_their_memory(dataset_path):
    before = own_memory()
    found = dry_run(pi0_published(), [dataset_path])
    assert own_memory() - before < 500_000_000
    said = found.to_json()
    assert 3.2e9 < said["parameters"] < 3.3e9
    assert said["model_bytes"]["weights"] >= 4 * said["parameters"]
    assert "48 tokens" in said["note"]
    whole = next(one for one in said["memory"] if (one["strategy"], one["rows"]) == ("one process", 32))
    # Weights, two moments, the average and gradients, in float32.
    assert whole["bytes"] > whole["bytes_with_activation_checkpointing"] > 5 * 4 * said["parameters"]


@pytest.mark.slow
def test_a_public_model_whose_vision_reads_values_is_refused(tiny_run, dataset_path):
    model = dataclasses.replace(tiny_run.model, encoder=PublicVLM(MODELS["qwen2_5_vl"]))
    with pytest.raises(MismatchError, match="expected a loss that reads no values of its tensors"):
        dry_run(dataclasses.replace(tiny_run, model=model), [dataset_path])
