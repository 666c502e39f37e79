"""The check of a policy's normalisers: against what is declared, and against what the expert does on the benchmark."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float32

from praxia.core.embodiment import Field, field_slices
from praxia.evaluate.preflight.subject import Finding, Subject
from praxia.rollout.types import Trajectory
from praxia.transforms.normalise import Normaliser
from praxia.transforms.relative import Relative

__all__ = ["statistics_are_sane"]

# What leaves the declared range by more than this share of its width was not measured in the declared unit.
OUTSIDE = 0.5

# The expert's numbers, normalised, are within about 1; so far off they are nothing that the policy has learned from.
FAR = 10.0

# A dim that was constant in training moves here if it leaves that value by so much of its declared range or, without
# one, by so much of its unit.
MOVES = 0.01

# Angles without a declared range are taken to be within half a turn, and a few degrees are suspicious as a whole range.
HALF_TURN = {"rad": np.pi, "deg": 180.0}
FEW_DEG = 3.8
# Less than this says nothing: a joint that is held.
STILL_DEG = 1e-4


def statistics_are_sane(subject: Subject) -> Finding:
    """No range is near zero where the expert moves, none is in another unit, none is far outside what is declared."""
    if subject.trained is None:
        return Finding(None, "the policy was not trained on this embodiment, so there are no statistics to judge")
    embodiment, transforms = subject.trained
    relative = transforms.relative
    decided = embodiment.action if relative is None else relative.fields(embodiment.action)
    wrong = [
        *_undeclared("state", embodiment.state, transforms.state),
        *_undeclared("action", decided, transforms.action),
    ]
    trajectories = [trajectory for trajectory in subject.expert_trajectories if trajectory.error is None]
    # The embodiment's own numbers are compared only where they are the trained ones': names and units are another check.
    if trajectories and (embodiment.state, embodiment.action) == (subject.embodiment.state, subject.embodiment.action):
        states = np.concatenate([[moment.state for moment in trajectory.observations] for trajectory in trajectories])
        actions = np.concatenate([_decided(trajectory, relative) for trajectory in trajectories])
        wrong += _unmatched("state", embodiment.state, transforms.state, states)
        wrong += _unmatched("action", decided, transforms.action, actions)
    if wrong:
        return Finding(False, "; ".join(wrong))
    against = (
        "declared, and of what the expert does here" if trajectories else "declared (there is no expert to compare)"
    )
    return Finding(True, f"{transforms.state.size} state and {transforms.action.size} action dims are within {against}")


def _decided(trajectory: Trajectory, relative: Relative | None) -> Float32[np.ndarray, "T A"]:
    """An episode's actions, each as the first of the chunk that a policy would have decided there."""
    if relative is None:
        return trajectory.actions
    states = np.stack([moment.state for moment in trajectory.observations[: len(trajectory.actions)]])
    return relative.encode(trajectory.actions[:, None], states)[:, 0]


def _undeclared(what: str, fields: Sequence[Field], normaliser: Normaliser) -> Iterator[str]:
    """Fields whose statistics cannot be in the declared unit or range."""
    for part, dims in field_slices(fields):
        low, high = min(normaliser.low[dims]), max(normaliser.high[dims])
        reach, got = max(-low, high), f"{what} {part.name!r} was within [{low:.3g}, {high:.3g}] in training"
        bound = max(-part.low, part.high) if part.low is not None and part.high is not None else None
        if bound is None and part.kind == "position":
            bound = HALF_TURN.get(part.unit)
        if bound is None:
            continue
        least, most = (-bound, bound) if part.low is None or part.high is None else (part.low, part.high)
        margin = OUTSIDE * (most - least)
        if low < least - margin or high > most + margin:
            hint = ", as if in degrees" if part.unit.startswith("rad") and reach > 4 * bound else ""
            yield f"{got}, far outside its [{least:.3g}, {most:.3g}] {part.unit}{hint}"
        elif part.unit.startswith("deg") and STILL_DEG < reach <= bound * FEW_DEG / 180:
            yield f"{got}, little of its [{least:.3g}, {most:.3g}] {part.unit}, as if in radians"


def _unmatched(
    what: str, fields: Sequence[Field], normaliser: Normaliser, values: Float32[np.ndarray, "N D"]
) -> Iterator[str]:
    """Dims that the expert takes to where the policy's normaliser makes nothing of them."""
    far = np.abs(normaliser.encode(values)).max(axis=0)
    for part, dims in field_slices(fields):
        for dim in range(dims.start, dims.stop):
            low, high = normaliser.low[dim], normaliser.high[dim]
            here = f"[{values[:, dim].min():.3g}, {values[:, dim].max():.3g}] {part.unit}".strip()
            name = f"{what} {part.name!r}" + (f"[{dim - dims.start}]" if part.size > 1 else "")
            if normaliser.still[dim]:
                width = 1.0 if part.low is None or part.high is None else part.high - part.low
                if np.abs(values[:, dim] - (low + high) / 2).max() > MOVES * width:
                    yield f"{name} never moved in training (always {low:.3g}), but the expert takes it to {here}"
            elif far[dim] > FAR:
                yield (
                    f"{name} was within [{low:.3g}, {high:.3g}] in training, but the expert takes it to {here},"
                    f" {far[dim]:.0f} times as far from the middle: a range near zero, or another unit"
                )
