"""A foreign openpi server, described by a JSON file: how its names, sizes and units are those of an embodiment.

    {
      "address": "ws://127.0.0.1:8000",
      "api_key_variable": "DROID_SERVER_KEY",
      "horizon": 10,
      "images": {"observation/image": {"camera": "front", "size": [224, 224]}},
      "state": {"observation/state": [{"field": "joints", "scale": 57.29578}, {"field": "gripper"}]},
      "prompt": "prompt",
      "actions": [{"field": "joints", "first": 0, "scale": 0.01745329}, {"field": "gripper", "first": 6, "offset": -1}]
    }

"api_key_variable" names the environment variable with the server's key, which is sent to it as openpi does.
"horizon" is the length of the server's chunks. Images are letterboxed to "size" (height, width). An entry of "state" is
its fields, one after the other, each as value * scale + offset. An action field takes as many of the received dims as
it has, from "first" on, as received * scale + offset. "api_key_variable", "images",
"state" and "prompt" may be left out.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from praxia.core.embodiment import Embodiment, field_slices
from praxia.core.errors import MismatchError, PraxiaError, UnknownName
from praxia.core.types import Query
from praxia.core.window import Window
from praxia.data.images import letterbox
from praxia.wires import openpi
from praxia.wires.messages import InferenceReply
from praxia.wires.packing import pack, unpack
from praxia.wires.remote import Connection, RemotePolicy

__all__ = ["ForeignServer", "MappedDialect", "SentImage", "Units", "connect_foreign"]

_ENTRIES = ("address", "api_key_variable", "horizon", "images", "state", "prompt", "actions")


@dataclass(frozen=True)
class SentImage:
    """The entry under which a camera's image is sent, at `size` (height, width)."""

    entry: str
    camera: str
    size: tuple[int, int]


@dataclass(frozen=True)
class Units:
    """A field in the server's units: value * `scale` + `offset`. Of actions, `first` is its first dim there."""

    field: str
    scale: float = 1.0
    offset: float = 0.0
    first: int = 0


@dataclass(frozen=True)
class ForeignServer:
    """What the JSON file says; see above."""

    address: str
    api_key_variable: str | None
    horizon: int
    images: tuple[SentImage, ...]
    state: Mapping[str, tuple[Units, ...]]
    prompt: str | None
    actions: tuple[Units, ...]

    @classmethod
    def read(cls, path: Path) -> "ForeignServer":
        """The description in the file at `path`.

        Raises:
            PraxiaError: it is no such JSON object. UnknownName: an entry of another name.
        """
        try:
            value = json.loads(path.read_text())
            for name in value:
                if name not in _ENTRIES:
                    raise UnknownName("entry of a foreign server", name, _ENTRIES, "docs/GUIDE.md#serving")
            images = value.get("images", {}).items()
            return cls(
                address=str(value["address"]),
                api_key_variable=None if (variable := value.get("api_key_variable")) is None else str(variable),
                horizon=int(value["horizon"]),
                images=tuple(SentImage(entry, one["camera"], _size(one["size"])) for entry, one in images),
                state={entry: tuple(map(_units, parts)) for entry, parts in value.get("state", {}).items()},
                prompt=value.get("prompt"),
                actions=tuple(map(_units, value["actions"])),
            )
        except PraxiaError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            got = f"no {error}" if isinstance(error, KeyError) else str(error).splitlines()[0]
            raise PraxiaError(f"expected {path} to describe a server (docs/GUIDE.md#serving), got {got}") from error

    def to_json(self) -> dict[str, Any]:
        """What identifies it: all but the address and its key, which may change."""
        return {
            "horizon": self.horizon,
            "images": [[one.entry, one.camera, *one.size] for one in self.images],
            "state": {entry: [vars(one) for one in parts] for entry, parts in self.state.items()},
            "prompt": self.prompt,
            "actions": [vars(one) for one in self.actions],
        }


def _units(value: Mapping[str, Any]) -> Units:
    entries = [field.name for field in fields(Units)]
    for name in value:
        if name not in entries:
            raise UnknownName("entry of a field", name, entries, "docs/GUIDE.md#serving")
    scale, offset = (float(value.get(name, default)) for name, default in (("scale", 1), ("offset", 0)))
    return Units(str(value["field"]), scale, offset, int(value.get("first", 0)))


