import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from praxia_testing import SMALL_EMBODIMENT, make_config, make_config_of_two, make_policy, make_query

from praxia.checkpoint.identity import policy_sha256
from praxia.checkpoint.store import load_policy, read_config, save_policy
from praxia.core.errors import DataError, PraxiaError, UnknownName
from praxia.core.types import Sampling

OLD = Path(__file__).with_name("policy_of_schema_3")


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


def test_a_folder_without_a_policy_is_refused_with_the_next_command(tmp_path):
    with pytest.raises(PraxiaError, match=r"no policy\.json; `praxia train` writes one"):
        load_policy(tmp_path)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(PraxiaError, match=r"unfinished training run.*--resume"):
        load_policy(tmp_path)


def test_an_unknown_part_is_answered_with_the_nearest(tmp_path):
    save_policy(tmp_path / "policy", make_config(), make_policy().model.state_dict())
    path = tmp_path / "policy" / "policy.json"
    value = json.loads(path.read_text())
    value["model"]["encoder"]["type"] = "state-onyl"
    path.write_text(json.dumps({**value, "policy_sha256": policy_sha256(value)}))
    with pytest.raises(UnknownName, match="state-only"):
        read_config(path.parent)


def test_a_policy_of_several_embodiments_comes_back_and_decides_as_before(tmp_path):
    config = make_config_of_two()
    policy = make_policy(config)
    save_policy(tmp_path / "policy", config, policy.model.state_dict())
    again, _ = load_policy(tmp_path)
    assert read_config(tmp_path)[0] == config
    assert again.embodiments == config.embodiments
    query = make_query("a", 3, state_dim=1)
    one, two = (p.bind(SMALL_EMBODIMENT).act([query], None)[0][0].chunk for p in (policy, again))
    np.testing.assert_array_equal(one, two)


def test_a_policy_of_another_schema_is_refused(tmp_path):
    save_policy(tmp_path / "policy", make_config(), make_policy().model.state_dict())
    path = tmp_path / "policy" / "policy.json"
    value = json.loads(path.read_text())
    for schema in (2, 6, None, []):
        path.write_text(json.dumps({**value, "schema": schema}))
        with pytest.raises(PraxiaError, match=r"schema 3 to 5 at .*, got .*; .*`praxia train`"):
            read_config(tmp_path)


def saved(folder, config=None):
    """The identity of the tiny policy, saved there, and its file."""
    identity = save_policy(folder / "policy", config or make_config(), make_policy().model.state_dict())
    return identity, folder / "policy" / "policy.json"


def at(value, *names):
    """The object or list that holds the last of nested names."""
    for name in names[:-1]:
        value = value[name]
    return value


EDITS = {
    "steps": (("model", "head", "num_steps"), 5),
    "normaliser": (("transforms", "embodiments", 0, "action", "high"), [10.0, -10.0]),
    "vocabulary": (("transforms", "text_tokenizer", "max_length"), 3),
    "shape": (("shapes", "horizon"), 3),
    "window": (("window", "observation_steps", "state"), [-2, 0]),
    "unit": (("embodiments", 0, "action", 0, "unit"), "mm"),
    "weights": (("weights_sha256",), "0" * 64),
    "something new": (("transforms", "clip"), True),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_policy_is_refused_in_one_line_with_the_next_command(tmp_path, edit):
    _, path = saved(tmp_path)
    value, (names, new) = json.loads(path.read_text()), EDITS[edit]
    at(value, *names)[names[-1]] = new
    path.write_text(json.dumps(value))
    with pytest.raises(DataError, match=r"policy\.json is not what was saved .*undo the edit.*--steps") as refused:
        load_policy(tmp_path)
    assert "\n" not in str(refused.value)


def test_an_identity_that_was_taken_out_is_refused(tmp_path):
    _, path = saved(tmp_path)
    value = json.loads(path.read_text())
    del value["policy_sha256"]
    path.write_text(json.dumps(value))
    with pytest.raises(DataError, match="not what was saved"):
        read_config(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "{", '"a text"', "[]", '{"schema": 3}', '{"schema": 3, "window": {"moments": 1}}']
)
def test_a_damaged_policy_is_refused_in_one_line(tmp_path, text):
    _, path = saved(tmp_path)
    path.write_text(text)
    with pytest.raises(PraxiaError, match=r"policy") as refused:
        read_config(tmp_path)
    assert "\n" not in str(refused.value)


