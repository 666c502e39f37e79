"""Checks of conventions: names, units, rate and cameras, and the sign of the gripper command."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float64

from praxia.core.embodiment import Field, dim_name_difference, field_slices
from praxia.core.errors import MismatchError, PraxiaError, UnknownName
from praxia.core.hold import HoldAction
from praxia.core.types import Policy
from praxia.data.dataset import Dataset
from praxia.evaluation.compatibility import check_compatibility, match_embodiment
from praxia.evaluation.policy_factory import ForeignPolicy
from praxia.evaluation.preflight.setup import PreflightResult, PreflightSetup

__all__ = ["gripper_agrees", "names_and_units_fit"]

# Duration of a gripper command.
COMMAND_S = 0.5

# A smaller correlation between command and opening is no evidence. A smaller change of the opening is no motion.
MIN_CORRELATION, MIN_MOTION = 0.2, 0.02


def names_and_units_fit(setup: PreflightSetup) -> PreflightResult:
    """State, action, rate and cameras have one meaning in policy, benchmark and data.

    Raises:
        UnknownName, MismatchError: as `match_embodiment`.
    """
    if isinstance(setup.policy, ForeignPolicy):
        return _foreign_fits(setup, setup.policy.policy)
    name = match_embodiment(setup.policy, setup.benchmark, setup.embodiment, setup.bind_as)
    trained, data = next(one for one in setup.policy.embodiments if one.name == name), setup.data
    if data is not None and (found := dim_name_difference(trained, data.embodiment)):
        return PreflightResult(False, f"its training data had other dims than {data.root}: {found.text}")
    cameras = ", ".join(setup.cameras) or "no camera"
    return PreflightResult(True, f"it is bound as {name!r}, at {setup.embodiment.control_hz:g} Hz, and uses {cameras}")


def _foreign_fits(setup: PreflightSetup, policy: Policy) -> PreflightResult:
    check_compatibility(policy, setup.benchmark, setup.embodiment)
    made_for = "any embodiment" if policy.embodiment is None else f"{policy.embodiment.name!r}"
    rate, cameras = setup.embodiment.control_hz, ", ".join(setup.cameras) or "no camera"
    return PreflightResult(True, f"it was made for {made_for}, at {rate:g} Hz, and uses {cameras}")


def gripper_agrees(setup: PreflightSetup) -> PreflightResult:
    """A positive command moves the gripper in the same direction here and in the data set.

    Here: the highest command against the lowest, from one start. In the data: the correlation of the executed command
    with the opening one step later. Embodiments do not declare the sign of the command.
    """
    embodiment, data = setup.embodiment, setup.data
    try:
        hold = HoldAction.of(embodiment)
    except (MismatchError, UnknownName) as unknown:
        return PreflightResult(None, str(unknown))
    pairs = list(zip(_grippers(embodiment.action), _grippers(embodiment.state), strict=False))
    if not pairs:
        return PreflightResult(None, "the embodiment has no gripper in both its action and its state")
    if data is None:
        return PreflightResult(None, setup.no_data)
    if (data.embodiment.action_dim, data.embodiment.state_dim) != (embodiment.action_dim, embodiment.state_dim):
        return PreflightResult(None, f"{data.root} was recorded with {data.embodiment.name!r}, which has other dims")
    details = []
    for (field, command), (_, opening) in pairs:
        lowest, highest = (-1.0 if field.low is None else field.low), (1.0 if field.high is None else field.high)
        before, after = (_opening_after(setup, hold, command, opening, value) for value in (lowest, highest))
        moved, correlation = after - before, _correlation(data, command, opening)
        if abs(moved) < MIN_MOTION:
            return PreflightResult(
                False, f"here the gripper does not move: its highest command changes the opening by {moved:+.3f}"
            )
        if abs(correlation) < MIN_CORRELATION:
            return PreflightResult(None, f"in {data.root} the gripper's command and its opening are hardly correlated")
        here, there = ("opens" if sign > 0 else "closes" for sign in (moved, correlation))
        details.append(
            f"a positive command {here} the gripper here and {there} it in the data (r = {correlation:+.2f})"
        )
        if here != there:
            return PreflightResult(False, f"{details[-1]}: flip the sign of one of them")
    return PreflightResult(True, "; ".join(details))


def _grippers(fields: Sequence[Field]) -> Iterator[tuple[Field, int]]:
    """The gripper dims of a vector, each with its field."""
    for field, dims in field_slices(fields):
        if field.kind == "gripper":
            yield from ((field, dim) for dim in range(dims.start, dims.stop))


def _opening_after(setup: PreflightSetup, hold: HoldAction, command: int, opening: int, value: float) -> float:
    """The gripper's state after `value` is commanded for `COMMAND_S` from the first start, with everything else
    held.
    """
    benchmark, embodiment, slots = setup.benchmark, setup.embodiment, setup.slots
    slots.begin(0, setup.spec, setup.family.draw_start(benchmark.tasks[0], benchmark.split, 0), cameras=())
    (progress,) = slots.ready()
    if progress.observation is not None:
        action = hold(progress.observation.state)
        action[command] = value
        steps = max(1, round(COMMAND_S * embodiment.control_hz))
        slots.advance(0, np.tile(action, (steps, 1)), stop_on_success=False)
        (progress,) = slots.ready()
    if progress.observation is None:
        raise PraxiaError(f"the gripper could not be commanded: {progress.error or 'the episode ended'}")
    return float(progress.observation.state[opening])


def _correlation(data: Dataset, command: int, opening: int) -> float:
    """Pearson's correlation, over all episodes, of a command and the opening one step later; 0 where one is
    constant.
    """
    name = "action.executed" if data.written_by_praxia else "action"
    commands, openings = data.column(name)[:, command], data.column("observation.state")[:, opening]
    has_next = np.ones(len(commands), dtype=bool)
    has_next[data.episodes.first + data.episodes.length - 1] = False
    at = np.flatnonzero(has_next)
    return _pearson(commands[at].astype(np.float64), openings[at + 1].astype(np.float64)) if len(at) else 0.0


def _pearson(one: Float64[np.ndarray, " N"], other: Float64[np.ndarray, " N"]) -> float:
    spread = one.std() * other.std()
    return float(((one - one.mean()) * (other - other.mean())).mean() / spread) if spread > 0 else 0.0
