"""Embodiments: what a robot's state and action vectors mean, its cameras and its control rate."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

__all__ = ["Camera", "Embodiment", "Field", "Kind", "field_slices"]

Kind = Literal["position", "delta", "velocity", "torque", "gripper", "discrete"]


@dataclass(frozen=True)
class Field:
    """A run of neighbouring dims of a state or an action vector that mean one thing.

    `size` dims, each within [`low`, `high`] in `unit` (None: unbounded). `frame` is what they are relative to. `dims`
    are the names of its dims, where the data say them. They do not make fields unequal, for most embodiments do not name
    their dims: `core.dims` says where two orders of them meet.
    """

    name: str
    size: int
    kind: Kind
    unit: str
    frame: str = ""
    low: float | None = None
    high: float | None = None
    dims: tuple[str, ...] = field(default=(), compare=False)

    def to_json(self) -> dict[str, Any]:
        """A JSON value that `from_json` turns back; without "dims" where they have no names."""
        return {name: list(value) if name == "dims" else value for name, value in asdict(self).items() if value != ()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Field":
        """The inverse of `to_json`."""
        return cls(**{**value, "dims": tuple(value.get("dims", ()))})

    @property
    def words(self) -> str:
        """What it means, for messages: "'joints' (position [6] rad)"."""
        return f"{self.name!r} ({' '.join(filter(None, (self.kind, f'[{self.size}]', self.unit, self.frame)))})"


def field_slices(fields: Sequence[Field]) -> list[tuple[Field, slice]]:
    """Each field of a vector and which of the vector's dims are its own."""
    ends = accumulate(part.size for part in fields)
    return [(part, slice(end - part.size, end)) for part, end in zip(fields, ends, strict=True)]


@dataclass(frozen=True)
class Camera:
    """A camera by name and the size of its images in pixels."""

    name: str
    height: int
    width: int


@dataclass(frozen=True)
class Embodiment:
    """An embodiment: what its state and action vectors mean, its cameras and its control rate in Hz.

    `hold` says what holds the embodiment still, by action field, where the field's kind does not say it: a number in its
    unit, or the name of the state field whose present value does (`core.hold.Hold`).
    """

    name: str
    state: tuple[Field, ...]
    action: tuple[Field, ...]
    cameras: tuple[Camera, ...]
    control_hz: float
    hold: Mapping[str, float | str] = field(default_factory=dict, hash=False)

    @property
    def state_dim(self) -> int:
        return sum(part.size for part in self.state)

    @property
    def action_dim(self) -> int:
        return sum(part.size for part in self.action)

    @cached_property
    def action_range(self) -> tuple[Float64[np.ndarray, " A"], Float64[np.ndarray, " A"]]:
        """The lowest and the highest value of each action dim; infinite where none is declared."""
        lows = [np.full(part.size, -np.inf if part.low is None else part.low) for part in self.action]
        highs = [np.full(part.size, np.inf if part.high is None else part.high) for part in self.action]
        return np.concatenate(lows), np.concatenate(highs)

    def to_json(self) -> dict[str, Any]:
        """A JSON value that `from_json` turns back into an equal embodiment. An empty `hold` is left out."""
        vectors = {name: tuple(one.to_json() for one in getattr(self, name)) for name in ("state", "action")}
        value = {**asdict(self), **vectors}
        return value if self.hold else {key: item for key, item in value.items() if key != "hold"}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Embodiment":
        """The inverse of `to_json`."""
        return cls(
            name=value["name"],
            state=tuple(map(Field.from_json, value["state"])),
            action=tuple(map(Field.from_json, value["action"])),
            cameras=tuple(Camera(**camera) for camera in value["cameras"]),
            control_hz=value["control_hz"],
            hold=value.get("hold", {}),
        )
