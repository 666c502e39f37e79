import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from praxia_testing import SMALL_BODY, make_config, make_config_of_two, make_policy, make_query

from praxia.checkpoint.migration import migrate
from praxia.checkpoint.store import load_policy, read_config, save_policy
from praxia.core.errors import DataError, PraxiaError, UnknownName


def test_a_policy_comes_back_as_it_was(tmp_path):
    policy, config = make_policy(), make_config()
    digest = save_policy(tmp_path / "policy", config, policy.model.state_dict())
    again, found = load_policy(tmp_path)  # the run's folder will do
    assert found == digest
    assert read_config(tmp_path / "policy")[0] == config
    one, two = (p.act([make_query("a", 3)], None)[0][0].chunk for p in (policy, again))
    np.testing.assert_array_equal(one, two)


def test_altered_weights_are_refused(tmp_path):
    save_policy(tmp_path / "policy", make_config(), make_policy().model.state_dict())
    path = tmp_path / "policy" / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"weights\.safetensors.*SHA-256"):
        load_policy(tmp_path / "policy")


def test_a_folder_without_a_policy_says_what_to_do(tmp_path):
    with pytest.raises(PraxiaError, match=r"no policy\.json; `praxia train` writes one"):
        load_policy(tmp_path)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(PraxiaError, match=r"unfinished training run.*--resume"):
        load_policy(tmp_path)


def test_an_unknown_part_is_answered_with_the_nearest(tmp_path):
    save_policy(tmp_path / "policy", make_config(), make_policy().model.state_dict())
    path = tmp_path / "policy" / "policy.json"
    value = json.loads(path.read_text())
    value["model"]["encoder"]["part"] = "state-onyl"
    path.write_text(json.dumps(value))
    with pytest.raises(UnknownName, match="state-only"):
        read_config(path.parent)


def test_a_policy_of_several_bodies_comes_back_and_decides_as_before(tmp_path):
    config = make_config_of_two()
    policy = make_policy(config)
    save_policy(tmp_path / "policy", config, policy.model.state_dict())
    again, _ = load_policy(tmp_path)
    assert read_config(tmp_path)[0] == config
    assert again.embodiments == config.embodiments
    query = make_query("a", 3, state_dim=1)
    one, two = (p.bind(SMALL_BODY).act([query], None)[0][0].chunk for p in (policy, again))
    np.testing.assert_array_equal(one, two)


def test_a_policy_of_another_schema_is_refused(tmp_path):
    save_policy(tmp_path / "policy", make_config(), make_policy().model.state_dict())
    path = tmp_path / "policy" / "policy.json"
    value = json.loads(path.read_text())
    for schema in (2, 5):
        path.write_text(json.dumps({**value, "schema": schema}))
        with pytest.raises(PraxiaError, match=rf"schema 4 at .*, got {schema}; .*`praxia train`"):
            read_config(tmp_path)


def test_a_policy_of_schema_3_takes_repeated_history_for_seen_as_it_did(tmp_path):
    save_policy(tmp_path / "policy", make_config(), make_policy().model.state_dict())
    path = tmp_path / "policy" / "policy.json"
    today = json.loads(path.read_text())
    older = {name: value for name, value in today.items() if name != "masked"} | {"schema": 3}
    path.write_text(json.dumps(older))
    policy, _ = load_policy(tmp_path)
    with torch.no_grad():
        for parameter in policy.model.parameters():  # the head begins by saying nothing
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)) * 0.05)
    masking = make_policy()
    masking.model = policy.model
    begin = make_query("a", 0, history=1)
    repeated = replace(begin, history=begin.history * 2)
    (before, held), (first, moved) = (
        [one.act([asked], None)[0][0].chunk for asked in (begin, repeated)] for one in (policy, masking)
    )
    np.testing.assert_array_equal(before, held)
    np.testing.assert_array_equal(moved, held)
    assert not np.array_equal(first, moved)
    assert migrate(older) == {**today, "masked": False}
    # Saved anew it stays what it is.
    save_policy(tmp_path / "again", read_config(tmp_path)[0], policy.model.state_dict())
    assert read_config(tmp_path / "again")[0].masked is False