def test_one_policy_is_known_wherever_it_lies_and_however_its_file_is_written(tmp_path):
    identity, path = saved(tmp_path)
    shutil.copytree(tmp_path, tmp_path / "copies" / "renamed")
    assert read_config(tmp_path / "copies" / "renamed")[1] == identity
    value = json.loads(path.read_text())
    value["provenance"] = {"moved": "from elsewhere"}
    path.write_text(json.dumps(value, sort_keys=True))
    config, found = read_config(tmp_path)
    assert found == identity
    assert config.window == make_config().window
    assert saved(tmp_path / "again", replace(make_config(), provenance={"seed": 7}))[0] == identity


def test_everything_that_can_change_an_action_is_part_of_the_identity(tmp_path):
    config = make_config()
    low = replace(
        config.transforms.embodiments[0], state=replace(config.transforms.embodiments[0].state, low=(-2.0,) * 3)
    )
    others = {
        "model": replace(config, model=replace(config.model, head=replace(config.model.head, num_steps=3))),
        "transforms": replace(config, transforms=replace(config.transforms, embodiments=(low,))),
        "embodiments": replace(config, embodiments=(replace(config.embodiments[0], control_hz=20.0),)),
        "shapes": replace(config, shapes=replace(config.shapes, vocab_size=config.shapes.vocab_size + 1)),
        "window": replace(config, window=replace(config.window, horizon=3)),
    }
    known = {name: saved(tmp_path / name, other)[0] for name, other in {"": config, **others}.items()}
    assert len({one.policy_sha256 for one in known.values()}) == 6
    assert len({one.weights_sha256 for one in known.values()}) == 1
    weights = {name: value + 1 for name, value in make_policy().model.state_dict().items()}
    assert save_policy(tmp_path / "other", config, weights).policy_sha256 not in {
        one.policy_sha256 for one in known.values()
    }


def test_the_order_of_cameras_is_part_of_the_identity():
    config = make_config()
    value = {**config.to_json(), "weights_sha256": "0"}
    windows = [
        replace(config.window, observation_steps={f"image.{name}": (0,) for name in names}) for names in ("ab", "ba")
    ]
    first, second = (policy_sha256({**value, "window": window.to_json()}) for window in windows)
    assert first != second


def test_sampling_changes_the_actions_and_the_identity_together(tmp_path):
    # Heads begin with an output of 0, which no step changes.
    weights = {name: value + 0.05 for name, value in make_policy().model.state_dict().items()}
    identity = save_policy(tmp_path / "policy", make_config(), weights)
    own, few, same = (load_policy(tmp_path, sampling=Sampling(steps=steps)) for steps in (None, 2, 10))
    assert own[1] == same[1] == identity
    assert few[1].policy_sha256 != identity.policy_sha256
    assert few[1].weights_sha256 == identity.weights_sha256
    assert few[1].sampling == Sampling(steps=2)
    chunks = [policy.act([make_query("a", 3)], None)[0][0].chunk for policy, _ in (own, few, same)]
    np.testing.assert_array_equal(chunks[0], chunks[2])
    assert np.abs(chunks[0] - chunks[1]).max() > 1e-3
    # One that has two steps by itself is the same policy.
    config = make_config()
    two = replace(config, model=replace(config.model, head=replace(config.model.head, num_steps=2)))
    assert save_policy(tmp_path / "two", two, weights).policy_sha256 == few[1].policy_sha256
    with pytest.raises(PraxiaError, match=r"--temperature, got head 'flow', which has --steps"):
        read_config(tmp_path, Sampling(temperature=0.5))


def test_a_policy_of_schema_3_takes_repeated_history_for_seen_as_it_did(tmp_path):
    config = replace(make_config(), masked=read_config(OLD)[0].masked)
    save_policy(tmp_path / "policy", config, make_policy().model.state_dict())
    policy, _ = load_policy(tmp_path)
    with torch.no_grad():
        for parameter in policy.model.parameters():  # the head starts at zero
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)) * 0.05)
    masking = make_policy()
    masking.model = policy.model
    begin = make_query("a", 0, history=1)
    repeated = replace(begin, history=begin.history * 2)
    (before, masked_chunk), (first, moved) = (
        [one.act([one_query], None)[0][0].chunk for one_query in (begin, repeated)] for one in (policy, masking)
    )
    np.testing.assert_array_equal(before, masked_chunk)
    np.testing.assert_array_equal(moved, masked_chunk)
    assert not np.array_equal(first, moved)
    # Saved anew it stays what it is.
    save_policy(tmp_path / "again", read_config(tmp_path)[0], policy.model.state_dict())
    assert read_config(tmp_path / "again")[0].masked is False
