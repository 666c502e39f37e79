"""openpi's wire: the messages of its websocket server and client, as the package `openpi-client` 0.1.2 has them.

One binary frame is one msgpack message (`packing`). The server speaks first: its metadata. Then the client sends an
observation and gets actions, as often as it likes. An error is a text frame, after which the server closes with 1011.

An observation is a map in either of openpi's two layouts; other entries are refused by name:

    observation/CAMERA           uint8 [Y, X, 3] or [3, Y, X], of any size; or {__image__, format: png | jpeg, data}
    observation/state            the state [S], or in its place observation/FIELD for each field of the state
    observation/STREAM           a stream of the embodiment, in its shape
    prompt                       the instruction ("" if absent)

    state, images {CAMERA: ...}, prompt

openpi's wire knows neither episodes nor steps: a connection is one episode, and the server counts its observations.
These entries, which are Praxia's, may be added; without them nothing differs from openpi:

    episode        a text or number: another one than before begins the next episode
    step           the control step of the observation, from 0
    earlier        [observation, ...] just before this one, oldest first, in the layout above without further entries
    delay          control steps that pass until the actions are used
    committed      the actions [delay, A] that are executed meanwhile
    planned        all actions [P, A] that the last decision left, those that are committed first
    deadline_ms    if inference has not begun so many milliseconds after arrival, the answer is an error
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError, PraxiaError, UnknownName
from praxia.wires.messages import InferenceReply, InferenceRequest, PolicyDescription
from praxia.wires.packing import Pixels, describe, expect_map, expect_text, images_of, pack, unpack

__all__ = [
    "decode",
    "decode_hello",
    "decode_reply",
    "encode_hello",
    "encode_reply",
    "encode_request",
    "last_line",
    "numbers",
    "request_of",
]

_OPTIONS = ("episode", "step", "earlier", "delay", "committed", "planned", "deadline_ms")
_LISTING = "praxia info POLICY"


def encode_hello(description: PolicyDescription) -> bytes:
    """The server's first frame: a description of the policy, under "praxia" in openpi's metadata."""
    return pack({"praxia": description.to_json()})


def decode_hello(frame: bytes | str) -> PolicyDescription | None:
    """What a server says first; None: it is not Praxia's, and does not say what its policy is.

    Raises:
        PraxiaError: an error of the server, or no metadata.
    """
    metadata = expect_map(_unpack_answer(frame), "the metadata of a server")
    return PolicyDescription.from_json(expect_map(metadata["praxia"], "praxia")) if "praxia" in metadata else None


def decode(frame: bytes | str) -> Mapping[str, Any]:
    """A client's frame as a message, whose images are arrays, or maps that `request_of` decodes.

    Raises:
        PraxiaError: no such message.
    """
    if isinstance(frame, str):
        raise PraxiaError("expected an observation as a binary msgpack frame, got a text frame")
    return expect_map(unpack(frame), "an observation")


def request_of(message: Mapping[str, Any], embodiment: Embodiment, max_earlier: int) -> InferenceRequest:
    """A message as a request to a policy of `embodiment` that looks back at up to `max_earlier` observations.

    Raises:
        PraxiaError: an entry of another type, more earlier observations, or more pixels than `packing.MAX_PIXELS`.
        UnknownName: an entry, a camera or a state field of another name. MismatchError: only some of the state's
            fields.
    """
    pixels = Pixels()
    earlier = message.get("earlier")
    if earlier is not None:
        if not isinstance(earlier, list):
            raise PraxiaError(f"expected earlier as a list of observations, got {describe(earlier)}")
        if len(earlier) > max_earlier:
            raise PraxiaError(
                f"expected at most {max_earlier} earlier observations for this policy, got {len(earlier)}"
            )
        earlier = tuple(_observation(expect_map(one, "an earlier observation"), embodiment, pixels) for one in earlier)
    return InferenceRequest(
        _observation({name: value for name, value in message.items() if name not in _OPTIONS}, embodiment, pixels),
        episode=_episode(message.get("episode")),
        step=_count(message.get("step"), "step"),
        earlier=earlier,
        delay=_count(message.get("delay"), "delay") or 0,
        committed=_actions(message, "committed", embodiment),
        planned=_actions(message, "planned", embodiment),
        deadline_s=_deadline_s(message.get("deadline_ms")),
    )


def _deadline_s(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise PraxiaError(f"expected deadline_ms as a number from 0, got {describe(value)}")
    return value / 1000


def _episode(value: Any) -> str | None:
    return str(value) if type(value) is int else None if value is None else expect_text(value, "episode")


def _count(value: Any, name: str) -> int | None:
    value = value.item() if isinstance(value, np.integer) else value
    if value is not None and (type(value) is not int or not 0 <= value < 2**31):
        raise PraxiaError(f"expected {name} as a whole number from 0, got {describe(value)}")
    return value


def _actions(message: Mapping[str, Any], name: str, embodiment: Embodiment) -> np.ndarray | None:
    """The actions under `name`; None: there are none."""
    if (value := message.get(name)) is None:
        return None
    expected = f"{name} as numbers [steps, {embodiment.action_dim}]"
    if not isinstance(value, np.ndarray) or value.ndim != 2 or value.shape[1] != embodiment.action_dim:
        got = list(value.shape) if isinstance(value, np.ndarray) else describe(value)
        raise MismatchError(f"expected {expected}, got {got}")
    value = value.astype(np.float32)
    if not np.isfinite(value).all():
        raise MismatchError(f"expected {expected}, got one that is not finite")
    return value


def _observation(message: Mapping[str, Any], embodiment: Embodiment, pixels: Pixels) -> dict[str, Any]:
    """An observation in either layout as `rollout.session.parse_observation` takes it."""
    fields = [field.name for field in embodiment.state]
    cameras = [camera.name for camera in embodiment.cameras]
    streams = [stream.name for stream in embodiment.streams]
    images, parts, found = {}, {}, {}
    for name, value in message.items():
        short = name.removeprefix("observation/")
        if name == "prompt":
            found["instruction"] = expect_text(value, "prompt")
        elif name == "images":
            images |= images_of(value, cameras, pixels)
        elif short == "state":
            found["state"] = numbers(value, name)
        elif short != name and short in cameras:
            images |= images_of({short: value}, cameras, pixels)
        elif short != name and short in streams:
            found.setdefault("streams", {})[short] = _array(value, name)
        elif short != name and short in fields:
            parts[short] = value
        else:
            valid = [
                "prompt",
                "state",
                "images",
                *(f"observation/{one}" for one in ("state", *cameras, *fields, *streams)),
            ]
            raise UnknownName("entry of an observation", name[:80], [*valid, *_OPTIONS], _LISTING)
    if parts and "state" in found:
        raise MismatchError(f"expected either the state or its fields, got both: {next(iter(parts))}")
    if parts:
        found["state"] = _joined(parts, embodiment)
    return {"images": images, **found}


def _joined(parts: Mapping[str, Any], embodiment: Embodiment) -> np.ndarray:
    """The state of its fields, in the order of the embodiment."""
    if missing := [field.name for field in embodiment.state if field.name not in parts]:
        raise MismatchError(f"expected observation/{missing[0]} beside observation/{next(iter(parts))}, got none")
    arrays = []
    for field in embodiment.state:
        array = numbers(parts[field.name], f"observation/{field.name}")
        if array.shape != (field.size,):
            raise MismatchError(f"expected observation/{field.name} of {field.size} numbers, got {list(array.shape)}")
        arrays.append(array)
    return np.concatenate(arrays)


def _array(value: Any, name: str) -> np.ndarray:
    if not isinstance(value, np.ndarray):
        raise MismatchError(f"expected {name} as an array, got {describe(value)}")
    return value


def numbers(value: Any, name: str) -> np.ndarray:
    """A vector of an array, a number or a list of numbers.

    Raises:
        MismatchError: it is something else; `name` is its entry.
    """
    listed = isinstance(value, list) and all(isinstance(one, int | float) for one in value)
    if listed or isinstance(value, np.ndarray | np.generic | int | float):
        array = np.atleast_1d(np.asarray(value))
        if array.dtype.kind in "fiub":
            return array
    raise MismatchError(f"expected {name} as an array or list of numbers, got {describe(value)}")


def encode_request(request: InferenceRequest) -> bytes:
    """The client's frame; its observations are mappings as `InferenceRequest` describes them."""
    options: dict[str, Any] = {"episode": request.episode, "step": request.step}
    options |= {"committed": request.committed, "planned": request.planned}
    if request.earlier is not None:
        options["earlier"] = [_layout(one) for one in request.earlier]
    if request.delay:
        options["delay"] = request.delay
    if request.deadline_s is not None:
        options["deadline_ms"] = request.deadline_s * 1000
    return pack(_layout(request.observation) | {name: value for name, value in options.items() if value is not None})


