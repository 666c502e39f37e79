"""How a mixture reads one data set."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from praxia.core.embodiment import Camera, Embodiment, Field
from praxia.core.errors import MismatchError, UnknownName
from praxia.data.dataset import Dataset

__all__ = ["DatasetView", "Fields", "Resampling"]

# New names of fields {new: the data set's}, or all fields, where the data set does not say what its numbers are.
Fields = Mapping[str, str] | tuple[Field, ...]


@dataclass(frozen=True)
class DatasetView:
    """What is read otherwise than the data set says; an empty view reads it as it is.

    `name` is the embodiment's name. `cameras` maps a name to that of the data set's camera, or to None: it has none,
    and its images are black and not valid. `state` and `action` rename or declare fields, without moving a number.
    `sizes` are (height, width) of images by the new names of cameras, `rate_hz` the rate of the window's steps.
    """

    name: str | None = None
    cameras: Mapping[str, str | None] = field(default_factory=dict)
    state: Fields = field(default_factory=dict)
    action: Fields = field(default_factory=dict)
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    rate_hz: float | None = None

    def source_of(self, camera: str) -> str | None:
        """The data set's own name of a camera."""
        return self.cameras.get(camera, camera)

    def embodiment(self, dataset: Dataset) -> Embodiment:
        """The embodiment as the mixture's windows show it.

        Its rate is the mixture's, and so are the ranges of its deltas: a policy of these windows acts at that rate, and
        evaluation refuses it on an embodiment of another (`evaluate.compatibility`).

        Raises:
            UnknownName: a camera or field that the data set does not have.
            MismatchError: declared fields of another size, two fields of one name, or another rate for a data set that
                does not say what its actions are.
        """
        own = dataset.embodiment
        rate_hz = own.control_hz if self.rate_hz is None else self.rate_hz
        resampling = Resampling.between(own.control_hz, rate_hz)
        if not resampling.same and not dataset.written_by_praxia and isinstance(self.action, Mapping):
            raise MismatchError(
                f"{dataset.root} is of {own.control_hz:g} Hz, to be read at {rate_hz:g} Hz: that depends on what its "
                'actions are, which it does not say; declare them in the mixture file: "fields": {"action": [{"name": '
                '"joints", "size": 6, "kind": "position", "unit": "rad"}, ...]}'
            )
        action = _named(dataset, "action", own.action, self.action)
        return Embodiment(
            name=self.name or own.name,
            state=_named(dataset, "state", own.state, self.state),
            action=tuple(_at_rate(part, float(resampling.ratio)) for part in action),
            cameras=self._cameras(dataset, own),
            control_hz=rate_hz,
            hold=self._hold(own),
        )

    def _hold(self, own: Embodiment) -> Mapping[str, float | str]:
        """What holds the embodiment still, under the new names. Of fields that are declared anew nothing is known."""
        if not isinstance(self.action, Mapping) or not isinstance(self.state, Mapping):
            return {}
        action, state = ({old: new for new, old in given.items()} for given in (self.action, self.state))
        return {
            action.get(name, name): state.get(held, held) if isinstance(held, str) else held
            for name, held in own.hold.items()
        }

    def _cameras(self, dataset: Dataset, own: Embodiment) -> tuple[Camera, ...]:
        by_name = {camera.name: camera for camera in own.cameras}
        mapped = [name for name in self.cameras.values() if name is not None]
        if unknown := [name for name in mapped if name not in by_name]:
            raise UnknownName("camera", unknown[0], by_name, f"praxia data info {dataset.root}")
        kept = [name for name in by_name if name not in mapped and name not in self.cameras]
        names = {**{name: name for name in kept}, **{new: old for new, old in self.cameras.items() if old is not None}}
        found = (replace(by_name[old], name=new) for new, old in names.items())
        return tuple(Camera(one.name, *self.sizes.get(one.name, (one.height, one.width))) for one in found)

    def to_json(self) -> dict[str, Any]:
        """What differs from an empty view."""

        def plain(fields: Fields) -> Any:
            return dict(fields) if isinstance(fields, Mapping) else [part.to_json() for part in fields]

        fields = {name: plain(value) for name, value in (("state", self.state), ("action", self.action)) if value}
        found = {"body": self.name, "cameras": dict(self.cameras), "fields": fields}
        return {name: value for name, value in found.items() if value}


