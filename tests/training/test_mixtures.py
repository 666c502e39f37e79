"""Training on several data sets and embodiments at once."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch
from praxia_testing import EMBODIMENT, SMALL_EMBODIMENT, as_before, make_query

from praxia.checkpoint.store import load_policy, read_config
from praxia.core.errors import MismatchError, PraxiaError
from praxia.core.types import ChunkExecution
from praxia.data.dataset import Dataset
from praxia.dataloader.mixture_config import DatasetEntry, MixtureConfig
from praxia.evaluation.benchmarks import Benchmark
from praxia.evaluation.compatibility import match_embodiment
from praxia.training import engine


def fit(run, data, out, **more):
    return engine.train(run, data, out, recipe="tiny", command="praxia train tiny", **more)


def _learned(dataset):
    """The actions of the successful episodes."""
    episodes = dataset.column("episode_index")[:, 0]
    return dataset.column("action")[np.isin(episodes, dataset.select())].astype(np.float64)


def stop_after(step):
    def report(done, metrics):
        if done >= step:
            raise KeyboardInterrupt

    return report


def test_one_policy_of_all_embodiments(tiny_run, mixed_paths, tmp_path):
    fit(tiny_run, mixed_paths, tmp_path / "run")
    config, _ = read_config(tmp_path / "run")
    assert config.embodiments == (EMBODIMENT, SMALL_EMBODIMENT)
    assert config.shapes.embodiment_dims == ((3, 2), (1, 1))
    texts = [text for path in mixed_paths for text in Dataset(path).instructions]
    assert config.transforms.tokenizer.encode(texts)[1].any()
    highest = [np.quantile(_learned(Dataset(path)), 0.99, axis=0) for path in (mixed_paths[0], mixed_paths[2])]
    np.testing.assert_allclose(config.transforms.embodiments[0].action.high, np.maximum(*highest), rtol=1e-6)
    policy, _ = load_policy(tmp_path / "run")
    for embodiment in (EMBODIMENT, SMALL_EMBODIMENT):
        query = make_query("a", 0, history=1, state_dim=embodiment.state_dim)
        assert policy.bind(embodiment).act([query], None)[0][0].chunk.shape == (4, embodiment.action_dim)


def test_run_json_describes_all_data_and_resuming_checks_all(tiny_run, mixed_paths, tmp_path):
    fit(tiny_run, mixed_paths, tmp_path / "run")
    described = json.loads((tmp_path / "run" / "run.json").read_text())["data"]
    assert described == [{"path": str(path), "content_sha256": Dataset(path).content_sha256} for path in mixed_paths]
    for others in (mixed_paths[:2], [mixed_paths[0], mixed_paths[2], mixed_paths[1]]):
        with pytest.raises(PraxiaError, match=rf"other data \(--data {mixed_paths[0]},{mixed_paths[1]},"):
            fit(tiny_run, others, tmp_path / "run", resume=True)


def test_a_run_from_before_mixtures_is_resumed_or_refused_in_one_line(tiny_run, mixed_paths, tmp_path):
    uninterrupted = fit(tiny_run, mixed_paths[:1], tmp_path / "run")
    path = tmp_path / "run" / "run.json"
    described = json.loads(path.read_text())
    path.write_text(json.dumps(as_before({**described, "data": described["data"][0]})))
    resumed = fit(tiny_run, mixed_paths[:1], tmp_path / "run", resume=True)
    assert resumed["weights_sha256"] == uninterrupted["weights_sha256"]
    with pytest.raises(PraxiaError, match=rf"other data \(--data {mixed_paths[0]}\)"):
        fit(tiny_run, mixed_paths, tmp_path / "run", resume=True)


def test_data_sets_that_do_not_fit_leave_the_folder_free(tiny_run, mixed_paths, record_as, tmp_path):
    slow = record_as(tmp_path / "slow", dataclasses.replace(SMALL_EMBODIMENT, name="slow", control_hz=20.0))
    with pytest.raises(MismatchError, match=r"one control rate, got 10 Hz in .* and 20 Hz in"):
        fit(tiny_run, [mixed_paths[0], slow], tmp_path / "run")
    assert fit(tiny_run, mixed_paths[:2], tmp_path / "run")["resumed_from"] == 0


def test_a_stopped_run_on_a_mixture_goes_on_to_the_same_weights(tiny_run, mixed_paths, tmp_path):
    uninterrupted = fit(tiny_run, mixed_paths, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit(tiny_run, mixed_paths, tmp_path / "run", report=stop_after(4))
    resumed = fit(tiny_run, mixed_paths, tmp_path / "run", resume=True)
    assert 0 < resumed["resumed_from"] < 6
    assert resumed["weights_sha256"] == uninterrupted["weights_sha256"]


@pytest.fixture
def half_rate(mixed_paths):
    """The toy robots at half their rate, one drawn three times as often as the other."""
    return MixtureConfig(
        (DatasetEntry(str(mixed_paths[0]), weight=3.0), DatasetEntry(str(mixed_paths[1]), weight=1.0)), rate_hz=5.0
    )


def test_a_mixture_is_resumed_as_it_was_and_its_policy_acts_at_its_rate(tiny_run, half_rate, tmp_path):
    uninterrupted = fit(tiny_run, half_rate, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit(tiny_run, half_rate, tmp_path / "run", report=stop_after(4))
    first, second = half_rate.entries
    other = dataclasses.replace(half_rate, entries=(first, dataclasses.replace(second, weight=2.0)))
    for changed in (other, dataclasses.replace(half_rate, rate_hz=10.0)):
        with pytest.raises(PraxiaError, match="another mixture of the same data"):
            fit(tiny_run, changed, tmp_path / "run", resume=True)
    resumed = fit(tiny_run, half_rate, tmp_path / "run", resume=True)
    assert 0 < resumed["resumed_from"] < 6
    assert resumed["weights_sha256"] == uninterrupted["weights_sha256"]
    described = json.loads((tmp_path / "run" / "run.json").read_text())["mixture"]
    assert described == {"rate_hz": 5.0, "parts": [{"weight": 3.0}, {"weight": 1.0}]}
    config, _ = read_config(tmp_path / "run")
    assert [embodiment.control_hz for embodiment in config.embodiments] == [5.0, 5.0]
    assert config.transforms.embodiments[0].action.high[0] > 1.0, "two deltas in one step, each at most 1"
    benchmark = Benchmark("toy/fast", "", "toy", ("walk",), 20, ChunkExecution(2), ("front",), 16, "fast", "", "ever")
    with pytest.raises(MismatchError, match="rate 5 Hz but 10 Hz"):
        match_embodiment(config, benchmark, EMBODIMENT)


def test_a_second_data_set_of_one_embodiment_adds_no_weights(tiny_run, mixed_paths, tmp_path):
    fit(tiny_run, mixed_paths[:1], tmp_path / "one")
    fit(tiny_run, [mixed_paths[0], mixed_paths[2]], tmp_path / "two")
    one, two = (load_policy(tmp_path / name)[0].model.state_dict() for name in ("one", "two"))
    assert {name: value.shape for name, value in one.items()} == {name: value.shape for name, value in two.items()}
    assert any(not torch.equal(one[name], two[name]) for name in one)


def test_a_data_set_without_a_success_is_refused(tiny_run, mixed_paths, tmp_path, monkeypatch):
    monkeypatch.setattr(Dataset, "select", lambda self, tasks=None, *, successful=True: np.flatnonzero([]))
    with pytest.raises(PraxiaError, match=rf"at least one episode of {mixed_paths[0]}, got none"):
        fit(tiny_run, mixed_paths, tmp_path / "run")


def test_processes_compare_what_they_train_on_but_not_where_it_is(tiny_run, mixed_paths, tmp_path, monkeypatch):
    """Two shares of the same data sets differ; one policy to start from in two folders does not."""
    begun = tmp_path / "begun"
    entries = [DatasetEntry(str(path)) for path in mixed_paths]
    engine.train(tiny_run, MixtureConfig(tuple(entries)), begun, recipe="t", command="c")
    shutil.copytree(begun, tmp_path / "copied")

    class Compared(Exception):
        pass

    def stop(fabric, value, what):
        raise Compared(value)

    monkeypatch.setattr(engine, "expect_same", stop)

    def compared(weight, start_from):
        mixture = MixtureConfig(
            tuple(dataclasses.replace(one, weight=w) for one, w in zip(entries, (weight, 1.0, 1.0), strict=True))
        )
        with pytest.raises(Compared) as found:
            engine.train(tiny_run, mixture, tmp_path / "run", recipe="t", command="c", start_from=start_from)
        return found.value.args[0]

    first = compared(1.0, begun)
    assert first == compared(1.0, tmp_path / "copied")
    assert first != compared(2.0, begun)
    assert first != compared(1.0, None)
