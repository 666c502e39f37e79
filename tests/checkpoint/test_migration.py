import json

import numpy as np
import pytest
from praxia_testing import make_config, make_policy, make_query

from praxia.checkpoint.store import load_policy, save_policy
from praxia.transforms.normalise import Normaliser


@pytest.fixture
def written_before(tmp_path):
    """A policy in the folder and form of schema 3, one of whose state dims was constant, and an action nearly so."""
    save_policy(tmp_path / "policy", make_config(), make_policy().model.state_dict())
    path = tmp_path / "policy" / "policy.json"
    value = {**json.loads(path.read_text()), "schema": 3}
    (body,) = value["transforms"]["bodies"]
    body["state"] = {"low": [-1.0, 0.25, -1.0], "high": [1.0, 0.25, 1.0]}
    body["action"] = {"low": [0.0, 2.0], "high": [10.0, 2.00005]}
    path.write_text(json.dumps(value))
    return tmp_path


def test_a_policy_trained_before_computes_what_it_computed(written_before):
    policy, _ = load_policy(written_before)
    (body,) = policy.transforms.bodies
    state = np.float32([[0.5, 0.75, 2.0]])
    np.testing.assert_array_equal(body.state.encode(state), np.float32([[0.5, 0.5, 2.0]]))
    np.testing.assert_array_equal(body.action.decode(np.float32([[1, 0.5]])), np.float32([[10, 2.500025]]))
    assert body.action == Normaliser((0.0, 2.0), (10.0, 2.00005), (1,))
    assert np.isfinite(policy.act([make_query("a", 0)], None)[0][0].chunk).all()
