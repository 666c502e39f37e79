import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from praxia.core.embodiment import Embodiment, Field
from praxia.core.errors import MismatchError, UnknownName
from praxia.core.window import Samples
from praxia.transforms.chain import EmbodimentTransforms, Transforms
from praxia.transforms.normalise import Normaliser
from praxia.transforms.relative import RelativeActions, find_relative_actions
from praxia.transforms.tokenizer import TextTokenizer

ARM = Embodiment(
    name="arm",
    state=(Field("grip", 1, "gripper", "1"), Field("joints", 2, "position", "rad")),
    action=(Field("joints", 2, "position", "rad", low=-3.0, high=3.0), Field("grip", 1, "gripper", "1")),
    cameras=(),
    control_hz=10.0,
)
HAND = replace(ARM, name="hand", action=(Field("joints", 2, "delta", "rad"), Field("grip", 1, "gripper", "1")))
TOLD = RelativeActions(action=(0, 1), state=(1, 2))
RANGES = {"q01": [-2.0, -4.0, 0.0], "q99": [2.0, 4.0, 1.0], "min": [-2.0, -4.0, 0.0], "max": [2.0, 4.0, 1.0]}
NUMBERS = st.floats(-1e4, 1e4, width=32)


def test_positions_are_relative_to_their_own_dims_of_the_state_and_grippers_are_not():
    assert RelativeActions.of(ARM, {}) == TOLD
    action = np.float32([[[1, 2, 0.5], [3, 4, 0.7]]])
    moved = TOLD.encode(action, np.float32([[9, 10, 20]]))
    np.testing.assert_array_equal(moved, np.float32([[[-9, -18, 0.5], [-7, -16, 0.7]]]))


def test_dims_that_are_named_go_with_those_of_their_names():
    """Actions and states of one robot may have its joints in two orders."""
    action, state = Field("joints", 3, "position", "rad", dims=tuple("abc")), Field("joints", 3, "position", "rad")
    for dims, state_dims in (("cab", (1, 2, 0)), ("abc", (0, 1, 2)), ("xyz", (0, 1, 2)), ("", (0, 1, 2))):
        embodiment = replace(ARM, state=(replace(state, dims=tuple(dims)),), action=(action,))
        assert RelativeActions.of(embodiment, {}) == RelativeActions(action=(0, 1, 2), state=state_dims)


@settings(derandomize=True, max_examples=30, deadline=None)
@given(arrays(np.float32, (2, 3, 3), elements=NUMBERS), arrays(np.float32, (2, 3), elements=NUMBERS))
def test_decode_undoes_encode_to_the_last_bit_of_the_larger_number(action, state):
    back = TOLD.decode(TOLD.encode(action, state), state)
    np.testing.assert_array_equal(back[..., 2], action[..., 2])
    largest = np.maximum(np.abs(action[..., :2]), np.abs(state[:, None, 1:]))
    assert (np.abs(back[..., :2] - action[..., :2]) <= np.spacing(largest)).all()


def test_millimetres_at_ten_thousand_survive():
    state = np.float32([0, 10000, -10000])
    action = np.float32([[10000.001, -9999.999, 1]])
    np.testing.assert_array_equal(TOLD.decode(TOLD.encode(action, state), state), action)


def test_a_field_of_another_name_is_found_where_it_is_given():
    renamed = replace(ARM, action=(replace(ARM.action[0], name="targets"), ARM.action[1]))
    assert RelativeActions.of(renamed, {}) is None
    assert RelativeActions.of(renamed, {"targets": "joints"}) == TOLD


def test_embodiments_without_positions_keep_their_actions_and_nothing_relative_is_refused():
    assert find_relative_actions([ARM, HAND], {}) == (TOLD, None)
    with pytest.raises(
        MismatchError, match=r"no action can be relative.* 'hand' with actions 'joints' \(delta \[2\] rad"
    ):
        find_relative_actions([HAND], {})


@pytest.mark.parametrize(
    ("change", "sources"),
    [
        ({"unit": "deg"}, {}),
        ({"frame": "hand"}, {}),
        ({"size": 3}, {}),
        ({}, {"grip": "joints"}),
        ({}, {"joints": "grip"}),
    ],
)
def test_fields_that_mean_different_things_are_refused(change, sources):
    embodiment = replace(ARM, action=(replace(ARM.action[0], **change), ARM.action[1]))
    with pytest.raises(MismatchError, match="positions of one size, unit and frame"):
        find_relative_actions([embodiment], sources)


def test_unknown_fields_name_the_nearest():
    with pytest.raises(UnknownName, match="unknown action field 'joint'; nearest: joints"):
        find_relative_actions([ARM], {"joint": "joints"})
    with pytest.raises(UnknownName, match="unknown state field of 'arm' 'joint'; nearest: joints"):
        find_relative_actions([ARM], {"joints": "joint"})


def test_as_seen_a_position_is_a_delta_within_the_width_of_its_range():
    joints, grip = TOLD.fields(ARM.action)
    assert (joints.kind, joints.low, joints.high) == ("delta", -6.0, 6.0)
    assert grip == ARM.action[1]


def transforms():
    wide, unit = Normaliser((-10.0,) * 3, (10.0,) * 3), Normaliser((-1.0,) * 3, (1.0,) * 3)
    relative_transforms = EmbodimentTransforms(wide, wide).with_relative(TOLD, RANGES)
    return Transforms((relative_transforms, EmbodimentTransforms(unit, unit)), TextTokenizer.fit(["go"]))


def test_the_chain_encodes_and_decodes_each_row_by_its_embodiment():
    draw = np.random.default_rng(0)
    state, action = (draw.normal(0, 5, (4, observation_steps, 3)).astype(np.float32) for observation_steps in (2, 6))
    valid = np.ones((4, 6), bool)
    samples = Samples({}, {}, state, valid[:, :2], ("go",) * 4, np.array([0, 1, 0, 1]), action, valid)
    encoded = transforms().encode(samples)
    present = state[0, -1]
    np.testing.assert_allclose(encoded.action[0, :, 0], (action[0, :, 0] - present[1]) / 2, rtol=1e-5)
    np.testing.assert_allclose(encoded.action[0, :, 1], (action[0, :, 1] - present[2]) / 4, rtol=1e-5)
    np.testing.assert_allclose(encoded.action[0, :, 2], action[0, :, 2] * 2 - 1, rtol=1e-5)
    np.testing.assert_array_equal(encoded.action[1], action[1])
    np.testing.assert_array_equal(samples.action, action)  # and what was given is as it was
    for embodiment in (0, 1):
        decoded = transforms().decode(encoded.action[embodiment::2], embodiment, state[embodiment::2, -1])
        np.testing.assert_allclose(decoded, action[embodiment::2], atol=1e-5)
        alone = transforms().encode_actions(action[embodiment::2], embodiment, state[embodiment::2, -1])
        np.testing.assert_array_equal(alone, encoded.action[embodiment::2])


def test_the_chain_survives_json_and_an_absolute_one_looks_as_before():
    value = transforms().to_json()
    assert Transforms.from_json(json.loads(json.dumps(value))) == transforms()
    assert [set(embodiment) for embodiment in value["embodiments"]] == [
        {"state", "action", "relative"},
        {"state", "action"},
    ]
