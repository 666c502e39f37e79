"""What a robot's state and action vectors mean, its cameras and its control rate."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float64

from praxia.core.errors import MismatchError, PraxiaError

__all__ = [
    "Camera",
    "DimNameDifference",
    "Embodiment",
    "Field",
    "Kind",
    "Stream",
    "StreamDType",
    "dim_name_difference",
    "dim_order",
    "field_slices",
    "first_name_difference",
]

Kind = Literal["position", "delta", "velocity", "torque", "gripper", "discrete"]


@dataclass(frozen=True)
class Field:
    """Neighbouring dims of a state or action vector that mean one thing.

    It has `size` dims, each within [`low`, `high`] in `unit` (None: unbounded), relative to `frame`. `dims` are the
    names of its dims where the data give them. Fields are equal whatever their dims are called, because most
    embodiments do not name them; `dim_name_difference` compares the names. `max_step` is how far each dim of a target
    may move in one control period (None: as far as it wants); it is a matter of a robot's safety, not of its meaning,
    so fields are equal whatever it is.
    """

    name: str
    size: int
    kind: Kind
    unit: str
    frame: str = ""
    low: float | None = None
    high: float | None = None
    dims: tuple[str, ...] = field(default=(), compare=False)
    max_step: float | None = field(default=None, compare=False)

    def to_json(self) -> dict[str, Any]:
        """A JSON object for `from_json`; without "dims" where they have no names, and without a `max_step` of None."""
        values = {name: list(value) if name == "dims" else value for name, value in asdict(self).items() if value != ()}
        return {name: value for name, value in values.items() if name != "max_step" or value is not None}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Field":
        """The inverse of `to_json`."""
        return cls(**{**value, "dims": tuple(value.get("dims", ()))})

    @property
    def description(self) -> str:
        """Its meaning, for messages: "'joints' (position [6] rad)"."""
        return f"{self.name!r} ({' '.join(filter(None, (self.kind, f'[{self.size}]', self.unit, self.frame)))})"


def field_slices(fields: Sequence[Field]) -> list[tuple[Field, slice]]:
    """Each field of a vector with the slice of the vector that it occupies."""
    ends = accumulate(field.size for field in fields)
    return [(field, slice(end - field.size, end)) for field, end in zip(fields, ends, strict=True)]


@dataclass(frozen=True)
class Camera:
    """A camera's name and the size of its images in pixels."""

    name: str
    height: int
    width: int


StreamDType = Literal["float32", "uint8", "uint16", "int32", "int64", "bool"]


@dataclass(frozen=True)
class Stream:
    """What a robot measures at every step beside images and state: arrays of one `shape` and `dtype`, in `unit`.

    Such as the force and torque at a wrist ([6]), a depth image ([Y, X], float32 in m or uint16 in mm, 0: no return),
    or points ([N, 3] in m, relative to `frame`). Values are finite and are stored as they are, never in a video.

    Raises:
        PraxiaError: a name that is taken by state, actions and images, or a shape without entries.
    """

    name: str
    shape: tuple[int, ...]
    dtype: StreamDType = "float32"
    unit: str = ""
    frame: str = ""

    def __post_init__(self) -> None:
        if not self.name or self.name in ("state", "action") or self.name.startswith(("image.", "images.")):
            raise PraxiaError(
                f"expected a name for a stream that is not of state, actions or images, got {self.name!r}"
            )
        if not self.shape or min(self.shape) < 1 or self.dtype not in get_args(StreamDType):
            dtypes = ", ".join(get_args(StreamDType))
            got = f"{self.dtype} {list(self.shape)}"
            raise PraxiaError(f"expected stream {self.name!r} as [N, ...] of one of {dtypes}, got {got}")

    def expect(self, values: np.ndarray, where: str) -> None:
        """Refuse values [..., *shape] of another shape or dtype; `where` they are is for the message.

        Raises:
            MismatchError: names both.
        """
        if values.shape[values.ndim - len(self.shape) :] != self.shape or values.dtype != self.dtype:
            raise MismatchError(
                f"expected stream {self.name!r} of {where} as {self.description}, got {values.dtype}"
                f" {list(values.shape)}"
            )

    @property
    def description(self) -> str:
        """Its meaning, for messages: "float32 [6] N wrist"."""
        return " ".join(filter(None, (self.dtype, str(list(self.shape)), self.unit, self.frame)))

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Stream":
        """The inverse of `dataclasses.asdict`."""
        return cls(**{**value, "shape": tuple(value["shape"])})


