"""`policy_of_schema_3` was written by the last version that wrote that schema."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
from frozen_testing import FROZEN
from praxia_testing import TEXTS

from praxia.checkpoint.migration import SCHEMA, migrate_policy
from praxia.checkpoint.store import load_policy, read_config, save_policy
from praxia.core.keys import generator
from praxia.core.types import Observation, Query

OLD = Path(__file__).with_name("policy_of_schema_3")
# What that version decided on `query`, by its own inference.
DECIDED = [
    [3.89402437210083, 6.001120567321777],
    [1.82059907913208, -1.472306251525879],
    [0.3280326724052429, 7.55924654006958],
    [3.4669504165649414, 3.52234148979187],
]


def query() -> Query:
    rng = generator("kept", 0)
    images = {name: rng.integers(0, 256, (16, 16, 3), dtype=np.uint8) for name in ("front", "wrist")}
    seen = Observation(images, rng.standard_normal(3).astype(np.float32), TEXTS[0], 0.0)
    return Query((seen,), "kept", 0, 0)


def decided(folder: Path) -> np.ndarray:
    policy, _ = load_policy(folder)
    return policy.act([query()], None)[0][0].chunk


def test_a_policy_trained_before_decides_as_it_did():
    # Other builds of the same library differ in the last bits.
    np.testing.assert_allclose(decided(OLD), DECIDED, rtol=0, atol=1e-4)


def test_written_anew_it_is_the_same_policy_to_the_last_bit(tmp_path):
    policy, identity = load_policy(OLD)
    again = save_policy(tmp_path / "policy", read_config(OLD)[0], policy.model.state_dict())
    assert again == read_config(tmp_path)[1]
    assert again.weights_sha256 == identity.weights_sha256
    assert json.loads((tmp_path / "policy" / "policy.json").read_text())["schema"] == SCHEMA
    np.testing.assert_array_equal(decided(tmp_path), decided(OLD))


def test_it_is_reported_in_one_line(caplog):
    with caplog.at_level(logging.WARNING):
        load_policy(OLD)
    (line,) = caplog.messages
    assert "of schema 3, read as schema 5" in line
    assert "\n" not in line


def test_an_edit_of_it_makes_another_policy(tmp_path):
    """There is no identity in it to check, so the one that it gets tells them apart."""
    (tmp_path / "policy").mkdir()
    text = (OLD / "policy.json").read_text()
    (tmp_path / "policy" / "policy.json").write_text(text.replace('"num_steps": 10', '"num_steps": 5'))
    edited, first = read_config(tmp_path)[1], read_config(OLD)[1]
    assert edited.policy_sha256 != first.policy_sha256
    assert edited.weights_sha256 == first.weights_sha256


def test_a_policy_of_this_schema_is_read_in_silence(tmp_path, caplog):
    policy, _ = load_policy(OLD)
    save_policy(tmp_path / "policy", read_config(OLD)[0], policy.model.state_dict())
    caplog.clear()
    load_policy(tmp_path)
    assert caplog.messages == []


@pytest.mark.parametrize("names", [("wrist", "front"), ("front", "wrist"), ()])
def test_cameras_are_listed_as_they_were_written(names):
    steps = {"state": [0], **{f"image.{name}": [0] for name in names}}
    old = {**json.loads((OLD / "policy.json").read_text()), "window": {"moments": steps, "horizon": 4}}
    new = migrate_policy(old)
    assert new["schema"] == SCHEMA
    assert new["window"] == {"observation_steps": steps, "horizon": 4, "cameras": list(names)}
    assert migrate_policy(new) == new
    assert "cameras" not in old["window"]


def computed_by_schema_3(low, high, value):
    """What the code of schema 3 encoded and decoded: half a range below 5e-5 counted as 1."""
    low, high = np.array(low), np.array(high)
    half, middle = (high - low) / 2, (low + high) / 2
    scale = np.where(half < 1e-4 / 2, 1.0, half)
    return ((value - middle) / scale).astype(np.float32), (value * scale + middle).astype(np.float32)


def test_dims_that_were_only_shifted_still_are():
    """One state dim of this policy was constant in its data, and an action nearly so."""
    folder = FROZEN / "policies_of_schema_3" / "state-only-regression"
    (written,) = json.loads((folder / "policy.json").read_text())["transforms"]["bodies"]
    (embodiment,) = read_config(folder)[0].transforms.embodiments
    assert embodiment.state.shifted == embodiment.action.shifted == (1,)
    for name, normaliser in (("state", embodiment.state), ("action", embodiment.action)):
        value = np.random.default_rng(0).normal(size=(50, normaliser.size)).astype(np.float32)
        encoded, decoded = computed_by_schema_3(written[name]["low"], written[name]["high"], value)
        np.testing.assert_array_equal(normaliser.encode(value), encoded)
        np.testing.assert_array_equal(normaliser.decode(value), decoded)