def _named(dataset: Dataset, what: str, own: Sequence[Field], given: Fields) -> tuple[Field, ...]:
    """The fields of a vector under their new names, or as declared."""
    size = sum(part.size for part in own)
    if isinstance(given, tuple):
        if (declared := sum(part.size for part in given)) != size:
            raise MismatchError(
                f"expected fields of {size} numbers in all for the {what} of {dataset.root}, got {declared}; "
                f"see `praxia data info {dataset.root}`"
            )
        return given
    new_names = {old: new for new, old in given.items()}
    for old in new_names:
        if old not in [part.name for part in own]:
            raise UnknownName(f"{what} field", old, [part.name for part in own], f"praxia data mix {dataset.root}")
    named = tuple(replace(part, name=new_names.get(part.name, part.name)) for part in own)
    if len({part.name for part in named}) < len(named) or len(new_names) < len(given):
        raise MismatchError(
            f"expected a name of its own for each {what} field of {dataset.root}, got "
            f"{', '.join(part.name for part in named)} from {dict(given)}"
        )
    return named


def _at_rate(part: Field, ratio: float) -> Field:
    """In a step that is `ratio` frames long, a delta can be that much larger."""
    if part.kind != "delta" or ratio == 1:
        return part
    low, high = (None if bound is None else bound * ratio for bound in (part.low, part.high))
    return replace(part, low=low, high=high)


# Rates are rational: 29.97 and 30000/1001 Hz come out exactly from the nearest double.
MAX_DENOMINATOR = 10_000


@dataclass(frozen=True)
class Resampling:
    """One step of the mixture is `ratio` frames of the data set long."""

    ratio: Fraction

    @classmethod
    def between(cls, data_hz: float, step_hz: float) -> "Resampling":
        """From the data set's rate to the mixture's."""
        return cls(_rational(data_hz) / _rational(step_hz))

    @property
    def same(self) -> bool:
        """Whether both rates are one."""
        return self.ratio == 1

    def newest(self, offsets: Sequence[int]) -> tuple[int, ...]:
        """The newest frame at or before the moment of each step offset."""
        return tuple(math.floor(offset * self.ratio) for offset in offsets)

    def in_force(self, horizon: int) -> tuple[int, ...]:
        """The frame whose action is in force at the end of each of `horizon` steps: the last that the step touches."""
        return tuple(math.ceil((step + 1) * self.ratio) - 1 for step in range(horizon))

    def touched(self, horizon: int) -> tuple[Int64[np.ndarray, "H K"], Float64[np.ndarray, "H K"]]:
        """The frames whose actions each step touches, and the part of a frame's time by which it does.

        A step that touches fewer than K is filled up with its last, touched for no time.
        """
        frames = np.zeros((horizon, math.ceil(self.ratio) + 1), dtype=np.int64)
        parts = np.zeros(frames.shape)
        for step in range(horizon):
            begin, end = step * self.ratio, (step + 1) * self.ratio
            last = math.ceil(end) - 1
            for column, frame in enumerate(range(math.floor(begin), math.floor(begin) + frames.shape[1])):
                frames[step, column] = min(frame, last)
                parts[step, column] = max(0, min(end, frame + 1) - max(begin, frame))
        return frames, parts

    def factors(self, fields: Sequence[Field]) -> Float64[np.ndarray, " D"]:
        """By dim, what the sum of a step's parts is multiplied with; NaN: not summed, the action in force is taken."""
        by_kind = {"delta": 1.0, "velocity": float(1 / self.ratio), "torque": float(1 / self.ratio)}
        found = [np.full(part.size, by_kind.get(part.kind, np.nan)) for part in fields]
        return np.concatenate(found) if found else np.zeros(0)


def _rational(rate_hz: float) -> Fraction:
    return Fraction(rate_hz).limit_denominator(MAX_DENOMINATOR)