@dataclass(frozen=True)
class Embodiment:
    """A robot as its data describe it: the fields of its state and action vectors, its cameras and its control rate.

    `streams` are what it measures beside these. A policy's embodiment has the streams that the policy sees.

    `hold` names what holds the robot still, by action field, where the field's kind does not imply it: a number in the
    field's unit, or the name of the state field whose present value does (`core.hold.HoldAction`).
    """

    name: str
    state: tuple[Field, ...]
    action: tuple[Field, ...]
    cameras: tuple[Camera, ...]
    control_hz: float
    hold: Mapping[str, float | str] = field(default_factory=dict, hash=False)
    streams: tuple[Stream, ...] = ()

    @property
    def state_dim(self) -> int:
        return sum(field.size for field in self.state)

    @property
    def action_dim(self) -> int:
        return sum(field.size for field in self.action)

    @cached_property
    def action_range(self) -> tuple[Float64[np.ndarray, " A"], Float64[np.ndarray, " A"]]:
        """The lowest and highest value of each action dim; infinite where none is declared."""
        lows = [np.full(field.size, -np.inf if field.low is None else field.low) for field in self.action]
        highs = [np.full(field.size, np.inf if field.high is None else field.high) for field in self.action]
        return np.concatenate(lows), np.concatenate(highs)

    def to_json(self) -> dict[str, Any]:
        """A JSON object from which `from_json` builds an equal embodiment. Empty `hold` and `streams` are left out."""
        vectors = {name: tuple(field.to_json() for field in getattr(self, name)) for name in ("state", "action")}
        value = {**asdict(self), **vectors}
        return {key: item for key, item in value.items() if item or key not in ("hold", "streams")}

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
            streams=tuple(map(Stream.from_json, value.get("streams", ()))),
        )


@dataclass(frozen=True)
class DimNameDifference:
    """The first dim that two vectors name differently, as `text`. `reordered`: both have the same names."""

    text: str
    reordered: bool


def dim_name_difference(first: Embodiment, second: Embodiment) -> DimNameDifference | None:
    """The first dim of state or action that two embodiments with equal fields name differently.

    A field whose dims have no names differs from none.
    """
    for vector in ("state", "action"):
        for one, other in zip(getattr(first, vector), getattr(second, vector), strict=False):
            if found := first_name_difference(vector, one.dims, other.dims):
                return found
    return None


def first_name_difference(vector: str, first: Sequence[str], second: Sequence[str]) -> DimNameDifference | None:
    """The first dim of `vector` whose two names differ; None: there is none, or one of them has no names at all."""
    index = next((index for index, (one, other) in enumerate(zip(first, second, strict=False)) if one != other), None)
    if index is None:
        return None
    reordered = sorted(first) == sorted(second)
    order = ", the same names in another order" if reordered else ""
    text = f"dim {index} of {vector} is {first[index]!r} in the first and {second[index]!r} in the second"
    return DimNameDifference(text + order, reordered)


def dim_order(names: Sequence[str], wanted: Sequence[str]) -> tuple[int, ...] | None:
    """The indices into `names` that give `wanted`; None: they are not the same names, each once."""
    if sorted(names) != sorted(wanted) or len(set(names)) < len(names):
        return None
    return tuple(list(names).index(name) for name in wanted)
