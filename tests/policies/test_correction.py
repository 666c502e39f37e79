"""Corrections by the newest observation, where a spot jumps and the right action is to be on it."""

import dataclasses

import numpy as np
import pytest
import torch

from praxia.checkpoint.store import PolicyConfig, find_config, load_policy, save_policy
from praxia.core.config import config_from_json, config_to_json
from praxia.core.delays import DelayTrace
from praxia.core.embodiment import Embodiment, Field
from praxia.core.errors import MismatchError, PraxiaError
from praxia.core.types import ChunkExecution, EnvSpec, Observation, Outcome, Sampling, SlotResult, Start
from praxia.core.window import Window
from praxia.encoders.state_only import StateOnly
from praxia.encoders.text import NoText
from praxia.heads.act import ACT
from praxia.heads.denoisers.residual_mlp import ResidualMLP
from praxia.heads.flow import Flow
from praxia.heads.regression import Regression
from praxia.nn.types import Batch, Shapes
from praxia.policies.correction import Corrected
from praxia.policies.encoder_head import EncoderHead
from praxia.rollout.loop import rollout
from praxia.rollout.session import Session
from praxia.rollout.types import Job
from praxia.transforms.chain import EmbodimentTransforms, Transforms
from praxia.transforms.normalise import Normaliser
from praxia.transforms.relative import RelativeActions
from praxia.transforms.tokenizer import TextTokenizer

HORIZON, OFFSETS = 8, (1, 2, 4, 6, 7)
BODY = Embodiment(
    name="pointer",
    state=(Field("spot", 1, "position", "m"),),
    action=(Field("spot", 1, "position", "m"),),
    cameras=(),
    control_hz=10.0,
)
ENCODER = StateOnly(text=NoText(), width=32)
MODEL = Corrected(EncoderHead(ENCODER, Regression(width=32, depth=1)), ENCODER, OFFSETS, width=64)


def jumps(seed, num, steps):
    """Positions of `num` spots, which stay within [-3, 3] m and jump by half a metre at every step."""
    rng = np.random.default_rng(seed)
    at = rng.uniform(-3, 3, (num, 1)) + np.cumsum(rng.choice([-0.5, 0.5], (num, steps)), axis=1)
    return np.clip(at, -3, 3).astype(np.float32)


def batch_of(spots):
    """Windows in normalised units, of 3 m: the action is where the spot is at its step."""
    at = torch.from_numpy(spots)[..., None] / 3
    num, valid = len(at), torch.ones(len(at), 1, dtype=torch.bool)
    return Batch(
        images={},
        image_valid={},
        state=at[:, :1],
        state_valid=valid,
        text=torch.zeros(num, 1, dtype=torch.int64),
        text_valid=valid,
        embodiment=torch.zeros(num, dtype=torch.int64),
        action=at[:, :HORIZON],
        action_valid=valid.expand(num, HORIZON),
        target_state=at[:, list(OFFSETS)],
        target_state_valid=valid.expand(num, len(OFFSETS)),
    )


def config_of(model=MODEL, relative=None):
    normaliser = Normaliser((-3.0,), (3.0,))
    transforms = Transforms((EmbodimentTransforms(normaliser, normaliser, relative),), TextTokenizer.fit(["point"]))
    shapes = Shapes((), 0, 1, ((1, 1),), HORIZON, transforms.tokenizer.vocab_size)
    return PolicyConfig(model, shapes, transforms, (BODY,), Window({"state": (0,)}, HORIZON), {"seed": 0})


def built(model=MODEL):
    torch.manual_seed(0)
    return model.build(config_of().shapes)


class Spots:
    """A world of one slot, in which a spot jumps whatever the robot does."""

    num_slots = 1

    def begin(self, slot, spec, start, cameras, *, privileged=False, snapshots=False):
        self.spots, self.step = jumps(start.payload["seed"], 1, 40)[0], 0
        self.result = SlotResult(0, self._seen())

    def advance(self, slot, actions, stop_on_success, observe=None):
        self.step += len(actions)
        self.result = SlotResult(0, self._seen(), outcomes=(Outcome(0.0, False, False, False),) * len(actions))

    def ready(self):
        return [self.result]

    def close(self):
        pass

    def _seen(self):
        return Observation({}, self.spots[self.step : self.step + 1].copy(), "point", self.step / 10)


def actions_of(policy, execution, seed=9):
    job = Job(EnvSpec("spots", "point"), Start("spots", "point", {"seed": seed}), key="session/0", index=0)
    (found,) = rollout(policy, Spots(), [job], execution=execution, horizon=30)
    assert found.error is None
    return found.actions[:, 0]


def policy_of(model=MODEL):
    config = config_of(model)
    return model.make_policy(built(model), config.transforms, (BODY,), config.window, masked=True)


def in_session(policy, execution, seed=9):
    session = Session(policy, execution)
    return np.array([session.act({"state": spot, "instruction": "point"})[0] for spot in jumps(seed, 1, 30).T])


