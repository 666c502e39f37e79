"""How a mixture reads one data set: under which names, in which sizes, at which rate."""

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
from praxia.data.features import stream_of

__all__ = ["DatasetView", "Fields", "Resampling"]

# New names of fields {new: the data set's}, or all fields, where the data set does not declare them.
Fields = Mapping[str, str] | tuple[Field, ...]


@dataclass(frozen=True)
class DatasetView:
    """What is read differently from the data set's own declarations; an empty view changes nothing.

    `name` is the embodiment's name. `cameras` maps a name to that of the data set's camera, or to None: then its images
    are black and not valid. `state` and `action` rename or declare fields, without moving a number. `sizes` are
    (height, width) of images by the new names of cameras, `rate_hz` is the rate of the window's steps. With `actions`
    False the data are read as video: no action of a window is valid. Data that have none must declare `action`.
    """

    name: str | None = None
    cameras: Mapping[str, str | None] = field(default_factory=dict)
    state: Fields = field(default_factory=dict)
    action: Fields = field(default_factory=dict)
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    rate_hz: float | None = None
    actions: bool = True

    def source_of(self, camera: str) -> str | None:
        """The data set's own name of a camera; None: it has no such camera."""
        return self.cameras.get(camera, camera)

    def embodiment(self, dataset: Dataset, streams: Sequence[str] = ()) -> Embodiment:
        """The embodiment as the mixture's windows show it, with the named `streams` that they see.

        It has the mixture's rate, and ranges of deltas at that rate: a policy trained on these windows acts at that
        rate, and evaluation refuses it on an embodiment of another (`praxia.evaluation.compatibility`).

        Raises:
            UnknownName: the data set has no such camera, field or stream.
            MismatchError: declared fields of another size, two fields of one name, or another rate for a data set that
                does not declare what its actions are.
        """
        own = dataset.embodiment
        rate_hz = own.control_hz if self.rate_hz is None else self.rate_hz
        resampling = Resampling.between(own.control_hz, rate_hz)
        if not resampling.is_identity and not dataset.written_by_praxia and isinstance(self.action, Mapping):
            raise MismatchError(
                f"{dataset.root} has {own.control_hz:g} Hz, to be read at {rate_hz:g} Hz: that depends on what its "
                'actions are, which it does not declare; do so in the mixture file: "fields": {"action": [{"name": '
                '"joints", "size": 6, "kind": "position", "unit": "rad"}, ...]}'
            )
        if not self.actions and not own.action and not isinstance(self.action, Mapping):
            action = tuple(self.action)
        else:
            action = _named(dataset, "action", own.action, self.action)
        return Embodiment(
            name=self.name or own.name,
            state=_named(dataset, "state", own.state, self.state),
            action=tuple(_at_rate(one, float(resampling.ratio)) for one in action),
            cameras=self._cameras(dataset, own),
            control_hz=rate_hz,
            hold=self._hold(own),
            streams=tuple(stream_of(dataset.info["features"], own, name) for name in streams),
        )

    def _hold(self, own: Embodiment) -> Mapping[str, float | str]:
        """The embodiment's `hold` under the new names; empty if the mixture declares the fields."""
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
        """The fields that differ from an empty view."""

        def plain(fields: Fields) -> Any:
            return dict(fields) if isinstance(fields, Mapping) else [one.to_json() for one in fields]

        fields = {name: plain(value) for name, value in (("state", self.state), ("action", self.action)) if value}
        found = {"embodiment": self.name, "cameras": dict(self.cameras), "fields": fields}
        given = {name: value for name, value in found.items() if value}
        return given if self.actions else {**given, "actions": False}


def _named(dataset: Dataset, what: str, own: Sequence[Field], given: Fields) -> tuple[Field, ...]:
    """The fields of a vector under their new names, or as the mixture declares them."""
    size = sum(one.size for one in own)
    if isinstance(given, tuple):
        if (declared := sum(one.size for one in given)) != size:
            raise MismatchError(
                f"expected fields of {size} numbers in all for the {what} of {dataset.root}, got {declared}; "
                f"see `praxia data info {dataset.root}`"
            )
        return given
    new_names = {old: new for new, old in given.items()}
    for old in new_names:
        if old not in [one.name for one in own]:
            raise UnknownName(f"{what} field", old, [one.name for one in own], f"praxia data mix {dataset.root}")
    named = tuple(replace(one, name=new_names.get(one.name, one.name)) for one in own)
    if len({one.name for one in named}) < len(named) or len(new_names) < len(given):
        raise MismatchError(
            f"expected a different name for each {what} field of {dataset.root}, got "
            f"{', '.join(one.name for one in named)} from {dict(given)}"
        )
    return named


