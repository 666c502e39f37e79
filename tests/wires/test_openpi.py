"""openpi's wire, beside messages assembled by hand as its client and server do."""

import dataclasses

import msgpack
import numpy as np
import pytest
from praxia_testing import EMBODIMENT

from praxia.core.embodiment import Camera, Embodiment, Field, Stream
from praxia.core.errors import PraxiaError
from praxia.core.window import Window
from praxia.wires import openpi
from praxia.wires.messages import InferenceReply, InferenceRequest, PolicyDescription
from praxia.wires.packing import pack

DROID = Embodiment(
    "droid",
    (Field("joint_position", 7, "position", "rad"), Field("gripper_position", 1, "gripper", "")),
    (Field("joints", 8, "position", "rad"),),
    (Camera("exterior_image_1_left", 4, 4), Camera("wrist_image_left", 4, 6)),
    15.0,
)
DESCRIPTION = PolicyDescription("toy", EMBODIMENT, Window({"state": (0,)}, 4), "abc", None, False, True, "connection/3")


def packed(value):
    """As `openpi_client.msgpack_numpy` packs, written without our codec."""

    def default(array):
        return {b"__ndarray__": True, b"data": array.tobytes(), b"dtype": array.dtype.str, b"shape": array.shape}

    return msgpack.packb(value, default=default)


def test_a_droid_observation_is_joined_by_field():
    image = np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    frame = packed(
        {
            "observation/gripper_position": np.array([8.0]),
            "observation/joint_position": np.arange(7.0),
            "observation/exterior_image_1_left": image,
            "observation/wrist_image_left": image.transpose(2, 0, 1),
            "prompt": "lift",
        }
    )
    found = openpi.request_of(openpi.decode(frame), DROID, 2).observation
    np.testing.assert_array_equal(found["state"], [*range(7), 8])
    np.testing.assert_array_equal(found["images"]["exterior_image_1_left"], image)
    np.testing.assert_array_equal(found["images"]["wrist_image_left"], image)
    assert found["instruction"] == "lift"


def test_an_aloha_observation_has_channels_first():
    image = np.random.default_rng(0).integers(0, 256, (16, 12, 3), dtype=np.uint8)
    frame = packed({"state": np.zeros(3), "images": {"front": image.transpose(2, 0, 1)}, "prompt": "lift"})
    request = openpi.request_of(openpi.decode(frame), EMBODIMENT, 2)
    np.testing.assert_array_equal(request.observation["images"]["front"], image)
    assert (request.episode, request.step, request.earlier, request.delay) == (None, None, None, 0)


def test_streams_are_found_by_name():
    force = np.arange(6, dtype=np.float32)
    with_force = dataclasses.replace(EMBODIMENT, streams=(Stream("force", (6,), unit="N"),))
    request = InferenceRequest({"images": {}, "state": np.zeros(3), "instruction": "", "streams": {"force": force}})
    found = openpi.request_of(openpi.decode(openpi.encode_request(request)), with_force, 2).observation
    np.testing.assert_array_equal(found["streams"]["force"], force)
    with pytest.raises(PraxiaError, match="expected observation/force as an array, got 3"):
        openpi.request_of(openpi.decode(packed({"observation/force": 3})), with_force, 2)


def test_a_request_with_everything_survives():
    rng = np.random.default_rng(0)

    def observation():
        image = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        return {"images": {"front": image}, "state": rng.standard_normal(3).astype(np.float32), "instruction": "lift"}

    request = InferenceRequest(
        observation(),
        "0/ab",
        5,
        (observation(), observation()),
        2,
        rng.random((2, 2), np.float32),
        rng.random((3, 2), np.float32),
        0.25,
    )
    found = openpi.request_of(openpi.decode(openpi.encode_request(request)), EMBODIMENT, 2)
    assert (found.episode, found.step, found.delay, found.deadline_s) == ("0/ab", 5, 2, 0.25)
    assert found.earlier is not None
    np.testing.assert_array_equal(found.committed, request.committed)
    np.testing.assert_array_equal(found.planned, request.planned)
    for one, other in zip((found.observation, *found.earlier), (request.observation, *request.earlier), strict=True):
        np.testing.assert_array_equal(one["state"], other["state"])
        np.testing.assert_array_equal(one["images"]["front"], other["images"]["front"])