@pytest.mark.parametrize("horizon", [1, 3, 8])
def test_a_session_corrects_its_actions_as_the_loop_does(horizon):
    policy = policy_of()
    torch.nn.init.constant_(policy.model.correction.out.bias, 0.1)
    found = in_session(policy, ChunkExecution(horizon))
    np.testing.assert_array_equal(found, actions_of(policy, ChunkExecution(horizon)))
    np.testing.assert_allclose(found - in_session(policy.policy, ChunkExecution(horizon)), 0.3, atol=1e-5)
    with pytest.raises(MismatchError, match=r"expected act\(\) of a policy that corrects its actions one by one"):
        Session(policy, ChunkExecution(horizon)).chunk({"state": [0.0], "instruction": "point"})


@pytest.mark.parametrize("horizon", [3, 8])
def test_a_guided_policy_acts_in_a_session_as_it_does_in_the_loop(horizon):
    model = EncoderHead(ENCODER, Flow(ResidualMLP(width=32, depth=1), num_steps=3, guidance="identity"))
    network = built(model)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    policy = model.make_policy(network, config_of().transforms, (BODY,), config_of().window, masked=True)
    execution = ChunkExecution(horizon)
    np.testing.assert_array_equal(in_session(policy, execution), actions_of(policy, execution))


def test_after_a_bad_correction_a_session_decides_anew():
    policy = policy_of()
    session, bias = Session(policy, ChunkExecution(8)), policy.model.correction.out.bias
    act = [lambda: session.act({"state": [1.0], "instruction": "point"})] * 3
    first = act[0]()
    torch.nn.init.constant_(bias, torch.nan)
    with pytest.raises(PraxiaError, match="not finite at step 1"):
        act[1]()
    torch.nn.init.zeros_(bias)
    # The first action of a new chunk, and not the second of the old one.
    np.testing.assert_allclose(act[2](), first, rtol=1e-5)


@pytest.mark.parametrize(("horizon", "delay"), [(1, 0), (3, 0), (3, 2), (2, 4), (4, 8), (8, 5)])
def test_before_training_the_actions_are_those_of_the_policy_alone(horizon, delay):
    corrected = config_of().model.make_policy(built(), config_of().transforms, (BODY,), config_of().window, masked=True)
    execution = ChunkExecution(horizon, delay=delay)
    found, alone = (actions_of(one, execution) for one in (corrected, corrected.policy))
    assert len(set(alone.tolist())) > 3
    np.testing.assert_allclose(found, alone, rtol=1e-5, atol=1e-6)


def test_delays_of_a_trace_are_those_of_the_policy_alone():
    corrected = config_of().model.make_policy(built(), config_of().transforms, (BODY,), config_of().window, masked=True)
    execution = ChunkExecution(3, trace=DelayTrace((1, 4, 2, 9, 0), BODY.control_hz))
    found, alone = (actions_of(one, execution) for one in (corrected, corrected.policy))
    np.testing.assert_allclose(found, alone, rtol=1e-5, atol=1e-6)


