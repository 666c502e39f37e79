"""Checks of what numbers and names mean: names, units and cameras, and which way a gripper's command works."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float64

from praxia.core.dims import difference
from praxia.core.embodiment import Field, field_slices
from praxia.core.errors import MismatchError, PraxiaError, UnknownName
from praxia.core.hold import Hold
from praxia.data.dataset import Dataset
from praxia.evaluate.compatibility import match_embodiment
from praxia.evaluate.preflight.subject import Finding, Subject

__all__ = ["gripper_agrees", "names_and_units_fit"]

# So long a command is tried here.
TRIED_S = 0.5

# Less than this correlation between command and opening says nothing; less than this share of its range is no motion.
MIN_CORRELATION, MIN_MOTION = 0.2, 0.02


def names_and_units_fit(subject: Subject) -> Finding:
    """State, action, rate and cameras mean to the policy what they mean to benchmark and data. Raises as `match_embodiment`."""
    name = match_embodiment(subject.policy, subject.benchmark, subject.embodiment, subject.bind_as)
    trained, data = next(one for one in subject.policy.embodiments if one.name == name), subject.data
    if data is not None and (found := difference(trained, data.embodiment)):
        return Finding(False, f"its data had other numbers than {data.root}: {found.text}")
    cameras = ", ".join(subject.cameras) or "no camera"
    return Finding(True, f"it decides as {name!r}, at {subject.embodiment.control_hz:g} Hz, looking at {cameras}")


def gripper_agrees(subject: Subject) -> Finding:
    """A positive command moves the gripper the same way here and in the data set.

    Here: the highest command against the lowest, from one start. In the data: the correlation of the executed command
    with the opening one step later. No embodiment says in words which way its command works.
    """
    embodiment, data = subject.embodiment, subject.data
    try:
        hold = Hold.of(embodiment)
    except (MismatchError, UnknownName) as unknown:
        return Finding(None, str(unknown))
    pairs = list(zip(_grippers(embodiment.action), _grippers(embodiment.state), strict=False))
    if not pairs:
        return Finding(None, "the embodiment has no gripper that is both commanded and seen")
    if data is None:
        return Finding(None, subject.no_data)
    if (data.embodiment.action_dim, data.embodiment.state_dim) != (embodiment.action_dim, embodiment.state_dim):
        return Finding(None, f"{data.root} was recorded with {data.embodiment.name!r}, whose numbers are others")
    said = []
    for (part, command), (_, opening) in pairs:
        lowest, highest = (-1.0 if part.low is None else part.low), (1.0 if part.high is None else part.high)
        before, after = (_opening_after(subject, hold, command, opening, value) for value in (lowest, highest))
        moved, correlation = after - before, _correlation(data, command, opening)
        if abs(moved) < MIN_MOTION:
            return Finding(False, f"here the gripper does not obey: its highest command moves it by {moved:+.3f}")
        if abs(correlation) < MIN_CORRELATION:
            return Finding(None, f"in {data.root} the gripper's command and its opening hardly vary together")
        here, there = ("opens" if sign > 0 else "closes" for sign in (moved, correlation))
        said.append(f"a positive command {here} the gripper here and {there} it in the data (r = {correlation:+.2f})")
        if here != there:
            return Finding(False, f"{said[-1]}: turn the sign of one of them round")
    return Finding(True, "; ".join(said))


def _grippers(fields: Sequence[Field]) -> Iterator[tuple[Field, int]]:
    """The dims of a vector that are grippers', each with its field."""
    for part, dims in field_slices(fields):
        if part.kind == "gripper":
            yield from ((part, dim) for dim in range(dims.start, dims.stop))


def _opening_after(subject: Subject, hold: Hold, command: int, opening: int, value: float) -> float:
    """The gripper's state after `value` was commanded for a while, all else held, from the benchmark's first start."""
    benchmark, embodiment, slots = subject.benchmark, subject.embodiment, subject.slots
    slots.begin(0, subject.spec, subject.family.draw_start(benchmark.tasks[0], benchmark.split, 0), cameras=())
    (progress,) = slots.ready()
    if progress.observation is not None:
        action = hold(progress.observation.state)
        action[command] = value
        steps = max(1, round(TRIED_S * embodiment.control_hz))
        slots.advance(0, np.tile(action, (steps, 1)), stop_on_success=False)
        (progress,) = slots.ready()
    if progress.observation is None:
        raise PraxiaError(f"the gripper could not be tried: {progress.error or 'the episode ended'}")
    return float(progress.observation.state[opening])


def _correlation(data: Dataset, command: int, opening: int) -> float:
    """Pearson's, over all episodes, between a command and the opening one step later; 0 where one never changes."""
    name = "action.executed" if data.written_by_praxia else "action"
    given, seen = data.column(name)[:, command], data.column("observation.state")[:, opening]
    before_the_last = np.ones(len(given), dtype=bool)
    before_the_last[data.episodes.first + data.episodes.length - 1] = False
    at = np.flatnonzero(before_the_last)
    return _pearson(given[at].astype(np.float64), seen[at + 1].astype(np.float64)) if len(at) else 0.0


def _pearson(one: Float64[np.ndarray, " N"], other: Float64[np.ndarray, " N"]) -> float:
    spread = one.std() * other.std()
    return float(((one - one.mean()) * (other - other.mean())).mean() / spread) if spread > 0 else 0.0
