"""Training of a head that predicts action tokens: the tokenizer is fitted once and saved in the policy."""

import dataclasses
import json

import pytest

from praxia.action_tokenizers import find_action_tokenizer
from praxia.checkpoint.store import load_policy, read_config
from praxia.core.errors import DataError
from praxia.data.dataset import Dataset
from praxia.dataloader.action_chunks import action_chunks
from praxia.heads.autoregressive import Autoregressive
from praxia.heads.decoders import PrefixTransformer
from praxia.training import engine
from praxia.transforms.chain import Transforms


def with_tokenizer(run, code):
    head = Autoregressive(code, PrefixTransformer(width=16, depth=1, num_heads=2))
    return dataclasses.replace(run, model=dataclasses.replace(run.model, head=head))


def fit(run, data, out, **more):
    return engine.train(run, [data], out, recipe="tiny", command="praxia train tiny", **more)


def test_the_action_tokenizer_is_fitted_on_the_normalised_actions_and_saved(tiny_run, dataset_path, tmp_path):
    run = with_tokenizer(tiny_run, "fast")
    fit(run, dataset_path, tmp_path / "run")
    config, _ = read_config(tmp_path / "run")
    dataset = Dataset(dataset_path)
    chunks, _ = action_chunks([(dataset, dataset.select())], run.window.horizon, config.transforms)
    assert load_policy(tmp_path / "run")[0].model.head.tokenizer == find_action_tokenizer("fast").fit(chunks)
    assert config.model != run.model
    assert config.model.unfitted() == run.model


def test_fine_tuning_keeps_the_action_tokenizer(tiny_run, mixed_paths, tmp_path):
    toy, _, more = mixed_paths
    run = with_tokenizer(tiny_run, "quantile-bins")
    fit(run, toy, tmp_path / "first")
    fit(run, more, tmp_path / "second", start_from=tmp_path / "first")
    fit(run, more, tmp_path / "fresh")
    first, second, fresh = (read_config(tmp_path / name)[0].model for name in ("first", "second", "fresh"))
    assert first == second != fresh


def test_actions_out_of_a_files_range_stop_training_before_it_starts(tiny_run, dataset_path, tmp_path):
    dataset = Dataset(dataset_path)
    horizon = tiny_run.window.horizon
    transforms = Transforms.fit([[dataset.stats]], dataset.instructions)
    chunks, _ = action_chunks([(dataset, dataset.select())], horizon, transforms)
    path = tmp_path / "code.json"
    path.write_text(json.dumps(find_action_tokenizer("bins").fit(chunks / 3).to_json()))
    with pytest.raises(DataError, match="expected actions within the action tokenizer's range"):
        fit(with_tokenizer(tiny_run, str(path)), dataset_path, tmp_path / "run")
    assert not (tmp_path / "run" / "metrics.jsonl").exists()
