"""The wire of vla-evaluation-harness (`vla-eval` 0.8.0, protocol 1): its benchmarks ask, a model server answers.

One frame is one msgpack map {type, payload, seq, timestamp}; a reply has the seq of its request. Clients speak first:

    hello          {harness_version, protocol_version, benchmark?}      answered by hello, which describes the server
    episode_start  {task: {...}}                                        no reply
    observation    {images: {CAMERA: image}, state | states, task_description}      answered by action {actions: [A]}
    episode_end    {...}                                                no reply

An observation is answered by one action, so the server executes its chunks: it observes every step. An error, {error:
text}, does not close the connection. Arrays are as in `packing`, with texts as keys; images are raw, PNG or JPEG.

A task with the entry "episode", which is Praxia's, names the episode on whose key the policy's noise depends.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from praxia.core.embodiment import Embodiment
from praxia.core.errors import PraxiaError, UnknownName
from praxia.wires.messages import InferenceRequest, PolicyDescription
from praxia.wires.openpi import numbers
from praxia.wires.packing import Pixels, describe, expect_map, expect_text, images_of, pack, unpack

__all__ = ["VERSION", "Message", "decode", "decode_hello", "encode", "episode_of", "hello_of", "request_of"]

VERSION = 1
_TYPES = ("hello", "episode_start", "observation", "action", "episode_end", "error")


@dataclass(frozen=True)
class Message:
    """One frame. `seq` numbers the sender's messages; a reply has that of its request."""

    type: str
    payload: Mapping[str, Any]
    seq: int


def decode(frame: bytes | str) -> Message:
    """A frame as a message.

    Raises:
        PraxiaError: no such message. UnknownName: another type.
    """
    if isinstance(frame, str):
        raise PraxiaError("expected a binary msgpack frame, got a text frame")
    value = expect_map(unpack(frame), "a message")
    for name in ("type", "payload", "seq"):
        if name not in value:
            raise PraxiaError(f"expected a message with type, payload and seq, got one without {name}")
    kind = expect_text(value["type"], "type")
    if kind not in _TYPES:
        raise UnknownName("type of message", kind[:80], _TYPES, "docs/GUIDE.md#serving")
    if type(value["seq"]) is not int:
        raise PraxiaError(f"expected seq as a whole number, got {describe(value['seq'])}")
    return Message(kind, expect_map(value["payload"], "payload"), value["seq"])


def encode(message: Message) -> bytes:
    """The frame of a message."""
    value = {"type": message.type, "payload": dict(message.payload), "seq": message.seq, "timestamp": time.time()}
    return pack(value, keys="text")


def hello_of(description: PolicyDescription, payload: Mapping[str, Any]) -> dict[str, Any]:
    """The payload with which the server answers a client's hello.

    A benchmark of Praxia (`integrations.vla_eval`) is told which cameras the policy sees, as an argument for its class.

    Raises:
        PraxiaError: the client speaks another version.
    """
    if (version := payload.get("protocol_version")) != VERSION:
        raise PraxiaError(f"expected a client of protocol_version {VERSION}, got {describe(version)}")
    described = {"model_server": f"praxia:{description.name}", "capabilities": {}, "praxia": description.to_json()}
    if str(payload.get("benchmark", "")).startswith("praxia."):
        described["observation_params"] = {"cameras": list(description.window.cameras)}
    return {"harness_version": "praxia", "protocol_version": VERSION, **described}


def decode_hello(frame: bytes | str) -> PolicyDescription:
    """What Praxia's server says of its policy.

    Raises:
        PraxiaError: another answer.
    """
    message = decode(frame)
    return PolicyDescription.from_json(expect_map(message.payload.get("praxia"), "praxia"))


def episode_of(payload: Mapping[str, Any]) -> str | None:
    """The name of the episode that an episode_start begins; None: it has none."""
    task = expect_map(payload.get("task", {}), "task")
    return expect_text(task["episode"], "episode") if "episode" in task else None


def request_of(payload: Mapping[str, Any], embodiment: Embodiment) -> InferenceRequest:
    """An observation as a request.

    Raises:
        PraxiaError: an entry of another type. UnknownName: an entry of another name.
    """
    cameras = [camera.name for camera in embodiment.cameras]
    found: dict[str, Any] = {"images": {}}
    for name, value in payload.items():
        if name == "images":
            found["images"] = images_of(value, cameras, Pixels())
        elif name in ("state", "states"):
            found["state"] = numbers(value, name)
        elif name == "task_description":
            found["instruction"] = expect_text(value, name)
        else:
            valid = ("images", "state", "states", "task_description")
            raise UnknownName("entry of an observation", name[:80], valid, "docs/GUIDE.md#serving")
    return InferenceRequest(found)
