"""Policies in `tests/frozen` are read as the version that wrote them read them."""

import numpy as np
import pytest
from frozen_testing import FROZEN, expected, make_chunks, make_queries
from safetensors.numpy import load_file

from praxia.action_tokenizers import action_tokenizer_from_json
from praxia.checkpoint.store import load_policy, read_config, save_policy
from praxia.core.config import Config
from praxia.encoders import ENCODERS
from praxia.heads import HEADS
from praxia.heads.denoisers import DENOISERS

FOLDERS = ("policies", "policies_of_schema_3")
EXPECTED = {FROZEN / folder / name: recorded for folder in FOLDERS for name, recorded in expected(folder).items()}
# Other builds of the same libraries differ in the last bits.
TOLERANCE = {"rtol": 1e-4, "atol": 1e-4}
every = pytest.mark.parametrize("folder", EXPECTED, ids=lambda one: f"{one.parent.name}/{one.name}")


def decisions(policy, embodiment):
    """Its chunks of two episodes, at their first step and at their second."""
    bound = policy.bind(embodiment)
    queries_by_step = [make_queries(embodiment, bound.window.cameras, step) for step in (0, 1)]
    return np.array([[one.chunk for one in bound.act(queries, None)[0]] for queries in queries_by_step])


@every
def test_it_decides_as_it_did(folder):
    policy, _ = load_policy(folder)
    recorded = EXPECTED[folder]["decisions"]
    assert {embodiment.name for embodiment in policy.embodiments} == set(recorded)
    for embodiment in policy.embodiments:
        np.testing.assert_allclose(decisions(policy, embodiment), recorded[embodiment.name], **TOLERANCE)


@every
def test_it_is_known_as_what_it_was(folder):
    _, identity = read_config(folder)
    assert identity.weights_sha256 == EXPECTED[folder]["weights_sha256"]
    assert identity.policy_sha256 == EXPECTED[folder]["policy_sha256"]


@every
def test_written_anew_it_is_the_same_policy(folder, tmp_path):
    policy, identity = load_policy(folder)
    config, _ = read_config(folder)
    again = save_policy(tmp_path / "policy", config, policy.model.state_dict())
    # Names of tensors are in the file of the weights, so that its hash changes with them.
    if list(load_file(folder / "weights.safetensors")) == list(load_file(tmp_path / "policy" / "weights.safetensors")):
        assert again.weights_sha256 == identity.weights_sha256
    assert read_config(tmp_path)[0] == config
    embodiment = policy.embodiments[-1]
    np.testing.assert_array_equal(decisions(load_policy(tmp_path)[0], embodiment), decisions(policy, embodiment))


TOKENIZED = [folder for folder, recorded in EXPECTED.items() if "tokens" in recorded]


@pytest.mark.parametrize("folder", TOKENIZED, ids=lambda one: f"{one.parent.name}/{one.name}")
def test_its_action_tokenizer_gives_the_same_tokens(folder):
    config, _ = read_config(folder)
    chunks = make_chunks(5, config.shapes.horizon, config.shapes.action_dim, seed=1)
    encoded = action_tokenizer_from_json(config.model.head.fitted).encode(chunks)
    tokens = [row[valid].tolist() for row, valid in zip(encoded.tokens, encoded.valid, strict=True)]
    assert tokens == EXPECTED[folder]["tokens"]


# What the version that wrote the files did not have.
ADDED_SINCE = {"backbone", "backbone-grid", "fis", "intent"}


def tags(config: Config) -> set[str]:
    """The tags of a config and of all configs in it."""
    return {config.tag}.union(*(tags(one) for one in vars(config).values() if isinstance(one, Config)))


def test_every_config_there_was_occurs():
    found = set().union(*(tags(read_config(folder)[0].model) for folder in EXPECTED))
    assert found >= {*ENCODERS, *HEADS, *DENOISERS} - ADDED_SINCE
