"""Inference in bfloat16: nearly the same actions, under another identity."""

import dataclasses

import numpy as np
import pytest
import torch
from praxia_testing import make_config, make_query

import praxia
from praxia.checkpoint import store
from praxia.checkpoint.store import load_policy, read_config, save_policy
from praxia.core.config import fit_config
from praxia.core.errors import PraxiaError
from praxia.core.types import Sampling
from praxia.evaluation.policy_entry import expect_unbound
from praxia.heads.act import ACT
from praxia.heads.autoregressive import Autoregressive
from praxia.heads.decoders import PrefixTransformer
from praxia.heads.denoisers.dit import DiT
from praxia.heads.diffusion import Diffusion
from praxia.policies.encoder_head import EncoderHead

BF16 = Sampling(precision="bf16")
HEADS = {
    "flow": None,
    "diffusion": Diffusion(DiT(32, depth=2, num_heads=2)),
    "act": ACT(width=32, mlp_width=64, num_heads=2, encoder_depth=1),
    "bins": Autoregressive("bins", PrefixTransformer(32, 2, 2), temperature=0.0),
}


@pytest.fixture
def save(tmp_path):
    """`save(head)`: the folder of a tiny policy whose weights all have an influence."""

    def saved(head=None):
        config = make_config()
        if head is not None:
            head = fit_config(head, lambda: np.random.default_rng(0).uniform(-1, 1, (64, 4, 2)).astype(np.float32))
            config = dataclasses.replace(config, model=EncoderHead(config.model.encoder, head))
        torch.manual_seed(0)
        model = config.model.build(config.shapes)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn(parameter.shape) * 0.1)
        save_policy(tmp_path / "policy", config, model.state_dict())
        return tmp_path / "policy"

    return saved


def chunk(policy):
    return policy.act([make_query("a", 3)], policy.start(1))[0][0].chunk


@pytest.mark.parametrize("head", ["flow", "diffusion", "act"])
def test_actions_are_nearly_the_same_and_weights_take_half(save, head):
    folder = save(HEADS[head])
    exact, _ = load_policy(folder)
    rounded, _ = load_policy(folder, sampling=BF16)
    # The actions' range is 10.
    np.testing.assert_allclose(chunk(rounded), chunk(exact), atol=0.2)
    assert (chunk(rounded) != chunk(exact)).any()
    matrices = [one for one in rounded.model.parameters() if one.dim() > 1]
    assert {one.dtype for one in matrices} == {torch.bfloat16}
    assert {one.dtype for one in rounded.model.parameters() if one.dim() == 1} == {torch.float32}
    assert {one.dtype for one in exact.model.parameters()} == {torch.float32}


def test_weights_are_rounded_before_they_move_to_the_device(save, monkeypatch):
    seen = []
    monkeypatch.setattr(
        store, "weights_to_bf16", lambda model: seen.extend(one.device.type for one in model.parameters())
    )
    load_policy(save(), device="meta", sampling=BF16)
    assert set(seen) == {"cpu"}


def test_tokens_are_decoded(save):
    policy, _ = load_policy(save(HEADS["bins"]), sampling=BF16)
    assert np.isfinite(chunk(policy)).all()


def test_it_has_an_identity_of_its_own(save):
    folder = save()
    config, exact = read_config(folder)
    assert exact == read_config(folder, Sampling())[1]
    rounded_config, rounded = read_config(folder, BF16)
    assert rounded.policy_sha256 != exact.policy_sha256
    assert rounded.weights_sha256 == exact.weights_sha256
    assert rounded.sampling.to_json() == {"precision": "bf16"}
    both = read_config(folder, Sampling(steps=3, precision="bf16"))[1]
    assert len({exact.policy_sha256, rounded.policy_sha256, both.policy_sha256}) == 3
    assert rounded_config.to_json() == config.to_json()


def test_a_session_decides_in_it(save):
    folder = save()
    loaded = praxia.load(folder, precision="bf16", device="cpu")
    assert loaded.policy_sha256 == read_config(folder, BF16)[1].policy_sha256
    observation = {"images": {"front": np.zeros((16, 16, 3), np.uint8)}, "state": np.zeros(3, np.float32)}
    assert loaded.session().act(observation).shape == (2,)


def test_a_policy_without_weights_is_refused():
    with pytest.raises(PraxiaError, match="--precision expects the folder of a trained policy, got 'expert'"):
        expect_unbound("expert", None, BF16)
