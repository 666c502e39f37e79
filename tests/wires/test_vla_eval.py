"""The wire of vla-evaluation-harness, beside messages assembled by hand as its client does."""

import io
from dataclasses import replace

import msgpack
import numpy as np
import pytest
from PIL import Image
from praxia_testing import EMBODIMENT

from praxia.core.errors import PraxiaError
from praxia.core.window import Window
from praxia.wires import vla_eval
from praxia.wires.messages import PolicyDescription

DESCRIPTION = PolicyDescription("toy", EMBODIMENT, Window({"state": (0,)}, 4), "abc", None, False, True, "connection/3")

SEEING = replace(DESCRIPTION, window=Window({"state": (0,), "image.front": (0,)}, 4))


def packed(kind, payload, seq=7, **changes):
    """As vla-eval packs: keys of arrays are texts, images are PNG."""

    def default(value):
        if value.ndim == 3 and value.dtype == np.uint8:
            data = io.BytesIO()
            Image.fromarray(value).save(data, format="PNG")
            return {"__image__": True, "format": "png", "data": data.getvalue(), "shape": list(value.shape)}
        data = {"data": value.tobytes(), "dtype": value.dtype.str, "shape": list(value.shape)}
        return {"__ndarray__": True, **data}

    return msgpack.packb({"type": kind, "payload": payload, "seq": seq, "timestamp": 1.0, **changes}, default=default)


def test_an_observation_is_a_request():
    image = np.random.default_rng(0).integers(0, 256, (16, 12, 3), dtype=np.uint8)
    for name in ("state", "states"):
        payload = {"images": {"front": image}, "task_description": "lift", name: np.arange(3, dtype=np.float32)}
        message = vla_eval.decode(packed("observation", payload))
        assert (message.type, message.seq) == ("observation", 7)
        found = vla_eval.request_of(message.payload, EMBODIMENT).observation
        np.testing.assert_array_equal(found["images"]["front"], image)
        np.testing.assert_array_equal(found["state"], [0, 1, 2])
        assert found["instruction"] == "lift"


def test_a_reply_is_what_the_harness_reads():
    action = np.array([0.5, -1], np.float32)
    frame = vla_eval.encode(vla_eval.Message("action", {"actions": action}, 9))
    found = msgpack.unpackb(frame)
    assert (found["type"], found["seq"]) == ("action", 9)
    assert isinstance(found["timestamp"], float)
    assert found["payload"]["actions"] == {
        "__ndarray__": True,
        "data": action.tobytes(),
        "dtype": "<f4",
        "shape": [2],
    }


def test_the_hello_describes_the_policy():
    payload = vla_eval.hello_of(DESCRIPTION, {"harness_version": "0.8.0", "protocol_version": 1})
    assert payload["protocol_version"] == 1
    assert payload["model_server"] == "praxia:toy"
    assert payload["capabilities"] == {}
    assert vla_eval.decode_hello(vla_eval.encode(vla_eval.Message("hello", payload, 0))) == DESCRIPTION
    for version in (2, None, "1"):
        with pytest.raises(PraxiaError, match="expected a client of protocol_version 1"):
            vla_eval.hello_of(DESCRIPTION, {"protocol_version": version})


def test_only_a_benchmark_of_praxia_is_told_what_to_render():
    for benchmark, told in (("praxia.integrations.vla_eval:PraxiaBenchmark", True), ("theirs:Benchmark", False)):
        payload = vla_eval.hello_of(SEEING, {"protocol_version": 1, "benchmark": benchmark})
        assert payload.get("observation_params") == ({"cameras": ["front"]} if told else None)


def test_an_episode_may_have_a_name():
    assert vla_eval.episode_of({"task": {"name": "lift"}}) is None
    assert vla_eval.episode_of({}) is None
    assert vla_eval.episode_of({"task": {"episode": "0/ab"}}) == "0/ab"
    with pytest.raises(PraxiaError, match="expected episode as a text"):
        vla_eval.episode_of({"task": {"episode": 3}})


REFUSED = {
    "a text frame": "hello",
    "a list": msgpack.packb([1]),
    "no seq": msgpack.packb({"type": "hello", "payload": {}}),
    "another type": packed("helo", {}),
    "a type of numbers": packed(3, {}),
    "a payload of numbers": packed("hello", 3),
    "a seq of texts": packed("hello", {}, seq="7"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_message_has_one_line(name):
    with pytest.raises(PraxiaError) as error:
        vla_eval.decode(REFUSED[name])
    assert "\n" not in str(error.value)


WRONG = {
    "another entry": ({"image": 1}, "'image'; nearest: images"),
    "another camera": ({"images": {"frnt": np.zeros((4, 4, 3), np.uint8)}}, "'frnt'; nearest: front"),
    "images of a list": ({"images": []}, "expected images as a map"),
    "no image": ({"images": {"front": "text"}}, "expected image of 'front' as an array"),
    "a state of texts": ({"state": "text"}, "expected state as an array"),
    "a description of numbers": ({"task_description": 1}, "expected task_description as a text"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_has_one_line(name):
    payload, line = WRONG[name]
    with pytest.raises(PraxiaError, match=line):
        vla_eval.request_of(payload, EMBODIMENT)
