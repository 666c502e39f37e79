"""Validation while a run trains, and the policies that it keeps beside its last."""

import dataclasses
import json
import signal
import subprocess

import killed_training
import numpy as np
import pytest
import torch
from praxia_testing import Stop, make_config, make_policy, stop_after

from praxia.checkpoint.store import load_policy, policy_folder, read_config
from praxia.core.errors import PraxiaError
from praxia.core.keys import generator
from praxia.dataloader.mixture_config import DatasetEntry, MixtureConfig
from praxia.dataloader.view import DatasetView
from praxia.nn.queries import to_batch
from praxia.training import engine
from praxia.training.validation import Validation


@pytest.fixture
def judged_run(tiny_run):
    """`tiny_run` with 16 steps, of which every third is validated and every fifth kept."""
    train = dataclasses.replace(tiny_run.train, steps=16, validate_every=3, keep_every=5)
    return dataclasses.replace(tiny_run, hold_out=0.2, train=train)


def fit(run, data, out, **more):
    paths = data if isinstance(data, list) else [data]
    return engine.train(run, paths, out, recipe="tiny", command="praxia train tiny", **more)


def lines_of(out):
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def identities(out):
    folders = [out / "policy", out / "policy-best", *sorted((out / "policies").iterdir())]
    return {folder.name: read_config(folder)[1].to_json() for folder in folders}


def test_validation_is_logged_and_changes_no_weight(judged_run, dataset_path, tmp_path):
    silent = dataclasses.replace(judged_run.train, validate_every=16, keep_every=None)
    one = fit(judged_run, dataset_path, tmp_path / "often")
    other = fit(dataclasses.replace(judged_run, train=silent), dataset_path, tmp_path / "once")
    assert one["weights_sha256"] == other["weights_sha256"]
    often, once = ({line["step"]: line for line in lines_of(tmp_path / name)} for name in ("often", "once"))
    assert [step for step, line in often.items() if "validation_loss" in line] == [3, 6, 9, 12, 15, 16]
    assert list(often) == [2, 3, 4, 6, 8, 9, 10, 12, 14, 15, 16]
    for name in ("loss", "validation_loss", "action_error"):
        assert often[16][name] == once[16][name]
    assert all(often[step]["loss"] == once[step]["loss"] for step in (2, 4, 8, 10, 14))


def test_by_default_ten_times_and_without_held_out_episodes_not_at_all(judged_run, dataset_path, tmp_path):
    train = dataclasses.replace(judged_run.train, validate_every=None, keep_every=None, steps=20)
    fit(dataclasses.replace(judged_run, train=train), dataset_path, tmp_path / "run")
    found = [line["step"] for line in lines_of(tmp_path / "run") if "validation_loss" in line]
    assert found == list(range(2, 21, 2))
    fit(dataclasses.replace(judged_run, hold_out=0.0, train=train), dataset_path, tmp_path / "none")
    assert not any("validation_loss" in line for line in lines_of(tmp_path / "none"))
    assert not (tmp_path / "none" / "policy-best").exists()
    assert not (tmp_path / "none" / "policies").exists()


def test_the_numbers_are_those_of_the_averaged_weights(judged_run, dataset_path, tmp_path):
    """The last line equals what the saved policy gives, computed here without the functions of the engine."""
    fit(judged_run, dataset_path, tmp_path / "run")
    policy, _ = load_policy(tmp_path / "run")
    (episodes,) = json.loads((tmp_path / "run" / "run.json").read_text())["held_out"]
    config = MixtureConfig.of([dataset_path])
    windows = config.open(judged_run.window).entries[0].of_episodes(np.array(episodes))
    errors, at = [], 0
    for number, first in enumerate(range(0, len(windows), 8)):
        samples = windows.read(np.arange(first, min(first + 8, len(windows))))
        assert samples.action is not None
        assert samples.action_valid is not None
        batch = to_batch(policy.transforms.encode(samples), policy.transforms)
        shape = (len(samples.state), *policy.model.head.noise_shape)
        noise = torch.from_numpy(generator("validation", number).standard_normal(shape, dtype=np.float32))
        with torch.no_grad():
            chunks = policy.transforms.decode(policy.model.sample(batch, noise).numpy(), 0)
        for chunk, recorded, valid in zip(chunks, samples.action, samples.action_valid, strict=True):
            errors += [abs(chunk[h] - recorded[h]) for h in range(len(valid)) if valid[h]]
        at += len(samples.state)
    assert at == 12 * len(episodes)
    assert lines_of(tmp_path / "run")[-1]["action_error"] == pytest.approx(np.mean(errors), rel=1e-5)


def test_the_error_of_each_embodiment_is_logged(judged_run, mixed_paths, tmp_path):
    fit(judged_run, mixed_paths, tmp_path / "run")
    line = lines_of(tmp_path / "run")[-1]
    each = [value for name, value in line.items() if name.startswith("action_error/")]
    assert len(each) == 2
    assert line["action_error"] == pytest.approx(np.mean(each))


