"""An environment of gymnasium, described by a JSON file: what its observations and actions mean here.

    {
      "type": "gymnasium",
      "id": "Pendulum-v1",
      "kwargs": {"g": 9.81},
      "name": "pendulum",
      "instruction": "swing the pendulum up and hold it there",
      "rate_hz": 20,
      "horizon": 200,
      "state": ["position", "velocity"],
      "images": {"front": "pixels", "side": "render"},
      "action": {"kind": "torque", "unit": "N m"},
      "success": "is_success",
      "size": 96,
      "execution_horizon": 8
    }

"id" and "kwargs" are what `gymnasium.make` takes; "module:Id-v0" imports the module first. "name" is that of the
family, of its one task and of its benchmark. "rate_hz" is how many steps are one second, and an episode has at most
"horizon".

"state" lists the entries of a dict of observations that are the state, one after the other; left out, the observation
is an array, all of which is the state. "images" maps cameras to entries that are uint8[Y, X, 3], or to "render", the
environment's own image ("rgb_array"). The action is one continuous array; "kind" and "unit" are those of a `Field`
(`core.embodiment.Kind`): what they are decides how a robot is held still, and what noise means.

"success" is the entry of `info` that says whether a step succeeded, or {"reward": R}: a step succeeds if its reward is
at least R. A step without that entry has not succeeded: many environments have it only at the end of an episode, so a
wrong name reads as no success at all. Left out, success is unknown: episodes are evaluated without a rate, and cannot
be collected.
"kwargs", "state", "images", "success", "size" (64: the side of its benchmark's images, in pixels) and
"execution_horizon" (1: how many actions of a chunk are executed before the policy observes again) may be left out.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_args

from praxia.core.embodiment import Kind
from praxia.core.errors import DataError, PraxiaError, UnknownName

__all__ = ["RENDER", "GymnasiumDeclaration", "is_declaration"]

RENDER = "render"
TYPE = "gymnasium"


@dataclass(frozen=True)
class GymnasiumDeclaration:
    """What the JSON file says; see above. `success` is an entry of `info`, or the least reward of a success."""

    id: str
    name: str
    instruction: str
    rate_hz: float
    horizon: int
    kind: Kind
    unit: str
    kwargs: Mapping[str, Any] = field(default_factory=dict, hash=False)
    state: tuple[str, ...] = ()
    images: Mapping[str, str] = field(default_factory=dict, hash=False)
    success: str | float | None = None
    size: int = 64
    execution_horizon: int = 1

    @classmethod
    def read(cls, path: Path) -> "GymnasiumDeclaration":
        """The declaration in the file at `path`.

        Raises:
            DataError: there is no such file, or it holds no such JSON object.
            UnknownName: an entry of another name.
        """
        try:
            value = json.loads(path.read_text())
            return cls.from_json(value)
        except PraxiaError:
            raise
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            got = f"no {error}" if isinstance(error, KeyError) else str(error).splitlines()[0]
            raise DataError(
                f"expected {path} to describe an environment of gymnasium (docs/GUIDE.md#gymnasium), got {got}"
            ) from error

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "GymnasiumDeclaration":
        """The inverse of `to_json`. Raises ValueError, TypeError or KeyError for what is none, and UnknownName."""
        known = {"type", "action"} | {one.name for one in fields(cls)} - {"kind", "unit"}
        _expect_known(value, known)
        if value["type"] != TYPE:
            raise ValueError(f"type {value['type']!r}")
        _expect_known(value["action"], {"kind", "unit"})
        kind, success = value["action"]["kind"], value.get("success")
        if kind not in get_args(Kind):
            raise UnknownName("kind of action", str(kind), get_args(Kind), "docs/GUIDE.md#gymnasium")
        if isinstance(success, Mapping):
            _expect_known(success, {"reward"})
            success = float(success["reward"])
        optional = {name: value[name] for name in ("size", "execution_horizon") if name in value}
        numbers = {"horizon": value["horizon"], **optional}
        return cls(
            **{name: _text(name, value[name]) for name in ("id", "name", "instruction")},
            **{name: _positive(name, int(one)) for name, one in numbers.items()},
            rate_hz=_positive("rate_hz", float(value["rate_hz"])),
            kind=kind,
            unit=_text("unit", value["action"]["unit"]),
            kwargs=dict(value.get("kwargs", {})),
            state=_texts("state", value.get("state", [])),
            images={camera: _text("images", entry) for camera, entry in value.get("images", {}).items()},
            success=success if success is None or isinstance(success, float) else _text("success", success),
        )

    def to_json(self) -> dict[str, Any]:
        """A JSON object for `from_json`, without what may be left out and is."""
        value = {
            "type": TYPE,
            **{one.name: getattr(self, one.name) for one in fields(self) if one.name not in ("kind", "unit")},
            "state": list(self.state),
            "action": {"kind": self.kind, "unit": self.unit},
            "success": {"reward": self.success} if isinstance(self.success, float) else self.success,
        }
        return {name: one for name, one in value.items() if one not in ({}, [], None)}


def is_declaration(name: str) -> bool:
    """Whether `name` is that of such a file, and of no registered family or benchmark."""
    return name.endswith(".json")


def _expect_known(value: Mapping[str, Any], known: set[str]) -> None:
    for name in value:
        if name not in known:
            raise UnknownName("entry of an environment of gymnasium", name, known, "docs/GUIDE.md#gymnasium")


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} {value!r}, which is no text")
    return value


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(f"{name} {value!r}, which is no list")
    return tuple(_text(name, one) for one in value)


def _positive(name: str, value: Any) -> Any:
    if value <= 0:
        raise ValueError(f"{name} {value}")
    return value
