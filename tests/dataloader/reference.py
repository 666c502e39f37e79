"""What a window at another rate holds, in the plainest way: one timestep at a time, in seconds, as fractions.

Frame j of an episode of n frames is at j / data_hz seconds; its action is in force until the next frame.
"""

from fractions import Fraction

import numpy as np


def newest(offset, now, data_hz, step_hz):
    """The newest frame at or before the time `offset` steps from frame `now`; None: it is before the first."""
    time = Fraction(now) / data_hz + Fraction(offset) / step_hz
    before = [frame for frame in range(now + 1) if Fraction(frame) / data_hz <= time]
    return before[-1] if before else None


def action(values, kinds, step, now, data_hz, step_hz):
    """The action of a step that begins `step` steps after frame `now`, float64[A], and whether it ends in the episode.

    `values` are the episode's actions [n, A]; after its end the last one stays in force. `kinds` has one entry a dim.
    """
    begin = Fraction(now) / data_hz + Fraction(step) / step_hz
    end = begin + 1 / Fraction(step_hz)
    found = np.zeros(values.shape[1])
    frame, period = 0, 1 / Fraction(data_hz)
    while frame * period < end:
        own = values[min(frame, len(values) - 1)].astype(np.float64)
        overlap = min(end, (frame + 1) * period) - max(begin, frame * period)
        for dim, kind in enumerate(kinds):
            if kind in ("position", "gripper", "discrete"):
                found[dim] = own[dim]  # the last one that comes before the end stays
            elif overlap > 0:
                whole = period if kind == "delta" else end - begin
                found[dim] += own[dim] * float(overlap / whole)
        frame += 1
    return found, end <= len(values) * period