def _size(value: Any) -> tuple[int, int]:
    height, width = value
    if min(height, width) < 1:
        raise ValueError(f"a size of {height}x{width}")
    return int(height), int(width)


class MappedDialect:
    """Observations and actions of `embodiment` in the names and units of a foreign server.

    Raises:
        UnknownName: a camera or field that the embodiment does not have.
        MismatchError: not exactly the action fields of the embodiment.
    """

    def __init__(self, server: ForeignServer, embodiment: Embodiment):
        self._server = server
        self._embodiment = embodiment
        self._state = {field.name: at for field, at in field_slices(embodiment.state)}
        self._action = {field.name: at for field, at in field_slices(embodiment.action)}
        cameras = [camera.name for camera in embodiment.cameras]
        listing = "praxia info --benchmarks"
        for image in server.images:
            if image.camera not in cameras:
                raise UnknownName(f"camera of {embodiment.name!r}", image.camera, cameras, listing)
        for kind, known, units in (
            ("state", self._state, [one for parts in server.state.values() for one in parts]),
            ("action", self._action, server.actions),
        ):
            for one in units:
                if one.field not in known:
                    raise UnknownName(f"{kind} field of {embodiment.name!r}", one.field, known, listing)
                if not (math.isfinite(one.scale) and math.isfinite(one.offset) and one.first >= 0):
                    raise PraxiaError(f"expected a finite scale and offset of {one.field!r}, and a first dim from 0")
        if sorted(one.field for one in server.actions) != sorted(self._action):
            got = ", ".join(one.field for one in server.actions) or "none"
            raise MismatchError(f"expected actions of each field once, {', '.join(self._action)}, got {got}")

    @property
    def names_episodes(self) -> bool:
        return False  # openpi's wire: a connection is one episode

    def identity(self, hello: bytes | str) -> Any:
        if isinstance(hello, str):
            raise PraxiaError(f"the server at {self._server.address} answered: {openpi.last_line(hello)}")
        return _plain(unpack(hello))

    def request(self, query: Query) -> bytes:
        present = query.history[-1]
        message: dict[str, Any] = {
            image.entry: letterbox(present.images[image.camera], image.size) for image in self._server.images
        }
        for entry, parts in self._server.state.items():
            sent = [present.state[self._state[one.field]] * one.scale + one.offset for one in parts]
            message[entry] = np.concatenate(sent).astype(np.float32)
        if self._server.prompt is not None:
            message[self._server.prompt] = present.instruction
        return pack(message)

    def reply(self, frame: bytes | str) -> InferenceReply:
        found = openpi.decode_reply(frame)
        actions = np.zeros((len(found.actions), self._embodiment.action_dim), np.float32)
        for one in self._server.actions:
            at = self._action[one.field]
            actions[:, at] = self._part(found.actions, one.first, at.stop - at.start) * one.scale + one.offset
        return InferenceReply(actions, found.inference_s)

    def _part(self, actions: Float32[np.ndarray, "K D"], first: int, size: int) -> Float32[np.ndarray, "K P"]:
        if first + size > actions.shape[1]:
            raise MismatchError(f"expected actions of {first + size} dims or more, got {actions.shape[1]}")
        return actions[:, first : first + size]


def connect_foreign(path: Path, embodiment: Embodiment) -> RemotePolicy:
    """The policy of the foreign server that the file at `path` describes, for `embodiment`.

    Raises:
        PraxiaError, UnknownName, MismatchError: as `ForeignServer.read` and `MappedDialect`; nobody answers there.
    """
    server = ForeignServer.read(path)
    dialect = MappedDialect(server, embodiment)
    connection = Connection(server.address, server.api_key_variable)
    connection.close()
    cameras = {f"image.{image.camera}": (0,) for image in server.images}
    window = Window({"state": (0,), **cameras}, server.horizon)
    fingerprint = {"server": server.to_json(), "metadata": dialect.identity(connection.hello)}
    return RemotePolicy(
        server.address,
        embodiment,
        window,
        dialect,
        fingerprint,
        connection.hello,
        key_variable=server.api_key_variable,
    )


def _plain(value: Any) -> Any:
    """A server's metadata as a JSON value."""
    return json.loads(json.dumps(value, default=lambda one: one.tolist() if hasattr(one, "tolist") else repr(one)))
