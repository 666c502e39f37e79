import dataclasses
import json
import os
import signal
import subprocess
import time

import killed_training
import numpy as np
import pytest
import torch
from praxia_testing import Stop, stop_after

from praxia.checkpoint.store import load_policy, read_config
from praxia.core.errors import MismatchError, PraxiaError, TrainingError
from praxia.core.window import Window
from praxia.data.dataset import Dataset
from praxia.dataloader.windows import Windows
from praxia.training import engine
from praxia.training.config import warmup_cosine


def fit(run, data, out, **more):
    return engine.train(run, [data], out, recipe="tiny", command="praxia train tiny", **more)


def test_a_run_leaves_a_policy_and_its_numbers(tiny_run, dataset_path, tmp_path):
    result = fit(tiny_run, dataset_path, tmp_path / "run")
    assert result["steps"] == 6
    assert result["resumed_from"] == 0
    policy, identity = load_policy(tmp_path / "run")
    assert identity.to_json() == {name: result[name] for name in ("policy_sha256", "weights_sha256")}
    assert policy.window == tiny_run.window
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4, 6]
    assert set(lines[0]) == {"step", "loss", "lr", "samples_per_s", "wall_s", "flow"}
    assert read_config(tmp_path / "run")[0].provenance["data"][0]["content_sha256"]
    assert list((tmp_path / "run" / "tensorboard").glob("events*"))


def test_two_runs_of_one_seed_are_equal_and_of_another_are_not(tiny_run, dataset_path, tmp_path):
    other = dataclasses.replace(tiny_run, train=dataclasses.replace(tiny_run.train, seed=1))
    one, two, three = (
        fit(run, dataset_path, tmp_path / str(index)) for index, run in enumerate([tiny_run, tiny_run, other])
    )
    assert one["weights_sha256"] == two["weights_sha256"] != three["weights_sha256"]


def test_workers_and_caches_do_not_change_the_result(tiny_run, dataset_path, tmp_path):
    here = fit(tiny_run, dataset_path, tmp_path / "here")
    there = fit(tiny_run, dataset_path, tmp_path / "there", workers=2, cache_bytes=0)
    assert here["weights_sha256"] == there["weights_sha256"]


def test_a_stopped_run_goes_on_to_the_same_weights(tiny_run, dataset_path, tmp_path):
    uninterrupted = fit(tiny_run, dataset_path, tmp_path / "whole")
    with pytest.raises(Stop):
        fit(tiny_run, dataset_path, tmp_path / "run", report=stop_after(4))
    resumed = fit(tiny_run, dataset_path, tmp_path / "run", resume=True)
    assert 0 < resumed["resumed_from"] < 6
    assert resumed["weights_sha256"] == uninterrupted["weights_sha256"]
    lines = [json.loads(line)["step"] for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert lines == [2, 4, 6]


@pytest.mark.slow
def test_a_run_killed_at_random_times_ends_with_the_same_weights(tiny_run, dataset_path, tmp_path):
    options = dataclasses.replace(tiny_run.train, steps=60)
    run = dataclasses.replace(tiny_run, train=options)
    uninterrupted = fit(run, dataset_path, tmp_path / "whole")
    states = tmp_path / "run" / "state"
    arguments = killed_training.command(run, dataset_path, tmp_path / "run")
    rng = np.random.default_rng(0)
    for _ in range(2):
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        process.stdout.readline()  # the first report: at least two steps are done
        while not list(states.glob("[0-9]*")):
            time.sleep(0.01)
        time.sleep(rng.uniform(0.0, 0.6))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    resumed = fit(run, dataset_path, tmp_path / "run", resume=True)
    assert resumed["resumed_from"] > 0
    assert resumed["weights_sha256"] == uninterrupted["weights_sha256"]


def test_a_finished_run_is_lengthened_on_the_schedule_of_its_new_length(tiny_run, shorter, dataset_path, tmp_path):
    out = tmp_path / "run"
    first = fit(tiny_run, dataset_path, out)
    longer = fit(shorter(10), dataset_path, out, resume=True)
    assert (longer["resumed_from"], longer["steps"]) == (6, 10)
    assert longer["weights_sha256"] != first["weights_sha256"]
    rates = {line["step"]: line["lr"] for line in map(json.loads, (out / "metrics.jsonl").read_text().splitlines())}
    assert rates == {
        done: warmup_cosine(done - 1, tiny_run.train.learning_rate, 2, 6 if done <= 6 else 10)
        for done in (2, 4, 6, 8, 10)
    }
    assert json.loads((out / "run.json").read_text())["earlier_steps"] == [6]
    assert read_config(out)[0].provenance["earlier_steps"] == [6]
    with pytest.raises(PraxiaError, match=r"--train\.steps was 10 and is 6"):
        fit(tiny_run, dataset_path, out, resume=True)


def test_a_lengthened_run_that_is_stopped_ends_with_the_same_weights(tiny_run, shorter, dataset_path, tmp_path):
    for name in ("whole", "run"):
        fit(tiny_run, dataset_path, tmp_path / name)
    whole = fit(shorter(12), dataset_path, tmp_path / "whole", resume=True)
    with pytest.raises(Stop):
        fit(shorter(12), dataset_path, tmp_path / "run", resume=True, report=stop_after(10))
    resumed = fit(shorter(12), dataset_path, tmp_path / "run", resume=True)
    assert resumed["weights_sha256"] == whole["weights_sha256"]


def test_a_folder_in_use_is_refused_and_so_is_resuming_another_run(tiny_run, dataset_path, tmp_path):
    fit(tiny_run, dataset_path, tmp_path / "run")
    with pytest.raises(PraxiaError, match="holds a run already; continue it with --resume"):
        fit(tiny_run, dataset_path, tmp_path / "run")
    other = dataclasses.replace(tiny_run, train=dataclasses.replace(tiny_run.train, learning_rate=1.0))
    with pytest.raises(PraxiaError, match=r"another config: --train\.learning-rate was 0\.001 and is 1\.0; resume"):
        fit(other, dataset_path, tmp_path / "run", resume=True)


def test_a_loss_that_is_not_finite_names_its_batch_and_is_not_saved(tiny_run, dataset_path, tmp_path, monkeypatch):
    read = Windows.read

    def poisoned(self, indices, *more, **named):
        samples = read(self, indices, *more, **named)
        action = samples.action.copy()
        action[indices == 7] = np.nan
        return dataclasses.replace(samples, action=action)

    monkeypatch.setattr(Windows, "read", poisoned)
    with pytest.raises(
        TrainingError, match=r"not finite at the batch of step \d+ .*\(data set, episode, frame\) \[\('.*toy', 0, 7\)\]"
    ):
        fit(tiny_run, dataset_path, tmp_path / "run")
    assert not (tmp_path / "run" / "policy").exists()


def test_a_camera_that_the_data_do_not_have_is_refused(tiny_run, dataset_path, tmp_path):
    window = Window({"image.wrist": (0,), "state": (0,)}, horizon=4)
    with pytest.raises(MismatchError, match=r"needs image\.wrist.*image\.front"):
        fit(dataclasses.replace(tiny_run, window=window), dataset_path, tmp_path / "run")


def test_failures_are_filtered_out(tiny_run, dataset_path, tmp_path, monkeypatch):
    chosen = []
    init = Windows.__init__

    def spy(self, dataset, window, episodes, *rest):
        chosen.append(list(episodes))
        init(self, dataset, window, episodes, *rest)

    monkeypatch.setattr(Windows, "__init__", spy)
    fit(tiny_run, dataset_path, tmp_path / "a")
    fit(dataclasses.replace(tiny_run, only_success=False), dataset_path, tmp_path / "b")
    assert chosen == [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4, 5]]


