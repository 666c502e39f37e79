"""Steps of one rate as frames of a data set of another rate, in exact arithmetic.

Time is counted in frames of the data set: frame j is the moment j, and action j is in force over [j, j + 1). From the
present p, a frame, step k of the mixture begins at p + k * ratio. As p is whole, which frames a step touches, and for
how long, does not depend on it: everything here is relative to the present.

Nothing is interpolated. What is seen at a moment is the newest frame at or before it, state and images alike, so that
both are of one moment and none is of the future. An action becomes the action of a step by its field's kind:

    position, gripper, discrete   the target in force at the end of the step. Of a slower data set a target is held, as
                                  its robot was told to: targets between two targets were never given
    delta                         the sum of what falls into the step, each action spread evenly over its own time, so
                                  that nothing is lost or added. Rotations are added as small ones may be
    velocity, torque              the mean over the step's time

Source: ours. Zero-order hold is what a robot's controller does between two commands.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from jaxtyping import Float64, Int64

from praxia.core.embodiment import Field

__all__ = ["Resampling"]

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
