"""Fine-tuning reports where the policy's normalisers and head do not cover the new data, and can refit them."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from praxia.checkpoint.store import load_policy, read_config
from praxia.core.errors import PraxiaError
from praxia.data.dataset import Dataset
from praxia.dataloader.action_chunks import chunks_of
from praxia.dataloader.fitting import compute_statistics, fit_transforms
from praxia.dataloader.mixture_config import DatasetEntry, MixtureConfig
from praxia.dataloader.view import DatasetView
from praxia.heads.autoregressive import Autoregressive
from praxia.heads.decoders import PrefixTransformer
from praxia.heads.denoisers.residual_mlp import ResidualMLP
from praxia.heads.diffusion import Diffusion
from praxia.training import engine
from praxia.training.coverage import cover


def fit(run, data, out, **more):
    return engine.train(run, [data], out, recipe="tiny", command="praxia train tiny", **more)


def with_head(run, head, **train):
    model = dataclasses.replace(run.model, head=head)
    return dataclasses.replace(run, model=model, train=dataclasses.replace(run.train, **train))


def with_tokenizer(run, code):
    return with_head(run, Autoregressive(code, PrefixTransformer(width=16, depth=1, num_heads=2)), steps=1)


def learned(path, feature="action"):
    """Of the successful episodes."""
    dataset = Dataset(path)
    episodes = dataset.column("episode_index")[:, 0]
    return dataset.column(feature)[np.isin(episodes, dataset.select())].astype(np.float64)


@pytest.fixture(scope="module")
def wide_path(record_as, tmp_path_factory):
    """The first action goes five times as far."""

    def wide(episode):
        return dataclasses.replace(episode, action=episode.action * np.float32([5, 1]))

    return record_as(tmp_path_factory.mktemp("wide") / "set", changed=wide)


@pytest.fixture(scope="module")
def constant_path(record_as, tmp_path_factory):
    """The second action never moves."""

    def constant(episode):
        return dataclasses.replace(episode, action=episode.action * np.float32([1, 0]) + np.float32([0, 0.1]))

    return record_as(tmp_path_factory.mktemp("constant") / "set", changed=constant)


def test_values_outside_the_policys_range_are_reported_by_dim_and_recorded(tiny_run, dataset_path, wide_path, tmp_path):
    run = with_head(tiny_run, tiny_run.model.head, steps=1)
    fit(run, dataset_path, tmp_path / "first")
    warned, events = [], []
    result = fit(
        run,
        wide_path,
        tmp_path / "second",
        start_from=tmp_path / "first",
        warn=lambda line: (warned.append(line), events.append("warned")),
        report=lambda step, metrics: events.append("step"),
    )
    low, high = np.quantile(learned(dataset_path), [0.01, 0.99], axis=0)
    actions = learned(wide_path)
    due = ((actions < low - 1e-6) | (actions > high + 1e-6)).mean(axis=0)
    coverage = read_config(tmp_path / "second")[0].provenance["coverage"]
    found = coverage["outside"]["toy"]["action"]
    np.testing.assert_allclose([found["move.0"], found["move.1"]], due, atol=1e-12)
    assert due[0] > 0.5
    assert events[0] == "warned"
    (line,) = warned
    assert result["warnings"] == warned
    assert f"toy action move.0 ({due[0]:.0%})" in line
    assert "move.1" not in line
    assert "--refit" in line
    assert "\n" not in line
    assert "clips" not in line, "flow clips nothing"
    assert coverage["clipped"] == {}


def test_data_like_the_policys_own_give_no_warning(tiny_run, dataset_path, tmp_path):
    run = with_tokenizer(tiny_run, "bins")
    fit(run, dataset_path, tmp_path / "first")
    assert fit(run, dataset_path, tmp_path / "second", start_from=tmp_path / "first")["warnings"] == []


@pytest.mark.parametrize("code", ["bins", "fast", None])
def test_clipping_by_the_head_is_reported(tiny_run, dataset_path, wide_path, tmp_path, code):
    diffusion = with_head(tiny_run, Diffusion(ResidualMLP(width=16, depth=1)), steps=1)
    run = diffusion if code is None else with_tokenizer(tiny_run, code)
    fit(run, dataset_path, tmp_path / "first")
    (line,) = fit(run, wide_path, tmp_path / "second", start_from=tmp_path / "first")["warnings"]
    config = read_config(tmp_path / "second")[0]
    shares = config.provenance["coverage"]["clipped"]["toy"]["action"]
    assert f"its head clips toy action move.0 ({shares['move.0']:.0%})" in line
    assert shares["move.1"] < 0.01 < 0.3 < shares["move.0"]


def test_a_dim_that_was_constant_is_outside_where_it_moves(tiny_run, dataset_path, constant_path, tmp_path):
    run = with_head(tiny_run, tiny_run.model.head, steps=1)
    warnings = fit(run, constant_path, tmp_path / "first")["warnings"]
    assert any(line.startswith("still") and "action move.1: never moves: always 0.1" in line for line in warnings)
    policy = load_policy(tmp_path / "first")[0]
    np.testing.assert_array_equal(
        policy.transforms.decode(np.float32([[0.3, 0.3]]), 0)[0, 1], np.float32(0.1), err_msg="comes back exactly"
    )
    (line,) = fit(run, dataset_path, tmp_path / "second", start_from=tmp_path / "first")["warnings"]
    assert "toy action move.1 (100%)" in line


def test_traps_are_those_of_the_rows_that_are_trained_on(tiny_run, record_as, tmp_path):
    """The second action moves in the failed episode alone."""

    def changed(episode):
        still = np.float32([1, 0]) if episode.success.any() else np.float32([1, 1])
        return dataclasses.replace(episode, action=episode.action * still)

    data = record_as(tmp_path / "set", changed=changed)
    run = with_head(tiny_run, tiny_run.model.head, steps=1)
    warnings = fit(run, data, tmp_path / "run")["warnings"]
    assert warnings == ["still     toy action move.1: never moves: always 0 m"]
    assert read_config(tmp_path / "run")[0].provenance["warnings"] == warnings
    assert fit(dataclasses.replace(run, only_success=False), data, tmp_path / "all")["warnings"] == []


def test_refitting_takes_ranges_and_tokenizer_from_the_data_and_keeps_vocabulary_and_weights(
    tiny_run, dataset_path, wide_path, tmp_path
):
    still = dataclasses.replace(
        tiny_run, train=dataclasses.replace(tiny_run.train, learning_rate=0.0, weight_decay=0.0)
    )
    run = with_tokenizer(still, "bins")
    fit(run, dataset_path, tmp_path / "first")
    result = fit(run, wide_path, tmp_path / "second", start_from=tmp_path / "first", refit=True)
    fit(run, wide_path, tmp_path / "fresh")
    assert result["warnings"] == []
    first, second, fresh = (read_config(tmp_path / name)[0] for name in ("first", "second", "fresh"))
    assert second.transforms.embodiments == fresh.transforms.embodiments != first.transforms.embodiments
    assert second.transforms.tokenizer == first.transforms.tokenizer
    assert second.model.head == fresh.model.head != first.model.head
    before, after = (load_policy(tmp_path / name)[0].model.state_dict() for name in ("first", "second"))
    for name, value in before.items():
        np.testing.assert_allclose(after[name], value, atol=1e-6, err_msg=name)
    assert second.provenance["start_from"]["refit"] is True
    with pytest.raises(PraxiaError, match="another start_from"):
        fit(run, wide_path, tmp_path / "second", start_from=tmp_path / "first", resume=True)


def test_a_refitted_tokenizer_of_another_size_begins_fresh_layers_for_its_tokens(
    tiny_run, dataset_path, constant_path, tmp_path
):
    run = with_tokenizer(tiny_run, "fast")
    fit(run, constant_path, tmp_path / "first")
    fit(run, dataset_path, tmp_path / "second", start_from=tmp_path / "first", refit=True)
    before, after = (load_policy(tmp_path / name)[0].model.head.tokenizer for name in ("first", "second"))
    assert before.vocab_size != after.vocab_size


def test_refitting_nothing_is_refused(tiny_run, dataset_path, tmp_path):
    with pytest.raises(PraxiaError, match="expected --start-from beside --refit"):
        fit(tiny_run, dataset_path, tmp_path / "run", refit=True)
    assert not (tmp_path / "run").exists()


def test_a_head_that_clips_its_own_data_is_reported(tiny_run, dataset_path, tmp_path):
    run = with_head(tiny_run, Diffusion(ResidualMLP(width=16, depth=1), clip=0.9), steps=1)
    (line,) = fit(run, dataset_path, tmp_path / "run")["warnings"]
    assert line.startswith("the policy cannot reproduce all of its data: its head clips toy action move.")


def test_every_metric_of_the_head_is_logged_as_a_mean_over_the_steps_since_the_last_line(
    tiny_run, dataset_path, tmp_path
):
    lines = {}
    for every in (1, 3):
        run = with_head(tiny_run, Diffusion(ResidualMLP(width=16, depth=1), clip=0.5), log_every=every)
        fit(run, dataset_path, tmp_path / str(every))
        lines[every] = [json.loads(one) for one in (tmp_path / str(every) / "metrics.jsonl").read_text().splitlines()]
    for name in ("clipped", "diffusion"):
        each = [one[name] for one in lines[1]]
        np.testing.assert_allclose([one[name] for one in lines[3]], [np.mean(each[:3]), np.mean(each[3:])], rtol=1e-5)
    assert 0.2 < lines[3][0]["clipped"] < 0.9


def test_failed_episodes_of_another_writer_are_left_out_with_a_warning(tiny_run, dataset_path, tmp_path):
    shutil.copytree(dataset_path, tmp_path / "set", ignore=shutil.ignore_patterns("praxia"))
    (line,) = fit(tiny_run, tmp_path / "set", tmp_path / "run")["warnings"]
    assert line == (
        f"1 of 6 episodes of {tmp_path / 'set'} failed by their next.success and are not trained on; --no-only-success"
        " takes them too"
    )
    assert fit(dataclasses.replace(tiny_run, only_success=False), tmp_path / "set", tmp_path / "all")["warnings"] == []


def test_data_read_as_video_fit_no_tokenizer_and_dilute_no_share(tiny_run, dataset_path, wide_path):
    narrow, wide = DatasetEntry(str(dataset_path)), DatasetEntry(str(wide_path))
    video = DatasetEntry(str(dataset_path), DatasetView(actions=False))
    of_narrow, alone, both = (
        MixtureConfig(entries).open(tiny_run.window) for entries in ((narrow,), (wide,), (wide, video))
    )

    def fitted(windows):
        transforms = fit_transforms(windows, compute_statistics(windows.entries, {}))
        return with_tokenizer(tiny_run, "fast").model.fit(lambda: chunks_of(windows, transforms)[0]), transforms

    assert fitted(both)[0] == fitted(alone)[0]
    model, transforms = fitted(of_narrow)
    clipped = cover(alone, transforms, model).clipped
    assert cover(both, transforms, model).clipped == clipped
    assert clipped["toy"]["action"]["move.0"] > 0.3
