"""A state that is rolled forward through committed actions, on a walk where the right answer is known."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from praxia.core.config import config_to_json
from praxia.core.embodiment import Embodiment, Field
from praxia.core.errors import MismatchError
from praxia.core.types import Observation, Query
from praxia.core.window import Samples, Window
from praxia.encoders.state_only import StateOnly
from praxia.heads.regression import Regression
from praxia.nn.types import Context
from praxia.policies.encoder_head import EncoderHead, EncoderHeadPolicy
from praxia.policies.encoder_head_model import EncoderHeadModel
from praxia.policies.roll_forward import expect_rolled, shifted, state_dims
from praxia.transforms.chain import EmbodimentTransforms, Transforms
from praxia.transforms.normalise import Normaliser
from praxia.transforms.relative import RelativeActions
from praxia.transforms.tokenizer import TextTokenizer

WALKER = Embodiment(
    name="walker",
    state=(Field("lamp", 1, "position", ""), Field("feet", 2, "position", "m")),
    action=(Field("feet", 2, "position", "m"), Field("hold", 1, "gripper", "")),
    cameras=(),
    control_hz=10.0,
)
DIMS = RelativeActions(action=(0, 1), state=(1, 2))
HORIZON = 6
STEP_M = np.float32([0.5, -0.25])


class Seen(nn.Module):
    """The states of a batch as its context."""

    def forward(self, batch):
        tokens = batch.state.flatten(1)[:, None]
        return Context(tokens, torch.ones(tokens.shape[:2], dtype=torch.bool), {"readout": slice(0, 1)})


class Walk(nn.Module):
    """One step after the other from where the feet are; it holds what the lamp shows."""

    noise_shape = ()

    def __init__(self, relative):
        super().__init__()
        self.relative = relative
        self.unused = nn.Parameter(torch.zeros(()))

    def sample(self, context, noise, embodiment):
        lamp, feet = context.tokens[:, 0, -3:-2], context.tokens[:, 0, -2:]
        ahead = torch.arange(1, HORIZON + 1)[:, None] * torch.tensor(STEP_M)
        feet = ahead.expand(len(feet), -1, -1) if self.relative else feet[:, None] + ahead
        return torch.cat([feet, lamp[:, None].expand(-1, HORIZON, 1)], dim=-1)


def walker(roll_forward, relative=None, steps=(0,)):
    model = EncoderHeadModel.__new__(EncoderHeadModel)
    nn.Module.__init__(model)
    model.encoder, model.head = Seen(), Walk(relative is not None)
    same = Normaliser((-1.0,) * 3, (1.0,) * 3)
    transforms = Transforms((EmbodimentTransforms(same, same, relative),), TextTokenizer.fit(["walk"]))
    window = Window({"state": steps}, horizon=HORIZON)
    return EncoderHeadPolicy(model, transforms, (WALKER,), window, roll_forward=roll_forward)


def query(state, committed=None, planned=None, past=()):
    history = tuple(Observation({}, np.float32(one), "walk", 0.0) for one in (*past, state))
    num = 0 if committed is None else len(committed)
    arrays = [None if one is None else np.float32(one).reshape(-1, 3) for one in (committed, planned)]
    return Query(history, "a", 0 if committed is None else 4, 0, None, num, *arrays)


COMMITTED = [[3.0, 1.0, 0.0], [9.0, 4.0, 1.0]]  # a jump, which no policy that sees the state alone can know of


@pytest.mark.parametrize("relative", [None, DIMS], ids=["absolute", "relative"])
def test_a_decision_goes_on_from_where_the_committed_actions_lead(relative):
    policy = walker(3, relative)
    decisions, _ = policy.act([query([0.5, 1, 1], COMMITTED, COMMITTED), query([0.5, 1, 1])], None)
    ahead = np.arange(1, 5)[:, None] * STEP_M
    np.testing.assert_allclose(decisions[0].chunk[:2], COMMITTED, rtol=1e-6)
    np.testing.assert_allclose(decisions[0].chunk[2:, :2], np.add([9, 4], ahead), rtol=1e-5)
    np.testing.assert_allclose(decisions[0].chunk[2:, 2], 0.5)  # no action says what the lamp shows
    np.testing.assert_allclose(decisions[1].chunk[:4, :2], np.add([1, 1], ahead), rtol=1e-5)  # it waits for the first
    naive, _ = walker(0, relative).act([query([0.5, 1, 1], COMMITTED, COMMITTED)], None)
    np.testing.assert_allclose(naive[0].chunk[:4, :2], np.add([1, 1], ahead), rtol=1e-5)


def test_earlier_states_are_those_of_the_steps_before():
    policy, seen = walker(3, steps=(-1, 0)), []
    policy.model.encoder.register_forward_hook(lambda module, given, found: seen.append(given[0].state))
    policy.act([query([0.5, 1, 1], COMMITTED, past=[[0.25, 0, 0]])], None)
    policy.act([query([0.5, 1, 1], COMMITTED[:1], past=[[0.25, 0, 0]])], None)
    np.testing.assert_allclose(seen[0][0], [[0.5, 3, 1], [0.5, 9, 4]], rtol=1e-6)
    np.testing.assert_allclose(seen[1][0], [[0.5, 1, 1], [0.5, 3, 1]], rtol=1e-6)


def test_a_longer_delay_than_in_training_is_refused_in_one_line():
    with pytest.raises(MismatchError, match=r"of at most 1 control steps.* got 2: train with --model.roll-forward 2"):
        walker(1).act([query([0, 1, 1], COMMITTED)], None)


def samples(num):
    """Windows of walks, whose state is what the action before said."""
    rng = np.random.default_rng(0)
    feet = rng.normal(size=(num, 1, 2)) + np.arange(HORIZON + 1)[:, None] * STEP_M
    lamp = rng.normal(size=(num, 1, 1))
    valid = np.arange(HORIZON) < np.where(np.arange(num) == 1, 4, HORIZON)[:, None]
    return Samples(
        images={},
        image_valid={},
        state=np.concatenate([lamp, feet[:, :1]], axis=2).astype(np.float32),
        state_valid=np.ones((num, 1), dtype=bool),
        instruction=("walk",) * num,
        embodiment=np.zeros(num, dtype=np.int64),
        action=np.concatenate([feet[:, 1:], np.zeros((num, HORIZON, 1))], axis=2).astype(np.float32),
        action_valid=valid,
    )


def test_training_windows_are_those_of_later_steps_with_the_images_of_before():
    given = samples(4)
    found = shifted(given, np.array([0, 3, 2, 5]), [DIMS])
    assert found.images is given.images
    np.testing.assert_array_equal(found.state[0], given.state[0])
    np.testing.assert_array_equal(found.action[0], given.action[0])
    for row, delay in ((1, 3), (2, 2), (3, 5)):
        np.testing.assert_array_equal(found.state[row, 0, 1:], given.action[row, delay - 1, :2])
        np.testing.assert_array_equal(found.state[row, 0, 0], given.state[row, 0, 0])
        np.testing.assert_array_equal(found.action[row, : HORIZON - delay], given.action[row, delay:])
        assert found.action_valid[row].sum() == given.action_valid[row].sum() - delay
        # So the policy learns what it is asked in use: a step from the state that it sees.
        ahead = found.state[row, 0, 1:] + np.arange(1, 2)[:, None] * STEP_M
        np.testing.assert_allclose(found.action[row, :1, :2], ahead, rtol=1e-5)


def test_what_cannot_be_rolled_forward_is_refused_in_one_line():
    deltas = dataclasses.replace(WALKER, action=(Field("feet", 2, "delta", "m"), Field("hold", 1, "gripper", "")))
    with pytest.raises(MismatchError, match="'walker' do not say what its state will be: expected a position with"):
        state_dims(deltas, None)
    assert state_dims(WALKER, None) == state_dims(deltas, DIMS) == DIMS
    with pytest.raises(MismatchError, match=r"needs a window with states up to the present .* got \[-4, 0\]"):
        expect_rolled(Window({"state": (-4, 0)}, horizon=4), 2)
    with pytest.raises(MismatchError, match="expected to roll forward 0 to 3 steps, below the horizon, got 4"):
        expect_rolled(Window({"state": (0,)}, horizon=4), 4)


def test_a_policy_that_does_not_roll_forward_has_the_config_of_before_and_may_be_fine_tuned_to():
    model = EncoderHead(StateOnly(), Regression())
    assert "roll_forward" not in config_to_json(model)
    rolling = dataclasses.replace(model, roll_forward=4)
    assert config_to_json(rolling)["roll_forward"] == 4
    assert rolling.unfitted() == model.unfitted()
    assert rolling.fit(lambda: pytest.fail("nothing is fitted")) == rolling == rolling.fitted_as(model)