def _layout(observation: Mapping[str, Any]) -> dict[str, Any]:
    named = {**observation["images"], **observation.get("streams", {})}
    images = {f"observation/{name}": value for name, value in named.items()}
    return {**images, "observation/state": observation["state"], "prompt": observation["instruction"]}


def encode_reply(reply: InferenceReply, total_s: float, previous_total_s: float | None) -> bytes:
    """The server's frame. `total_s` is from the arrival of the request on; the client learns it with the next reply."""
    server = {"infer_ms": reply.inference_s * 1000}
    if previous_total_s is not None:
        server["prev_total_ms"] = previous_total_s * 1000
    timing = {"policy_timing": {"infer_ms": reply.inference_s * 1000}, "server_timing": server}
    return pack({"actions": reply.actions, **timing})


def decode_reply(frame: bytes | str) -> InferenceReply:
    """The answer of a server, Praxia's or another's.

    Raises:
        PraxiaError: an error of the server, which is the message; or no actions [steps, dims].
    """
    message = expect_map(_unpack_answer(frame), "an answer")
    actions = message.get("actions")
    if not isinstance(actions, np.ndarray) or actions.ndim not in (1, 2) or actions.dtype.kind not in "fiu":
        got = f"{actions.dtype} {list(actions.shape)}" if isinstance(actions, np.ndarray) else describe(actions)
        raise PraxiaError(f"expected actions [steps, dims] of numbers in an answer, got {got}")
    timing = message.get("policy_timing")
    infer_ms = timing.get("infer_ms") if isinstance(timing, dict) else None
    infer_ms = infer_ms if isinstance(infer_ms, int | float | np.number) else 0.0
    with np.errstate(over="ignore"):  # what is too large becomes infinite, which is a fault where it is executed
        return InferenceReply(np.atleast_2d(actions.astype(np.float32)), float(infer_ms) / 1000)


def _unpack_answer(frame: bytes | str) -> Any:
    """Raises PraxiaError for a text frame, which is an error of the server."""
    if isinstance(frame, str):
        raise PraxiaError(last_line(frame))
    return unpack(frame)


def last_line(error: str) -> str:
    """The line of a server's error that says most: openpi sends a traceback, which ends with the exception."""
    lines = [line for line in error.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "an error without a message"