def test_a_correction_by_the_newest_observation_finds_the_spot_that_the_chunk_cannot_know():
    model = built()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.0)
    for step in range(120):
        loss, _ = model.loss(batch_of(jumps(100 + step, 64, HORIZON)), torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    policy = MODEL.make_policy(model, config_of().transforms, (BODY,), config_of().window, masked=True)
    spots = np.stack([jumps(seed, 1, 40)[0, :30] for seed in range(4)])
    errors = {}
    for name, one in (("naive", policy.policy), ("corrected", policy)):
        found = np.stack([actions_of(one, ChunkExecution(3, delay=3), seed) for seed in range(4)])
        errors[name] = np.abs(found - spots)[:, 3:].mean()
    assert errors["naive"] > 0.5  # three to five jumps of half a metre
    assert errors["corrected"] < errors["naive"] / 8


def test_the_correction_is_relative_to_the_state_in_which_its_chunk_was_decided():
    relative = RelativeActions((0,), (0,))
    config = config_of(relative=relative)
    policy = MODEL.make_policy(built(), config.transforms, (BODY,), config.window, masked=True)
    execution = ChunkExecution(3, delay=2)
    np.testing.assert_allclose(actions_of(policy, execution), actions_of(policy.policy, execution), atol=1e-5)
    torch.nn.init.constant_(policy.model.correction.out.bias, 0.1)
    moved = actions_of(policy, execution) - actions_of(policy.policy, execution)
    np.testing.assert_allclose(moved, 0.3, atol=1e-5)  # a tenth of 3 m


def test_the_corrections_gradient_does_not_reach_the_policy():
    model, batch = built(), batch_of(jumps(0, 8, HORIZON))
    torch.nn.init.normal_(model.correction.out.weight)
    grads = []
    for both in (False, True):
        model.zero_grad()
        if both:
            loss, _ = model.loss(batch, torch.Generator().manual_seed(0))
        else:
            loss, _ = model.policy.loss(batch, torch.Generator().manual_seed(0))
        loss.backward()
        grads.append([parameter.grad.clone() for parameter in model.policy.parameters()])
    for alone, together in zip(*grads, strict=True):
        torch.testing.assert_close(alone, together)


def test_the_loss_is_the_mean_over_the_trained_steps_however_the_batch_is_divided():
    model, batch = built(), batch_of(jumps(0, 12, HORIZON))
    torch.nn.init.normal_(model.correction.out.weight)
    valid = batch.action_valid.clone()
    valid[:4, 3:] = False
    batch = dataclasses.replace(batch, action_valid=valid)
    whole, metrics = model.loss(batch, torch.Generator().manual_seed(0))
    with torch.no_grad():
        chunk, total = model.sample(batch, torch.zeros(12, 0)), 0.0
        for at, step in enumerate((0, *OFFSETS)):
            state = batch.state if step == 0 else batch.target_state[:, at - 1 : at]
            newest = dataclasses.replace(batch, state=state)
            index = torch.full((12,), step)
            found = chunk[:, step] + model.correction(newest, chunk[:, step], index)
            total += ((found - batch.action[:, step]).square() * valid[:, step, None]).sum()
    expected = total / valid.sum() * HORIZON / (1 + len(OFFSETS))
    torch.testing.assert_close(metrics["correction"], expected)
    losses = []
    for part in batch.parts(3):
        weight = model.num_valid(part) * 3 / model.num_valid(batch)
        part = dataclasses.replace(part, share=dataclasses.replace(part.share, weight=weight))
        losses.append(model.loss(part, torch.Generator().manual_seed(0))[0])
    torch.testing.assert_close(torch.stack(losses).mean(), whole)


def test_with_dropout_the_loss_depends_on_its_generator_alone():
    model = Corrected(EncoderHead(ENCODER, ACT(width=16, num_heads=2, mlp_width=16, dropout=0.5)), ENCODER, OFFSETS)
    network, batch, losses = built(model).train(), batch_of(jumps(0, 4, HORIZON)), []
    for seed in (1, 2):
        torch.manual_seed(seed)
        losses.append(network.loss(batch, torch.Generator().manual_seed(0))[0])
        assert all(one.training for one in network.modules())
    torch.testing.assert_close(*losses, rtol=0, atol=0)


def test_in_bfloat16_corrections_are_nearly_the_same(tmp_path):
    model = built()
    torch.nn.init.normal_(model.correction.out.weight, std=0.02)
    save_policy(tmp_path / "policy", config_of(), model.state_dict())
    exact, rounded = (load_policy(tmp_path, sampling=one)[0] for one in (Sampling(), Sampling(precision="bf16")))
    actions, rounded_actions = (actions_of(one, ChunkExecution(3, delay=2)) for one in (exact, rounded))
    assert np.abs(actions - actions_of(exact.policy, ChunkExecution(3, delay=2))).max() > 0.1
    np.testing.assert_allclose(rounded_actions, actions, atol=0.1)


def test_it_is_saved_and_loaded_as_any_policy(tmp_path):
    flow = Corrected(EncoderHead(ENCODER, Flow(ResidualMLP(width=16, depth=1))), ENCODER, OFFSETS)
    assert config_from_json(config_to_json(flow), find_config) == flow
    torch.manual_seed(0)
    config = config_of(flow)
    save_policy(tmp_path / "policy", config, flow.build(config.shapes).state_dict())
    few, identity = load_policy(tmp_path, sampling=Sampling(steps=2))
    own, own_identity = load_policy(tmp_path)
    assert identity.policy_sha256 != own_identity.policy_sha256
    assert (few.policy.model.head.config.num_steps, own.policy.model.head.config.num_steps) == (2, 10)
    assert actions_of(own, ChunkExecution(3, delay=2)).shape == (30,)


def test_what_cannot_be_corrected_is_refused_in_one_line():
    shapes = config_of().shapes
    for offsets, message in (
        ((2, 1), "in rising order from 1"),
        ((), "rising order"),
        ((8,), "below the horizon of 8"),
    ):
        with pytest.raises(MismatchError, match=message):
            dataclasses.replace(MODEL, offsets=offsets).build(shapes)
    rolling = dataclasses.replace(MODEL, policy=dataclasses.replace(MODEL.policy, roll_forward=2))
    with pytest.raises(MismatchError, match="rolls no state forward"):
        rolling.build(shapes)
    batch = dataclasses.replace(batch_of(jumps(0, 2, HORIZON)), target_state=None)
    with pytest.raises(MismatchError, match="a correction needs a window with later states"):
        built().loss(batch, torch.Generator().manual_seed(0))
    policy = MODEL.make_policy(built(), config_of().transforms, (BODY,), config_of().window, masked=True)
    with pytest.raises(PraxiaError, match="expected no ensembling of a policy that corrects its actions"):
        actions_of(policy, ChunkExecution(1, ensemble=0.01))
