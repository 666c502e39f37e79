"""From a public vision-language model to a policy: training, freezing, adapters, VQA batches, and back."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from praxia_testing import make_query, save_image
from public_models import MODELS, make_model, save_model
from safetensors.torch import load_file
from shared_training import job, shared

from praxia.checkpoint.store import load_policy, read_config
from praxia.core.errors import MismatchError, PraxiaError
from praxia.encoders.public.model import PublicVLM
from praxia.heads.autoregressive import Autoregressive
from praxia.heads.decoders import VLMTokens
from praxia.heads.denoisers.action_expert import ActionExpert
from praxia.heads.flow import Flow
from praxia.heads.parallel import OFT
from praxia.nn.share import WHOLE
from praxia.policies.encoder_head import EncoderHead
from praxia.training import engine

EXPERT = Flow(ActionExpert(16, 32, depth=2, num_heads=4, num_kv_heads=1, head_width=8))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_model("paligemma", tmp_path_factory.mktemp("paligemma"))


@pytest.fixture
def public_run(tiny_run, folder):
    """`public_run(head, ...)`: the tiny run with a tiny PaliGemma as its encoder."""

    def make(head=EXPERT, steps=6, **options):
        encoder = PublicVLM(MODELS["paligemma"], str(folder), **options)
        train = dataclasses.replace(tiny_run.train, steps=steps, num_vqa=4)
        return dataclasses.replace(tiny_run, model=EncoderHead(encoder, head), train=train)

    return make


def fit(run, data, out, **more):
    return engine.train(run, [data], out, recipe="tiny", command="praxia train tiny", **more)


@pytest.fixture
def vqa_path(tmp_path):
    """Two images, black and white, and their colours."""
    entries = []
    for name, grey in (("black", 0), ("white", 255)):
        save_image(tmp_path / f"{name}.png", (grey,) * 3)
        turns = [{"from": "human", "value": "what colour?"}, {"from": "gpt", "value": name}]
        entries.append({"image": f"{name}.png", "conversations": turns})
    (tmp_path / "asked.json").write_text(json.dumps(entries))
    return tmp_path / "asked.json"


def changed(policy: Path):
    """The public weights that the policy has otherwise."""
    public = make_model("paligemma").state_dict()
    ours = load_file(policy / "weights.safetensors")
    names = {name.removeprefix("encoder.") for name in ours if name.startswith("encoder.model.")}
    assert len(names) == len(public) - 1  # with tied embeddings the LM head has no weights of its own
    return {name for name in names if not torch.equal(ours[f"encoder.{name}"], public[name])}


def test_it_begins_with_the_public_weights_and_the_policy_needs_none_of_them(
    public_run, dataset_path, folder, tmp_path, monkeypatch
):
    fit(public_run(trained="nothing"), dataset_path, tmp_path / "run")
    assert changed(tmp_path / "run" / "policy") == set()
    config, _ = read_config(tmp_path / "run")
    assert config.transforms.tokenizer.encode(["go"], np.zeros((1, 3), np.float32))[1].sum() > 4
    # The policy needs no public files.
    moved = dataclasses.replace(config.model.encoder, weights="/nowhere")
    monkeypatch.setattr(PublicVLM, "fit", None)
    assert moved.build(config.shapes).side == 28
    policy, _ = load_policy(tmp_path / "run")
    decisions, _ = policy.act([make_query("a", 0, history=1)], None)
    again, _ = load_policy(tmp_path / "run")[0].act([make_query("a", 0, history=1)], None)
    assert decisions[0].chunk.shape == (4, 2)
    assert np.array_equal(decisions[0].chunk, again[0].chunk)


def test_adapters_are_trained_and_merged_into_an_ordinary_policy(public_run, dataset_path, folder, tmp_path):
    fit(public_run(trained="adapters", lora_rank=2), dataset_path, tmp_path / "run")
    found = changed(tmp_path / "run" / "policy")
    # Of the last layer the expert reads keys and values alone.
    assert len(found) == 7 + 2
    assert not any(
        "lora" in name or "base_layer" in name for name in load_file(tmp_path / "run/policy/weights.safetensors")
    )
    load_policy(tmp_path / "run")
    # A policy can be tuned on: with new adapters, on weights that are no longer public.
    tuned = fit(
        public_run(trained="adapters", lora_rank=2), dataset_path, tmp_path / "more", start_from=tmp_path / "run"
    )
    assert tuned["steps"] == 6


def test_a_run_with_adapters_goes_on_bit_identically(public_run, dataset_path, tmp_path, monkeypatch):
    run = public_run(trained="adapters", lora_rank=2)
    uninterrupted = fit(run, dataset_path, tmp_path / "whole")
    step = engine.take_step

    def stop(*arguments):
        if arguments[-1] == 3:  # the number of the step; those that are measured beforehand have number 0
            raise KeyboardInterrupt
        return step(*arguments)

    monkeypatch.setattr(engine, "take_step", stop)
    with pytest.raises(KeyboardInterrupt):
        fit(run, dataset_path, tmp_path / "run")
    monkeypatch.setattr(engine, "take_step", step)
    resumed = fit(run, dataset_path, tmp_path / "run", resume=True)
    assert 0 < resumed["resumed_from"] <= 3
    assert resumed["weights_sha256"] == uninterrupted["weights_sha256"]


def test_questions_are_learned_beside_the_actions(public_run, dataset_path, vqa_path, tmp_path):
    run = public_run(Autoregressive("bins", VLMTokens(skip=4), temperature=0.0), steps=80)
    run = dataclasses.replace(run, train=dataclasses.replace(run.train, learning_rate=3e-3, ema_decay=0.9))
    fit(run, dataset_path, tmp_path / "run", vqa=vqa_path)
    policy, _ = load_policy(tmp_path / "run")
    words, encoder = policy.transforms.tokenizer, policy.model.encoder
    source = engine.VQABatches(engine.read_vqa(vqa_path), 2, engine.VQA_IMAGE_PX)
    batch = source.batch(0, 0, WHOLE, words, read_config(tmp_path / "run")[0].shapes)
    predicted = encoder.answer_logits(batch, batch.answer[:, :-1], batch.answer_valid[:, :-1]).argmax(-1)
    assert torch.equal(predicted[batch.answer_valid], batch.answer[batch.answer_valid])
    assert {words.decode(row[ok].tolist()) for row, ok in zip(predicted, batch.answer_valid, strict=True)} == {
        "black<eos>", "white<eos>"
    }  # fmt: skip
    described = json.loads((tmp_path / "run" / "run.json").read_text())["vqa"]
    assert described["number"] == 2


def test_parts_of_a_batch_and_of_its_questions_have_the_losses_of_the_whole(
    public_run, dataset_path, vqa_path, tmp_path
):
    lines = {}
    for parts in (1, 2):
        run = public_run(Autoregressive("bins", VLMTokens(skip=4), temperature=0.0), steps=4)
        options = dataclasses.replace(run.train, log_every=1, num_vqa=4, accumulate=parts)
        fit(dataclasses.replace(run, train=options), dataset_path, tmp_path / str(parts), vqa=vqa_path)
        logged = (tmp_path / str(parts) / "metrics.jsonl").read_text().splitlines()
        lines[parts] = [{name: json.loads(line)[name] for name in ("loss", "answer")} for line in logged]
    for whole, divided in zip(lines[1], lines[2], strict=True):
        assert divided == pytest.approx(whole, rel=1e-5)


def test_questions_need_a_trained_language_model(tiny_run, public_run, dataset_path, vqa_path, tmp_path):
    with pytest.raises(MismatchError, match="questions need an encoder with a public language model"):
        fit(tiny_run, dataset_path, tmp_path / "run", vqa=vqa_path)
    with pytest.raises(MismatchError, match="questions train a language model, and none is trained here"):
        fit(public_run(trained="nothing"), dataset_path, tmp_path / "run", vqa=vqa_path)
    assert not (tmp_path / "run").exists()


def test_a_tokenizer_with_more_tokens_than_the_language_model_is_refused(public_run, dataset_path, tmp_path):
    run = public_run(Autoregressive("bins", VLMTokens(skip=200)))
    with pytest.raises(MismatchError, match=r"expected an action tokenizer of at most 200 tokens, .*, got 256"):
        fit(run, dataset_path, tmp_path / "run")
    assert not (tmp_path / "run").exists()


HEADS = {
    "expert": EXPERT,
    "vlm-tokens": Autoregressive("bins", VLMTokens(skip=4), temperature=0.0),
    "oft": OFT(VLMTokens()),
}


@pytest.mark.parametrize("head", HEADS)
def test_files_of_half_precision_are_trained_saved_and_used_in_float32(
    head, public_run, dataset_path, folder, tmp_path
):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    make_model("paligemma").bfloat16().save_pretrained(tmp_path)
    run = public_run(HEADS[head])
    run = dataclasses.replace(run, model=EncoderHead(PublicVLM(MODELS["paligemma"], str(tmp_path)), HEADS[head]))
    fit(run, dataset_path, tmp_path / "run")
    policy, _ = load_policy(tmp_path / "run")
    saved = load_file(tmp_path / "run" / "policy" / "weights.safetensors")
    for name, value in policy.model.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, saved[name])
    decisions, _ = policy.act([make_query("a", 0, history=1)], None)
    assert np.isfinite(decisions[0].chunk).all()


@pytest.mark.parametrize("head", HEADS)
def test_mixed_precision(head, public_run, dataset_path, vqa_path, tmp_path):
    run = public_run(HEADS[head], steps=2, trained="adapters")
    run = dataclasses.replace(run, train=dataclasses.replace(run.train, precision="bf16-mixed"))
    fit(run, dataset_path, tmp_path / "run", vqa=vqa_path)
    weights = load_policy(tmp_path / "run")[0].model.state_dict().values()
    assert all(value.dtype == torch.float32 and value.isfinite().all() for value in weights)


def test_a_policy_is_fine_tuned_otherwise_and_without_the_public_files(public_run, dataset_path, folder, tmp_path):
    fit(public_run(trained="adapters"), dataset_path, tmp_path / "run")
    run = public_run(trained="nothing")
    elsewhere = dataclasses.replace(run.model.encoder, weights="/nowhere")
    run = dataclasses.replace(run, model=dataclasses.replace(run.model, encoder=elsewhere))
    fit(run, dataset_path, tmp_path / "more", start_from=tmp_path / "run")
    assert changed(tmp_path / "more" / "policy") == changed(tmp_path / "run" / "policy") != set()


def test_what_is_frozen_is_not_saved_again_and_again(public_run, dataset_path, tmp_path):
    fit(public_run(trained="nothing"), dataset_path, tmp_path / "run")
    for state in (tmp_path / "run" / "state").iterdir():
        for name in ("model", "ema"):
            assert not any(key.startswith("encoder.model.") for key in load_file(state / f"{name}.safetensors"))


def test_other_questions_are_another_run(public_run, dataset_path, vqa_path, tmp_path):
    fit(public_run(), dataset_path, tmp_path / "run", vqa=vqa_path)
    with pytest.raises(PraxiaError, match="begun with other questions"):
        fit(public_run(), dataset_path, tmp_path / "run", resume=True)


def test_weights_of_another_family_are_refused_before_training_starts(public_run, dataset_path, folder, tmp_path):
    run = public_run()
    other = dataclasses.replace(run.model, encoder=PublicVLM("smolvlm2-500m", str(folder)))
    with pytest.raises(MismatchError, match=r"expected a model of the family 'smolvlm' .* got 'paligemma'"):
        fit(dataclasses.replace(run, model=other), dataset_path, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_policies_kept_while_adapters_train_are_merged_and_change_no_weight(public_run, dataset_path, tmp_path):
    run = public_run(trained="adapters")
    train = dataclasses.replace(run.train, keep_every=3)
    one = fit(run, dataset_path, tmp_path / "plain")
    other = fit(dataclasses.replace(run, train=train), dataset_path, tmp_path / "kept")
    assert other["weights_sha256"] == one["weights_sha256"]
    kept = tmp_path / "kept" / "policies"
    assert read_config(kept / "step-6")[1].to_json() == read_config(tmp_path / "plain")[1].to_json()
    load_policy(kept / "step-3")


@pytest.mark.slow
@pytest.mark.parametrize("trained", ["adapters", "language"])
def test_processes_that_share_weights_adapt_the_public_model(public_run, dataset_path, vqa_path, tmp_path, trained):
    """The first process alone reads the public weights; it merges adapters into those that it gathers."""
    run = public_run(trained=trained, lora_rank=2)
    options = {"strategy": "fsdp", "log_every": 1, "keep_every": 4, "checkpoint_s": 1e9}
    options |= {"activation_checkpointing": trained == "adapters"}
    run = dataclasses.replace(run, train=dataclasses.replace(run.train, **options), hold_out=0.2)
    shared([job(run, [dataset_path], tmp_path / "shared", vqa=vqa_path)], 2)
    fit(run, dataset_path, tmp_path / "one", vqa=vqa_path, device="cpu")
    ours, theirs = (
        [json.loads(line) for line in (tmp_path / out / "metrics.jsonl").read_text().splitlines()]
        for out in ("one", "shared")
    )
    for one, other in zip(ours, theirs, strict=True):
        for name in set(one) - {"samples_per_s", "wall_s"}:
            np.testing.assert_allclose(other[name], one[name], rtol=1e-5, atol=1e-6, err_msg=f"{name} at {one['step']}")
    for policy in ("policy", "policies/step-4"):
        ours, theirs = (load_file(tmp_path / out / policy / "weights.safetensors") for out in ("one", "shared"))
        assert list(ours) == list(theirs)
        for name, value in ours.items():
            assert (theirs[name] - value).norm() <= 1e-3 * value.norm() + 1e-3, name
    load_policy(tmp_path / "shared")