def test_the_policy_learns_what_the_data_show(tiny_run, dataset_path, tmp_path):
    options = dataclasses.replace(tiny_run.train, steps=160, batch_size=16, checkpoint_s=60.0, learning_rate=3e-3)
    fit(dataclasses.replace(tiny_run, train=options), dataset_path, tmp_path / "run")
    lines = [json.loads(line)["loss"] for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert np.mean(lines[-20:]) < 0.6 * np.mean(lines[:5])
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize("normalisation", ["mean-std", "min-max"])
def test_a_policy_has_the_normalisation_of_its_run(normalisation, tiny_run, dataset_path, tmp_path):
    options = dataclasses.replace(tiny_run.train, steps=2, betas=(0.9, 0.999), final_rate=1.0)
    run = dataclasses.replace(tiny_run, train=options, normalisation=normalisation)
    fit(run, dataset_path, tmp_path / "run")
    policy, _ = load_policy(tmp_path / "run")
    dataset = Dataset(dataset_path)
    rows = np.isin(dataset.column("episode_index")[:, 0], dataset.select())
    for feature, found in (("observation.state", "state"), ("action", "action")):
        values = dataset.column(feature)[rows].astype(np.float64)
        mean, std = values.mean(0), values.std(0)
        expected = (mean - std, mean + std) if normalisation == "mean-std" else (values.min(0), values.max(0))
        normaliser = getattr(policy.transforms.embodiments[0], found)
        np.testing.assert_allclose((normaliser.low, normaliser.high), expected, rtol=1e-6)
    recorded = json.loads((tmp_path / "run" / "run.json").read_text())["config"]
    assert (recorded["normalisation"], recorded["train"]["betas"]) == (normalisation, [0.9, 0.999])


def test_mixed_precision(tiny_run, dataset_path, tmp_path):
    options = dataclasses.replace(tiny_run.train, precision="bf16-mixed", steps=2)
    run = dataclasses.replace(tiny_run, train=options)
    engine.train(run, [dataset_path], tmp_path / "run", recipe="tiny", command="")
    weights = load_policy(tmp_path / "run")[0].model.state_dict().values()
    assert all(value.dtype == torch.float32 and value.isfinite().all() for value in weights)


def test_progress_is_reported_before_the_first_step_and_after_every_one(tiny_run, dataset_path, tmp_path):
    seen, lines = [], []
    engine.train(
        tiny_run,
        [dataset_path],
        tmp_path / "run",
        recipe="tiny",
        command="",
        progress=lambda step, loss: seen.append((step, loss)),
        report=lambda step, values: lines.append((step, values["loss"])),
    )
    assert [step for step, _ in seen] == [0, 1, 2, 3, 4, 5, 6]
    assert seen[0] == (0, None)
    assert lines == [seen[step] for step in (2, 4, 6)]
