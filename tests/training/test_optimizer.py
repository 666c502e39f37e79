import dataclasses

import pytest
import torch
from praxia_testing import Stop, make_batch, make_shapes, stop_after
from public_models import small_vision
from safetensors.torch import load_file

from praxia.core.errors import MismatchError, PraxiaError
from praxia.encoders.backbone import BackboneGrid
from praxia.encoders.resnet import ResNet
from praxia.encoders.text import PooledText
from praxia.heads.act import ACT
from praxia.heads.regression import Regression
from praxia.policies.encoder_head import EncoderHead
from praxia.training import engine
from praxia.training.config import Train
from praxia.training.optimizer import adamw, learning_rates, make_optimizer, set_learning_rates

RESNET = EncoderHead(ResNet(text=PooledText(16, 2), channels=(8, 16), width=32), Regression())


def make_model(trained="all"):
    torch.manual_seed(0)
    encoder = BackboneGrid(trained=trained, fitted=small_vision())
    model = EncoderHead(encoder, ACT(width=32, mlp_width=32, encoder_depth=1)).build(make_shapes())
    model.encoder.adapt()
    return model


def steps(model, optimizer, train, num=3):
    for step in range(num):
        set_learning_rates(optimizer, train, step)
        optimizer.zero_grad()
        model.loss(make_batch(), torch.Generator().manual_seed(step))[0].backward()
        optimizer.step()


def test_without_an_own_rate_it_is_the_optimizer_of_before():
    train = Train(steps=10, warmup_steps=2, weight_decay=0.1)
    model, other = make_model(), make_model()
    steps(model, make_optimizer(model, train), train)
    plain = torch.optim.AdamW(other.parameters(), lr=1e-3, weight_decay=0.1, betas=(0.9, 0.95))
    plain.param_groups[0]["initial_lr"] = 1e-3
    steps(other, plain, train)
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)


def test_norms_and_biases_need_not_decay():
    """At a gradient of zero AdamW only decays: then the weights shrink, and what does not decay stays."""
    train = Train(steps=10, warmup_steps=0, weight_decay=0.1, backbone_learning_rate=1e-4, decay_norms=False)
    model = make_model()
    before = {name: value.clone() for name, value in model.named_parameters()}
    optimizer = make_optimizer(model, train)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1, 0.0, 0.1, 0.0]
    backbone = dict.fromkeys(model.encoder.backbone_parameters())
    assert [one for group in optimizer.param_groups[2:] for one in group["params"] if one not in backbone] == []
    for value in model.parameters():
        value.grad = torch.zeros_like(value)
    optimizer.step()
    norms = (torch.nn.LayerNorm, torch.nn.GroupNorm, torch.nn.BatchNorm2d)
    kept = {id(value) for module in model.modules() if isinstance(module, norms) for value in module.parameters()}
    assert kept
    for name, value in model.named_parameters():
        stays = id(value) in kept or name.endswith("bias") or value.dim() < 2
        assert torch.equal(value, before[name]) == (stays or not before[name].any()), name


def test_a_model_that_updates_itself_need_not_decay_its_vectors():
    layer = torch.nn.Linear(3, 2)
    optimizer = adamw(Train(weight_decay=0.1, decay_norms=False), layer.parameters())
    assert [[value.shape for value in group["params"]] for group in optimizer.param_groups] == [[(2, 3)], [(2,)]]
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1, 0.0]


def test_the_backbone_follows_the_same_schedule_at_its_own_rate():
    train = Train(steps=100, warmup_steps=10, learning_rate=1e-3, backbone_learning_rate=1e-5)
    model = make_model()
    optimizer = make_optimizer(model, train)
    rest, backbone = optimizer.param_groups
    assert [id(one) for one in backbone["params"]] == [id(one) for one in model.encoder.backbone_parameters()]
    assert len(rest["params"]) + len(backbone["params"]) == len(list(model.parameters()))
    for step in (0, 9, 50, 99):
        set_learning_rates(optimizer, train, step)
        assert backbone["lr"] == pytest.approx(rest["lr"] / 100)
        assert learning_rates(train, step) == {"lr": rest["lr"], "backbone_lr": backbone["lr"]}
    assert set(learning_rates(Train(), 0)) == {"lr"}


def test_at_a_rate_of_zero_the_backbone_stays_and_the_rest_learns():
    train = Train(steps=10, warmup_steps=0, backbone_learning_rate=0.0)
    model = make_model()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    steps(model, make_optimizer(model, train), train)
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert not any(name.startswith("encoder.vision.") for name in changed)


def test_frozen_weights_have_no_state():
    train = Train(steps=10)
    model = make_model("nothing")
    optimizer = make_optimizer(model, train)
    steps(model, optimizer, train)
    assert not set(model.encoder.backbone_parameters()) & set(optimizer.state)
    assert set(optimizer.state) == {one for one in model.parameters() if one.grad is not None}


def test_a_rate_without_a_trained_backbone_is_refused():
    train = Train(backbone_learning_rate=1e-5)
    with pytest.raises(MismatchError, match=r"got a frozen one: --model.encoder.trained all"):
        make_optimizer(make_model("nothing"), train)
    with pytest.raises(PraxiaError, match=r"--train.backbone-learning-rate of at least 0, got -1"):
        make_optimizer(make_model(), Train(backbone_learning_rate=-1.0))


def test_an_encoder_without_a_backbone_is_refused(tiny_run, dataset_path, tmp_path):
    run = dataclasses.replace(tiny_run, train=dataclasses.replace(tiny_run.train, backbone_learning_rate=1e-5))
    with pytest.raises(MismatchError, match="got one without a backbone"):
        engine.train(run, [dataset_path], tmp_path / "run", recipe="tiny", command="")
    assert not (tmp_path / "run").exists()


def test_a_run_with_two_rates_goes_on_bit_identically(tiny_run, dataset_path, tmp_path):
    train = dataclasses.replace(tiny_run.train, backbone_learning_rate=1e-4)
    run = dataclasses.replace(tiny_run, model=RESNET, train=train)

    def fit(out, **more):
        return engine.train(run, [dataset_path], out, recipe="tiny", command="", **more)

    whole = fit(tmp_path / "whole")
    with pytest.raises(Stop):
        fit(tmp_path / "run", report=stop_after(2))
    assert fit(tmp_path / "run", resume=True)["weights_sha256"] == whole["weights_sha256"]
    one = dataclasses.replace(run, train=tiny_run.train)
    engine.train(one, [dataset_path], tmp_path / "one", recipe="tiny", command="")
    slower, faster = (load_file(tmp_path / name / "policy/weights.safetensors") for name in ("whole", "one"))
    assert not torch.equal(slower["encoder.trunk.stem.0.weight"], faster["encoder.trunk.stem.0.weight"])
