"""A run that computes its blocks again in the backward pass."""

import dataclasses

import pytest
from public_models import MODELS, save_model
from toy_models import TOYS, NextFrame

from praxia.core.errors import MismatchError
from praxia.encoders.public.model import PublicVLM
from praxia.heads.denoisers.action_expert import ActionExpert
from praxia.heads.flow import Flow
from praxia.policies import MODELS as REGISTERED
from praxia.policies.encoder_head import EncoderHead
from praxia.training import engine

EXPERT = Flow(ActionExpert(16, 32, depth=2, num_heads=4, num_kv_heads=1, head_width=8))


def weights_of(run, data, out, *, resume=False, **options):
    train = dataclasses.replace(run.train, **options)
    run = dataclasses.replace(run, train=train)
    return engine.train(run, [data], out, recipe="t", command="c", device="cpu", resume=resume)["weights_sha256"]


def test_it_trains_the_same_policy_and_a_run_may_go_on_without(tiny_run, dataset_path, tmp_path):
    kept = weights_of(tiny_run, dataset_path, tmp_path / "kept", steps=6)
    assert kept == weights_of(tiny_run, dataset_path, tmp_path / "again", steps=6, activation_checkpointing=True)
    assert kept == weights_of(tiny_run, dataset_path, tmp_path / "again", steps=6, resume=True)


def test_adapters_of_a_public_model_train_the_same_policy(tiny_run, dataset_path, tmp_path):
    folder = save_model("paligemma", tmp_path / "paligemma")
    encoder = PublicVLM(MODELS["paligemma"], str(folder), trained="adapters", lora_rank=2)
    run = dataclasses.replace(tiny_run, model=EncoderHead(encoder, EXPERT))
    again = weights_of(run, dataset_path, tmp_path / "again", steps=3, activation_checkpointing=True)
    assert again == weights_of(run, dataset_path, tmp_path / "kept", steps=3)


def test_a_model_without_blocks_is_refused(tiny_run, dataset_path, tmp_path, monkeypatch):
    monkeypatch.setitem(REGISTERED, "toy-next-frame", TOYS["toy-next-frame"])
    run = dataclasses.replace(tiny_run, model=NextFrame())
    with pytest.raises(
        MismatchError, match=r"expected a model with blocks, .* leave out --train.activation-checkpoint"
    ):
        weights_of(run, dataset_path, tmp_path / "run", activation_checkpointing=True)