def _at_rate(one: Field, ratio: float) -> Field:
    """The field in a step of `ratio` frames: a delta can be that much larger."""
    if one.kind != "delta" or ratio == 1:
        return one
    low, high = (None if bound is None else bound * ratio for bound in (one.low, one.high))
    return replace(one, low=low, high=high)


# Rates are rational: 29.97 and 30000/1001 Hz come out exactly from the nearest double.
MAX_DENOMINATOR = 10_000


@dataclass(frozen=True)
class Resampling:
    """Steps of one rate as frames of a data set of another rate, in exact arithmetic: a step lasts `ratio` frames.

    Time is counted in frames of the data set: frame j is the timestep j, and action j is in force over [j, j + 1). From
    the present p, a frame, step k of the mixture begins at p + k * ratio. As p is an integer, which frames a step
    overlaps, and for how long, does not depend on it: all results are relative to the present.

    Nothing is interpolated. The observation at a time is the newest frame at or before it, state and images alike, so
    that both are of one timestep and none is of the future. An action becomes the action of a step by its field's kind:

        position, gripper, discrete   the target in force at the end of the step. Targets of a slower data set are held,
                                      as its robot held them: targets between two targets were never given
        delta                         the sum of what falls into the step, each action spread evenly over its own time,
                                      so that nothing is lost or added. Rotations are added as small ones may be
        velocity, torque              the mean over the step's time

    Source: ours. Zero-order hold is what a robot's controller does between two commands.
    """

    ratio: Fraction

    @classmethod
    def between(cls, data_hz: float, step_hz: float) -> "Resampling":
        """From the data set's rate to the mixture's, both in Hz."""
        return cls(_rational(data_hz) / _rational(step_hz))

    @property
    def is_identity(self) -> bool:
        """Whether the two rates are equal."""
        return self.ratio == 1

    def newest(self, offsets: Sequence[int]) -> tuple[int, ...]:
        """The newest frame at or before each step offset."""
        return tuple(math.floor(offset * self.ratio) for offset in offsets)

    def in_force(self, steps: Sequence[int]) -> tuple[int, ...]:
        """The frame whose action is in force at the end of each step: the last that the step overlaps."""
        return tuple(math.ceil((step + 1) * self.ratio) - 1 for step in steps)

    def overlaps(self, steps: Sequence[int]) -> tuple[Int64[np.ndarray, "H K"], Float64[np.ndarray, "H K"]]:
        """The frames that each step overlaps, and the fraction of each frame's time that it does.

        A step that overlaps fewer than K frames is filled up with its last one, at fraction 0.
        """
        frames = np.zeros((len(steps), math.ceil(self.ratio) + 1), dtype=np.int64)
        fractions = np.zeros(frames.shape)
        for row, step in enumerate(steps):
            begin, end = step * self.ratio, (step + 1) * self.ratio
            last = math.ceil(end) - 1
            for column, frame in enumerate(range(math.floor(begin), math.floor(begin) + frames.shape[1])):
                frames[row, column] = min(frame, last)
                fractions[row, column] = max(0, min(end, frame + 1) - max(begin, frame))
        return frames, fractions

    def factors(self, fields: Sequence[Field]) -> Float64[np.ndarray, " D"]:
        """Per dim, the factor of the sum over a step's overlaps; NaN: the action in force is taken, not a sum."""
        by_kind = {"delta": 1.0, "velocity": float(1 / self.ratio), "torque": float(1 / self.ratio)}
        found = [np.full(one.size, by_kind.get(one.kind, np.nan)) for one in fields]
        return np.concatenate(found) if found else np.zeros(0)


def _rational(rate_hz: float) -> Fraction:
    return Fraction(rate_hz).limit_denominator(MAX_DENOMINATOR)
