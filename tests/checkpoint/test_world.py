"""A world is saved as any model, and loaded as a world."""

from dataclasses import replace

import pytest
import torch
from praxia_testing import make_config, make_policy
from world_testing import ToyWorld, expect_world, query

from praxia import policies
from praxia.checkpoint.store import load_policy, load_world, save_policy
from praxia.core.errors import PraxiaError

ACTIONS = torch.tensor([[[0.5, 0.2]] * 4, [[-0.1, 1.0]] * 4])


def test_a_world_comes_back_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setitem(policies.MODELS, "toy-world", "world_testing:ToyWorld")
    config = replace(make_config(), model=ToyWorld())
    saved = save_policy(tmp_path / "policy", config, {"speed": torch.tensor(0.25)})
    world, identity = load_world(tmp_path)
    assert identity == saved
    queries = [query((0.0, 0.0)), query((1.0, 2.0))]
    expect_world(world, queries, ACTIONS)
    torch.testing.assert_close(world.imagine(world.start(queries), ACTIONS).latents[0, -1, 0], torch.tensor([0.5, 0.2]))
    with pytest.raises(PraxiaError, match=r"expected a policy at .*, got a model of type 'toy-world'"):
        load_policy(tmp_path)


def test_a_policy_is_no_world(tmp_path):
    save_policy(tmp_path / "policy", make_config(), make_policy().model.state_dict())
    with pytest.raises(PraxiaError, match=r"expected a world at .*, got a model of type 'encoder-head'"):
        load_world(tmp_path)