def test_a_validation_leaves_model_and_random_streams_as_they_were(judged_run, dataset_path, tmp_path):
    fit(judged_run, dataset_path, tmp_path / "run")
    policy, _ = load_policy(tmp_path / "run")
    windows = MixtureConfig.of([dataset_path]).open(judged_run.window)
    validation = Validation(windows, policy.transforms, 8)
    model = policy.model.train()
    model.encoder.eval()
    own = {name: value.clone() for name, value in model.state_dict().items()}
    others = {name: value + 0.1 if value.is_floating_point() else value for name, value in own.items()}
    before = torch.get_rng_state()
    first, second = validation(model, own), validation(model, others)
    assert first != second
    assert validation(model, own) == first
    assert torch.equal(torch.get_rng_state(), before)
    assert (model.training, model.head.training, model.encoder.training) == (True, True, False)
    assert all(torch.equal(value, own[name]) for name, value in model.state_dict().items())
    assert all(value.grad is None for value in model.parameters())


def test_the_best_and_every_so_many_are_kept_and_load(judged_run, dataset_path, tmp_path):
    out = tmp_path / "run"
    fit(judged_run, dataset_path, out)
    assert set(identities(out)) == {"policy", "policy-best", "step-5", "step-10", "step-15"}
    losses = {line["step"]: line["validation_loss"] for line in lines_of(out) if "validation_loss" in line}
    best = read_config(out / "policy-best")[0].provenance
    assert (best["step"], best["validation_loss"]) == min(losses.items(), key=lambda one: one[1])
    assert read_config(out / "policies" / "step-10")[0].provenance["step"] == 10
    assert policy_folder(out / "policy-best") == out / "policy-best"
    load_policy(out / "policy-best")
    shorter = dataclasses.replace(judged_run.train, keep_every=16, validate_every=None)
    fit(dataclasses.replace(judged_run, train=shorter), dataset_path, tmp_path / "last")
    last = identities(tmp_path / "last")
    assert last["policy"] == last["step-16"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"validate_every": 0}, r"train\.validate-every"),
        ({"keep_every": 0}, r"train\.keep-every"),
    ],
)
def test_impossible_options_are_refused(judged_run, dataset_path, tmp_path, changes, message):
    run = dataclasses.replace(judged_run, train=dataclasses.replace(judged_run.train, **changes))
    with pytest.raises(PraxiaError, match=message):
        fit(run, dataset_path, tmp_path / "run")


def test_validation_without_held_out_episodes_is_refused(judged_run, dataset_path, tmp_path):
    with pytest.raises(PraxiaError, match=r"expected --hold-out beside --train\.validate-every, got none"):
        fit(dataclasses.replace(judged_run, hold_out=0.0), dataset_path, tmp_path / "run")


@pytest.mark.parametrize("fsync", [8, pytest.param(24, marks=pytest.mark.slow)])
def test_after_a_kill_what_is_kept_is_as_undisturbed(judged_run, dataset_path, tmp_path, fsync):
    fit(judged_run, dataset_path, tmp_path / "whole")
    out = tmp_path / "run"
    # Within a policy, which the main thread writes. How many states another thread writes depends on the disk.
    command = killed_training.command(judged_run, dataset_path, out, fsync, "MainThread")
    assert subprocess.run(command, timeout=240).returncode == -signal.SIGKILL
    fit(judged_run, dataset_path, out, resume=True)
    assert identities(out) == identities(tmp_path / "whole")
    assert not list(out.rglob(".*"))

    def measured(run):
        names = ("step", "validation_loss", "action_error")
        return [[line[name] for name in names] for line in lines_of(run) if "action_error" in line]

    assert measured(out) == measured(tmp_path / "whole")


def test_a_stopped_run_keeps_what_an_undisturbed_one_does(judged_run, dataset_path, tmp_path):
    """The run stops where it has validated, before that step's state is saved."""
    fit(judged_run, dataset_path, tmp_path / "whole")
    with pytest.raises(Stop):
        fit(judged_run, dataset_path, tmp_path / "run", report=stop_after(9))
    fit(judged_run, dataset_path, tmp_path / "run", resume=True)
    assert identities(tmp_path / "run") == identities(tmp_path / "whole")


def test_a_batch_of_video_does_not_dilute_the_validation_loss(dataset_path):
    policy = make_policy()
    labelled = DatasetEntry(str(dataset_path), episodes=(0, 1))
    video = DatasetEntry(str(dataset_path), DatasetView(actions=False), episodes=(2, 3))
    found = []
    for entries in ((labelled,), (labelled, video)):
        windows = MixtureConfig(entries).open(make_config().window)
        validation = Validation(windows, policy.transforms, len(windows.entries[0]))
        found.append(validation(policy.model, policy.model.state_dict())["validation_loss"])
    assert found[1] == pytest.approx(found[0], rel=1e-5)
