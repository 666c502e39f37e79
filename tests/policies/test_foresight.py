"""Foresight as a second loss: the state moves on by itself, and the later one can be known from the present one."""

from dataclasses import replace

import pytest
import torch

from praxia.core.embodiment import Embodiment, Field
from praxia.core.errors import MismatchError
from praxia.core.window import Window
from praxia.encoders.state_only import StateOnly
from praxia.encoders.text import NoText
from praxia.heads.denoisers.residual_mlp import ResidualMLP
from praxia.heads.flow import Flow
from praxia.nn.trainable import BeginsAndFinishes, SamplesActions, Trainable
from praxia.nn.types import Batch, Shapes
from praxia.policies.encoder_head import EncoderHead, EncoderHeadPolicy
from praxia.policies.foresight import Foresight
from praxia.training.config import Train
from praxia.training.optimizer import make_optimizer
from praxia.transforms.chain import EmbodimentTransforms, Transforms
from praxia.transforms.normalise import Normaliser
from praxia.transforms.tokenizer import TextTokenizer

HORIZON = 4
SHAPES = Shapes((), 0, 1, ((2, 1),), HORIZON, 8)
MODEL = Foresight(EncoderHead(StateOnly(text=NoText(), width=32), Flow(ResidualMLP(width=32, depth=1))), width=32)


def batch_of(num=64, seed=0):
    """A position and a velocity; the position moves on by the velocity."""
    state = torch.rand(num, 1, 2, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    later = torch.stack([state[..., 0] + state[..., 1], state[..., 1]], dim=-1)
    ok = torch.ones(num, 1, dtype=torch.bool)
    return Batch(
        images={},
        image_valid={},
        state=state,
        state_valid=ok,
        text=torch.zeros(num, 1, dtype=torch.int64),
        text_valid=ok,
        embodiment=torch.zeros(num, dtype=torch.int64),
        action=state[..., 1:].expand(-1, HORIZON, -1),
        action_valid=ok.expand(-1, HORIZON),
        target_state=later,
        target_state_valid=ok,
    )


def built(model=MODEL):
    torch.manual_seed(0)
    return model.build(SHAPES)


def loss_of(model, batch):
    return model.loss(batch, torch.Generator().manual_seed(1))


def test_the_later_readout_is_learned_and_does_not_become_the_same_for_all():
    model, batch, other = built(), batch_of(), batch_of(seed=9)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    before = float(loss_of(model, other)[1]["foresight"])
    for step in range(150):
        loss, _ = model.loss(batch, torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    after = float(loss_of(model, other)[1]["foresight"])
    assert after < 0.2 * before
    with torch.no_grad():
        readout = model.policy.encoder(other).readout()
    assert float(readout.std(0).mean()) > 0.1


def test_its_backbone_is_the_policys(monkeypatch):
    model = built()
    assert list(model.backbone_parameters()) == []
    part = list(model.predict.parameters())
    monkeypatch.setattr(model.policy, "backbone_parameters", lambda: iter(part))
    backbone = make_optimizer(model, Train(backbone_learning_rate=1e-5)).param_groups[1]["params"]
    assert [id(one) for one in backbone] == [id(one) for one in part]


def test_no_gradient_flows_through_what_is_to_be_foreseen():
    model, batch = built(), batch_of()
    later = batch.target_state.clone().requires_grad_()
    loss, _ = loss_of(model, replace(batch, target_state=later))
    loss.backward()
    assert later.grad is None
    assert model.policy.encoder.readout.mlp[0].weight.grad.abs().sum() > 0


def test_it_is_the_policys_loss_and_a_share_of_one_less_the_cosine():
    model, batch = built(), batch_of()
    with torch.no_grad():
        loss, metrics = loss_of(model, batch)
        policy, _ = loss_of(model.policy, batch)
        later = replace(batch, state=batch.target_state)
        guess, target = model.predict(model.policy.encoder(batch).readout()), model.policy.encoder(later).readout()
    cosine = (guess * target).sum(1) / (guess.norm(dim=1) * target.norm(dim=1))
    assert float(metrics["foresight"]) == pytest.approx(float((1 - cosine).mean()), rel=1e-5)
    assert float(loss) == pytest.approx(float(policy + 0.2 * metrics["foresight"]), rel=1e-6)


def test_what_is_beyond_the_episode_is_not_foreseen():
    model, batch = built(), batch_of()
    valid = torch.arange(64)[:, None] < 40
    other = replace(batch, target_state_valid=valid)
    changed = replace(other, target_state=torch.where(valid[..., None], batch.target_state, 5.0))
    with torch.no_grad():
        assert float(loss_of(model, other)[0]) == pytest.approx(float(loss_of(model, changed)[0]), rel=1e-6)
        assert float(loss_of(model, other)[0]) != pytest.approx(float(loss_of(model, batch)[0]), rel=1e-6)


def test_it_acts_as_its_policy_alone():
    model = built()
    normaliser = Normaliser((-1.0,) * 2, (1.0,) * 2)
    transforms = Transforms(
        (EmbodimentTransforms(normaliser, Normaliser((-1.0,), (1.0,))),), TextTokenizer.fit(["point"])
    )
    point = Embodiment(
        "point", (Field("point", 2, "position", "m"),), (Field("point", 1, "velocity", "m/s"),), (), 10.0
    )
    policy = MODEL.make_policy(model, transforms, (point,), Window({"state": (0,)}, HORIZON), masked=True)
    assert isinstance(policy, EncoderHeadPolicy)
    assert policy.model is model.policy
    for interface in (Trainable, SamplesActions, BeginsAndFinishes):
        assert isinstance(model, interface)


def test_weights_to_begin_with_are_those_of_the_whole_model():
    model, other = built(), built()
    weights = {name: value + 1 for name, value in model.state_dict().items()}
    other.begin(weights)
    assert all(torch.equal(value, weights[name]) for name, value in other.state_dict().items())
    assert dict(other.finish(weights)).keys() == weights.keys()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target_state": None, "target_state_valid": None}, "again as targets"),
        ({"target_state": torch.zeros(64, 2, 2), "target_state_valid": torch.ones(64, 2, dtype=torch.bool)}, "at one"),
    ],
)
def test_a_window_without_the_later_observation_is_refused(change, message):
    with pytest.raises(MismatchError, match=message):
        loss_of(built(), replace(batch_of(), **change))


def test_a_window_of_several_timesteps_is_refused():
    with pytest.raises(MismatchError, match="one timestep"):
        MODEL.build(replace(SHAPES, num_states=2))
