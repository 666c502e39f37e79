"""The wire of GR00T N1.7's policy server (`gr00t/policy/server_client.py`): ZeroMQ requests and replies in msgpack.

A request is {endpoint, data?, api_token?}, a reply the endpoint's result or {error: text}. Arrays are .npy files
(`packing`). The endpoints are

    ping                     ─► {status: "ok", message}
    get_modality_config      ─► {video, state, action, language}: names, and steps relative to the present
    get_action {observation} ─► [{FIELD: float32 [B, H, D]}, {}], in declared units; of an observation
                                {video {CAMERA: [B, T, Y, X, 3]}, state {FIELD: [B, T, D]}, language {NAME: [[text]]}}
    reset {options}          ─► {}

Each of B rows is an episode of its own. With T > 1 the last step is the present and the others came just before it.
`kill`, with which GR00T's clients may end its server, is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32

from praxia.core.embodiment import Embodiment, field_slices
from praxia.core.errors import MismatchError, UnknownName
from praxia.core.window import Window
from praxia.wires.messages import InferenceRequest
from praxia.wires.packing import Pixels, describe, expect_map, expect_text, image_of, pack, unpack

__all__ = ["ENDPOINTS", "Request", "decode", "encode", "encode_actions", "modality_config", "requests_of"]

ENDPOINTS = ("ping", "get_modality_config", "get_action", "reset")
_ENTRIES = ("video", "state", "language")
LANGUAGE = "annotation.human.task_description"


@dataclass(frozen=True)
class Request:
    """One request. `token` is "" where there is none."""

    endpoint: str
    data: Mapping[str, Any]
    token: str


def decode(frame: bytes) -> Request:
    """A frame as a request.

    Raises:
        PraxiaError: no such message. UnknownName: another endpoint.
    """
    value = expect_map(unpack(frame), "a request")
    endpoint = expect_text(value.get("endpoint", "get_action"), "endpoint")
    if endpoint not in ENDPOINTS:
        raise UnknownName("endpoint", endpoint[:80], ENDPOINTS, "docs/GUIDE.md#serving")
    data = value.get("data")
    token = expect_text(value.get("api_token") or "", "api_token")
    return Request(endpoint, {} if data is None else expect_map(data, "data"), token)


def encode(value: Any) -> bytes:
    """A reply."""
    return pack(value, keys="npy")


def modality_config(embodiment: Embodiment, window: Window) -> dict[str, Any]:
    """Which names the policy sees and gives, and at which steps, as GR00T's `ModalityConfig`."""

    def config(steps: Sequence[int], names: Sequence[str]) -> dict[str, Any]:
        return {
            "__ModalityConfig_class__": True,
            "as_json": {"delta_indices": list(steps), "modality_keys": list(names)},
        }

    seen = range(-window.history, 1)
    return {
        "video": config(seen, window.cameras),
        "state": config(seen, [field.name for field in embodiment.state]),
        "action": config(range(window.horizon), [field.name for field in embodiment.action]),
        "language": config([0], [LANGUAGE]),
    }


def requests_of(data: Mapping[str, Any], embodiment: Embodiment) -> list[InferenceRequest]:
    """One request for each row of a batch.

    Raises:
        PraxiaError: an entry of another type. UnknownName: a camera or field of another name. MismatchError: a missing
            field, or entries of unequal numbers of rows or steps.
    """
    observation = expect_map(data.get("observation"), "observation")
    for name in observation:
        if name not in ("video", "state", "language"):
            raise UnknownName(
                "entry of an observation", name[:80], ("video", "state", "language"), "docs/GUIDE.md#serving"
            )
    video = expect_map(observation.get("video", {}), "video")
    state = expect_map(observation.get("state", {}), "state")
    cameras, fields = [one.name for one in embodiment.cameras], [one.name for one in embodiment.state]
    for kind, given, valid in (("camera", video, cameras), ("state field", state, fields)):
        for name in given:
            if name not in valid:
                raise UnknownName(kind, name[:80], valid, "praxia info POLICY")
    if missing := [name for name in fields if name not in state]:
        raise MismatchError(f"expected state field {missing[0]!r}, got {', '.join(state) or 'none'}")
    rows, steps = _rows_and_steps({**video, **state})
    texts = _texts(expect_map(observation.get("language", {}), "language"), rows)
    states = [state[field.name] for field in embodiment.state]
    for field, array in zip(embodiment.state, states, strict=True):
        if array.ndim != 3 or array.shape[2] != field.size or array.dtype.kind not in "fiu":
            got = f"{array.dtype} {list(array.shape)}"
            raise MismatchError(f"expected state field {field.name!r} as numbers [B, T, {field.size}], got {got}")
    joined = np.concatenate(states, axis=2) if states else np.zeros((rows, steps, 0), np.float32)

    pixels = Pixels()

    def seen(row: int, step: int) -> dict[str, Any]:
        images = {name: image_of(array[row, step], f"image of {name!r}", pixels) for name, array in video.items()}
        return {"images": images, "state": joined[row, step], "instruction": texts[row]}

    return [
        InferenceRequest(seen(row, -1), earlier=tuple(seen(row, at) for at in range(steps - 1)) if steps > 1 else None)
        for row in range(rows)
    ]


def _rows_and_steps(arrays: Mapping[str, Any]) -> tuple[int, int]:
    """B and T, which all arrays share."""
    shapes = set()
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray) or array.ndim < 3 or 0 in array.shape[:2]:
            got = list(array.shape) if isinstance(array, np.ndarray) else describe(array)
            raise MismatchError(f"expected {name!r} as an array [B, T, ...], got {got}")
        shapes.add(array.shape[:2])
    if len(shapes) != 1:
        raise MismatchError(f"expected entries of one number of rows and steps, got {sorted(shapes) or 'no entry'}")
    return shapes.pop()


def _texts(language: Mapping[str, Any], rows: int) -> list[str]:
    """The instruction of each row, "" without any; under any one name, as lists of lists or a list of texts."""
    if not language:
        return [""] * rows
    if len(language) > 1:
        raise MismatchError(f"expected one entry of language, got {', '.join(language)}")
    ((name, value),) = language.items()
    if not isinstance(value, list) or len(value) != rows:
        raise MismatchError(f"expected {name!r} as {rows} texts, got {describe(value)}")
    return [expect_text(one[-1] if isinstance(one, list) and one else one, name) for one in value]


def encode_actions(chunks: Sequence[Float32[np.ndarray, "_ A"]], embodiment: Embodiment) -> bytes:
    """The reply of get_action: the rows' chunks by field, cut to the shortest."""
    horizon = min(len(chunk) for chunk in chunks)
    stacked = np.stack([chunk[:horizon] for chunk in chunks])
    return encode([{field.name: stacked[..., at].copy() for field, at in field_slices(embodiment.action)}, {}])
