"""What clusters do to runs: two at once, kills while a state is written, full disks, data replaced or moved."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess

import killed_training
import pytest
import torch
from praxia_testing import Stop, stop_after
from safetensors import SafetensorError
from safetensors.torch import load_file

from praxia.core.errors import PraxiaError, TrainingError
from praxia.policies.encoder_head_model import EncoderHeadModel
from praxia.training import engine, parts
from praxia.training.measured_step import Cost


def fit(run, data, out, **more):
    return engine.train(run, [data], out, recipe="tiny", command="praxia train tiny", **more)


def stopped(run, data, out):
    """A run that was stopped after its second step."""
    with pytest.raises(Stop):
        fit(run, data, out, report=stop_after(2))


@pytest.fixture
def foreign_path(dataset_path, tmp_path):
    """The toy data set as another writer would have left it: without hashes."""
    root = shutil.copytree(dataset_path, tmp_path / "foreign")
    shutil.rmtree(root / "praxia")
    return root


def test_a_second_process_is_refused_while_the_first_trains(tiny_run, dataset_path, tmp_path):
    out, refusals = tmp_path / "run", []

    def meanwhile(step, metrics):
        for resume in (True, False):
            with pytest.raises(PraxiaError, match=rf"run is being written by process {os.getpid()} on ") as refused:
                fit(tiny_run, dataset_path, out, resume=resume)
            refusals.append(refused)

    result = fit(tiny_run, dataset_path, out, report=meanwhile)
    assert len(refusals) == 6
    assert result["weights_sha256"] == fit(tiny_run, dataset_path, tmp_path / "alone")["weights_sha256"]
    assert not [path.name for path in out.rglob(".*")], "no lock and nothing unfinished stays"


def test_a_gradient_that_is_not_finite_takes_no_step_and_no_good_state(tiny_run, dataset_path, tmp_path, monkeypatch):
    uninterrupted, out, calls = fit(tiny_run, dataset_path, tmp_path / "whole"), tmp_path / "run", []
    loss = EncoderHeadModel.loss

    def poisoned(self, batch, generator):
        value, metrics = loss(self, batch, generator)
        calls.append(value)
        if len(calls) != 5:
            return value, metrics
        weight = next(self.parameters())
        return value + (0 * weight).sum().sqrt(), metrics  # adds 0, whose derivative is none

    with monkeypatch.context() as patched:
        patched.setattr(EncoderHeadModel, "loss", poisoned)
        patched.setattr(engine, "measure_cost", lambda *_, **__: Cost("cpu", 6, 0.1, None, None))
        with pytest.raises(TrainingError, match=r"the gradient is not finite at the batch of step 4 \(8 windows\)"):
            fit(tiny_run, dataset_path, out)
    assert calls[-1].isfinite()
    saved = sorted((out / "state").iterdir())
    assert saved
    assert max(int(path.name) for path in saved) <= 4
    for path in saved:
        for name in ("model", "ema", "optimizer"):
            assert all(value.isfinite().all() for value in load_file(path / f"{name}.safetensors").values())
    resumed = fit(tiny_run, dataset_path, out, resume=True)
    assert resumed["resumed_from"] > 0
    assert resumed["weights_sha256"] == uninterrupted["weights_sha256"]


def test_weights_that_overflow_are_not_saved(tiny_run, dataset_path, tmp_path):
    options = dataclasses.replace(tiny_run.train, learning_rate=1e37, warmup_steps=0)
    with pytest.raises(TrainingError, match="not finite"):
        fit(dataclasses.replace(tiny_run, train=options), dataset_path, tmp_path / "run")
    for path in (tmp_path / "run" / "state").rglob("*.safetensors"):
        assert all(value.isfinite().all() for value in load_file(path).values())
    assert not (tmp_path / "run" / "policy").exists()


def test_a_kill_within_a_state_goes_on_from_the_one_before_to_the_same_weights(tiny_run, dataset_path, tmp_path):
    run = dataclasses.replace(tiny_run, train=dataclasses.replace(tiny_run.train, steps=40))
    uninterrupted, out = fit(run, dataset_path, tmp_path / "whole"), tmp_path / "run"
    # A state takes six fsyncs, four files and two folders, in the thread that writes it: this is within the second.
    command = killed_training.command(run, dataset_path, out, 9, "state")
    assert subprocess.run(command, timeout=120).returncode == -signal.SIGKILL
    names = [path.name for path in (out / "state").iterdir()]
    assert [name for name in names if name.endswith(".partial")], "killed while writing"
    assert [name for name in names if name.isdigit()]
    resumed = fit(run, dataset_path, out, resume=True)
    assert 0 < resumed["resumed_from"] < 40
    assert resumed["weights_sha256"] == uninterrupted["weights_sha256"]
    assert not list(out.rglob(".*"))


def test_a_full_disk_is_one_line_and_the_run_goes_on(tiny_run, dataset_path, tmp_path, monkeypatch):
    uninterrupted, out = fit(tiny_run, dataset_path, tmp_path / "whole"), tmp_path / "run"
    save_file, written = parts.save_file, []

    def full(tensors, path):
        written.append(path)
        if len(written) > 3:  # the second state
            raise SafetensorError("I/O error: No space left on device (os error 28)")
        save_file(tensors, path)

    with monkeypatch.context() as patched:
        patched.setattr(parts, "save_file", full)
        with pytest.raises(TrainingError, match=r"no space left on the disk of .*run .*states after steps \d\. Free"):
            fit(tiny_run, dataset_path, out)
    resumed = fit(tiny_run, dataset_path, out, resume=True)
    assert resumed["resumed_from"] > 0
    assert resumed["weights_sha256"] == uninterrupted["weights_sha256"]


def test_the_same_data_elsewhere_go_on(tiny_run, foreign_path, tmp_path):
    uninterrupted, out = fit(tiny_run, foreign_path, tmp_path / "whole"), tmp_path / "run"
    stopped(tiny_run, foreign_path, out)
    moved = shutil.copytree(foreign_path, tmp_path / "moved")
    for path in moved.rglob("*"):
        os.utime(path, (1, 1))
    shutil.rmtree(foreign_path)
    assert fit(tiny_run, moved, out, resume=True)["weights_sha256"] == uninterrupted["weights_sha256"]


def test_other_data_at_the_same_path_are_refused(tiny_run, foreign_path, record_as, tmp_path):
    out = tmp_path / "run"
    stopped(tiny_run, foreign_path, out)
    other = record_as(tmp_path / "other", first=6)
    shutil.rmtree(other / "praxia")
    shutil.rmtree(foreign_path)
    other.rename(foreign_path)
    before = {path: path.stat().st_mtime for path in (out / "state").iterdir()}
    with pytest.raises(PraxiaError, match=rf"was begun on {foreign_path}, which has been altered, "):
        fit(tiny_run, foreign_path, out, resume=True)
    elsewhere = foreign_path.rename(tmp_path / "elsewhere")
    with pytest.raises(PraxiaError, match=rf"was begun on other data \(--data {foreign_path}\)"):
        fit(tiny_run, elsewhere, out, resume=True)
    assert {path: path.stat().st_mtime for path in (out / "state").iterdir()} == before


def test_a_run_from_before_hashes_is_compared_by_path_with_a_warning(tiny_run, foreign_path, tmp_path, caplog):
    out = tmp_path / "run"
    stopped(tiny_run, foreign_path, out)
    description = json.loads((out / "run.json").read_text())
    del description["data"][0]["sampled_sha256"]
    (out / "run.json").write_text(json.dumps(description))
    moved = shutil.copytree(foreign_path, tmp_path / "moved")
    with pytest.raises(PraxiaError, match=r"begun on other data"):
        fit(tiny_run, moved, out, resume=True)
    caplog.clear()
    assert fit(tiny_run, foreign_path, out, resume=True)["resumed_from"] > 0
    assert caplog.messages[0] == f"{out} has no hash of its data, only their path: {foreign_path}"
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize("variables", [{"SLURM_NNODES": "2"}, {"WORLD_SIZE": "2"}])
def test_machines_that_do_not_know_of_each_other_are_refused_before_anything_is_written(
    tiny_run, dataset_path, tmp_path, monkeypatch, variables
):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(PraxiaError, match=r"expected .*processes"):
        fit(tiny_run, dataset_path, tmp_path / "run")
    assert not (tmp_path / "run").exists()