REFUSED = {
    "a text frame": ("lift", "binary"),
    "a list": (packed([1]), "as a map"),
    "keys of bytes": (packed({b"prompt": 1}), "texts as keys"),
    "another camera": (packed({"observation/frnt": np.zeros((4, 4, 3), np.uint8)}), "'observation/frnt'; nearest: obs"),
    "a camera without its prefix": (packed({"front": np.zeros((4, 4, 3), np.uint8)}), "'front'"),
    "a prompt of numbers": (packed({"prompt": 3}), "expected prompt as a text, got 3"),
    "a state of texts": (packed({"observation/state": ["a"]}), "expected observation/state as an array"),
    "a state of lists": (packed({"observation/state": [[1], [1, 2]]}), "expected observation/state as an array"),
    "a number as image": (packed({"observation/front": 3}), "expected image of 'front' as an array"),
    "a step below zero": (packed({"step": -1}), "expected step as a whole number"),
    "a step of texts": (packed({"step": "one"}), "expected step as a whole number"),
    "an episode of a list": (packed({"episode": [1]}), "expected episode as a text"),
    "earlier as a map": (packed({"earlier": {}}), "expected earlier as a list"),
    "more of earlier than the policy sees": (packed({"earlier": [{}] * 3}), "expected at most 2 earlier observations"),
    "another camera of images": (packed({"images": {"frnt": 3}}), "unknown camera 'frnt'; nearest: front"),
    "an option inside earlier": (packed({"earlier": [{"step": 1}]}), "'step'"),
    "a deadline of texts": (packed({"deadline_ms": "soon"}), "expected deadline_ms as a number"),
    "a deadline of NaN": (packed({"deadline_ms": float("nan")}), "expected deadline_ms as a number from 0, got nan"),
    "a negative deadline": (packed({"deadline_ms": -1}), "expected deadline_ms as a number from 0, got -1"),
    "a state twice": (packed({"state": [1.0], "observation/position": [1.0]}), "either the state or its fields"),
    "committed of another size": (packed({"committed": np.zeros((2, 5))}), "numbers \\[steps, 2\\], got \\[2, 5\\]"),
    "committed of NaN": (packed({"committed": np.full((2, 2), np.nan)}), "not finite"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_has_one_line(name):
    frame, line = REFUSED[name]
    with pytest.raises(PraxiaError, match=line) as error:
        openpi.request_of(openpi.decode(frame), EMBODIMENT, 2)
    assert "\n" not in str(error.value)


def test_a_missing_field_is_named():
    with pytest.raises(PraxiaError, match="expected observation/gripper_position beside observation/joint_position"):
        openpi.request_of(openpi.decode(packed({"observation/joint_position": np.zeros(7)})), DROID, 2)


def test_a_reply_is_what_openpis_client_reads():
    actions = np.arange(8, dtype=np.float32).reshape(4, 2)
    frame = openpi.encode_reply(InferenceReply(actions, 0.5), 0.75, None)
    by_hand = {"policy_timing": {"infer_ms": 500.0}, "server_timing": {"infer_ms": 500.0}}
    assert frame == packed({"actions": actions} | by_hand)
    found = openpi.decode_reply(openpi.encode_reply(InferenceReply(actions, 0.5), 0.75, 0.6))
    np.testing.assert_array_equal(found.actions, actions)
    assert found.inference_s == 0.5
    second = msgpack.unpackb(openpi.encode_reply(InferenceReply(actions, 0.5), 0.75, 0.6))
    assert second["server_timing"]["prev_total_ms"] == 600.0


def test_a_reply_of_another_server_is_read_or_refused():
    assert openpi.decode_reply(packed({"actions": np.zeros((5, 7))})).actions.shape == (5, 7)
    assert openpi.decode_reply(packed({"actions": np.zeros(7)})).actions.shape == (1, 7)
    for frame, line in (("Traceback\nKeyError: 'state'\n", "KeyError: 'state'"), (packed({}), "expected actions")):
        with pytest.raises(PraxiaError, match=line):
            openpi.decode_reply(frame)


def test_the_hello_describes_the_policy():
    assert openpi.decode_hello(openpi.encode_hello(DESCRIPTION)) == DESCRIPTION
    assert openpi.decode_hello(packed({"reset_pose": [0.0]})) is None
    limited = dataclasses.replace(DESCRIPTION, longest_delay=4)
    assert openpi.decode_hello(openpi.encode_hello(limited)) == limited
    value = DESCRIPTION.to_json()
    before = {name: one for name, one in value.items() if name != "longest_delay"}
    assert openpi.decode_hello(pack({"praxia": before})) == DESCRIPTION, "a server from before that was told"
    with pytest.raises(PraxiaError, match="expected the description of a served policy"):
        openpi.decode_hello(pack({"praxia": {**value, "longest_delay": "long"}}))
    with pytest.raises(PraxiaError, match="expected a server of protocol 1, got 0"):
        openpi.decode_hello(pack({"praxia": {**value, "protocol": 0}}))
    del value["window"]
    with pytest.raises(PraxiaError, match="without 'window'"):
        openpi.decode_hello(pack({"praxia": value}))
