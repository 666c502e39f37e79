"""Checks a policy's normalisers against the declared ranges, and against the expert's episodes on the benchmark."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float32

from praxia.core.embodiment import Field, field_slices
from praxia.evaluation.policy_factory import ForeignPolicy
from praxia.evaluation.preflight.setup import PreflightResult, PreflightSetup
from praxia.rollout.types import Trajectory
from praxia.transforms.normalise import Normaliser
from praxia.transforms.relative import RelativeActions

__all__ = ["statistics_are_sane"]

# Statistics outside the declared range by more than this share of its width are in another unit.
MAX_OUTSIDE = 0.5

# The expert's normalised values are within about 1. Larger values than this were not in the training data.
MAX_NORMALISED = 10.0

# A dim that was constant in training moves here if it leaves its value by this share of its declared range or, without
# one, by this share of its unit.
MIN_MOVE = 0.01

# Angles without a declared range are assumed to be within half a turn. A range of a few degrees is suspicious.
HALF_TURN = {"rad": np.pi, "deg": 180.0}
FEW_DEG = 3.8
# A smaller range is a joint that was held, and no evidence.
MIN_RANGE_DEG = 1e-4


def statistics_are_sane(setup: PreflightSetup) -> PreflightResult:
    """No range is near zero where the expert moves, in another unit, or far outside the declared range."""
    if isinstance(setup.policy, ForeignPolicy):
        return PreflightResult(None, "a foreign policy keeps its statistics, if it has any, to itself")
    if setup.trained is None:
        return PreflightResult(None, "the policy was not trained on this embodiment, so it has no statistics to check")
    embodiment, transforms = setup.trained
    relative = transforms.relative
    action_fields = embodiment.action if relative is None else relative.fields(embodiment.action)
    problems = [
        *_undeclared("state", embodiment.state, transforms.state),
        *_undeclared("action", action_fields, transforms.action),
    ]
    trajectories = [trajectory for trajectory in setup.expert_trajectories if trajectory.error is None]
    # Compared only where the benchmark has the fields of the trained embodiment: names and units are another check.
    if trajectories and (embodiment.state, embodiment.action) == (setup.embodiment.state, setup.embodiment.action):
        states = np.concatenate([[one.state for one in trajectory.observations] for trajectory in trajectories])
        actions = np.concatenate([_policy_actions(trajectory, relative) for trajectory in trajectories])
        problems += _unmatched("state", embodiment.state, transforms.state, states)
        problems += _unmatched("action", action_fields, transforms.action, actions)
    if problems:
        return PreflightResult(False, "; ".join(problems))
    against = (
        "declared ranges and those of the expert here" if trajectories else "declared ranges (there is no expert here)"
    )
    return PreflightResult(
        True, f"{transforms.state.size} state and {transforms.action.size} action dims agree with the {against}"
    )


def _policy_actions(trajectory: Trajectory, relative: RelativeActions | None) -> Float32[np.ndarray, "T A"]:
    """The actions of an episode, each as the first action of the chunk that a policy would predict there."""
    if relative is None:
        return trajectory.actions
    states = np.stack([one.state for one in trajectory.observations[: len(trajectory.actions)]])
    return relative.encode(trajectory.actions[:, None], states)[:, 0]


def _undeclared(what: str, fields: Sequence[Field], normaliser: Normaliser) -> Iterator[str]:
    """Describes fields whose statistics cannot be in the declared unit or range."""
    for field, dims in field_slices(fields):
        low, high = min(normaliser.low[dims]), max(normaliser.high[dims])
        reach, got = max(-low, high), f"{what} {field.name!r} was within [{low:.3g}, {high:.3g}] in training"
        bound = max(-field.low, field.high) if field.low is not None and field.high is not None else None
        if bound is None and field.kind == "position":
            bound = HALF_TURN.get(field.unit)
        if bound is None:
            continue
        least, most = (-bound, bound) if field.low is None or field.high is None else (field.low, field.high)
        margin = MAX_OUTSIDE * (most - least)
        if low < least - margin or high > most + margin:
            hint = ", as if in degrees" if field.unit.startswith("rad") and reach > 4 * bound else ""
            yield f"{got}, far outside its [{least:.3g}, {most:.3g}] {field.unit}{hint}"
        elif field.unit.startswith("deg") and MIN_RANGE_DEG < reach <= bound * FEW_DEG / 180:
            yield f"{got}, little of its [{least:.3g}, {most:.3g}] {field.unit}, as if in radians"


def _unmatched(
    what: str, fields: Sequence[Field], normaliser: Normaliser, values: Float32[np.ndarray, "N D"]
) -> Iterator[str]:
    """Describes dims that the expert moves beyond what the policy's normaliser can represent."""
    far = np.abs(normaliser.encode(values)).max(axis=0)
    for field, dims in field_slices(fields):
        for dim in range(dims.start, dims.stop):
            low, high = normaliser.low[dim], normaliser.high[dim]
            here = f"[{values[:, dim].min():.3g}, {values[:, dim].max():.3g}] {field.unit}".strip()
            name = f"{what} {field.name!r}" + (f"[{dim - dims.start}]" if field.size > 1 else "")
            if normaliser.constant[dim]:
                width = 1.0 if field.low is None or field.high is None else field.high - field.low
                if np.abs(values[:, dim] - (low + high) / 2).max() > MIN_MOVE * width:
                    yield f"{name} never moved in training (always {low:.3g}), but the expert takes it to {here}"
            elif far[dim] > MAX_NORMALISED:
                yield (
                    f"{name} was within [{low:.3g}, {high:.3g}] in training, but the expert takes it to {here},"
                    f" {far[dim]:.0f} times as far from the middle: a range near zero, or another unit"
                )
