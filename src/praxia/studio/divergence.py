"""How far an episode followed another one from the same start, measured on positions in the state."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from praxia.core.embodiment import Embodiment, field_slices

__all__ = ["MAX_SKIP", "TOLERANCE", "TrajectoryMatch", "match_trajectory", "motion_fields"]

# Two states match if they are closer than this fraction of the diagonal of the reference's bounding box.
TOLERANCE = 0.15
# The largest fraction of the reference that a match may skip at once: a cut corner, a pause.
MAX_SKIP = 0.1


@dataclass(frozen=True)
class TrajectoryMatch:
    """An episode followed its reference over `share`, in [0, 1], of the reference's steps.

    `diverged_step` is the first step after which it stayed apart until its end; None if at its end it matched the
    reference, still or again.
    """

    share: float
    diverged_step: int | None


def motion_fields(embodiment: Embodiment) -> list[slice]:
    """The state dims of each position field: gripper or joints, and objects if the embodiment's state has them."""
    return [dims for declared, dims in field_slices(embodiment.state) if declared.kind == "position"]


def match_trajectory(
    episode: Float[np.ndarray, "T S"], reference: Float[np.ndarray, "R S"], fields: Sequence[slice]
) -> TrajectoryMatch:
    """How far the states of `episode` follow those of `reference` in `fields`; both have at least one state.

    Two states match if in every field their distance is less than `TOLERANCE` times the diagonal of the box that the
    reference covers in that field; fields in which the reference never moves are ignored. The match advances through
    the reference in order but not step by step, so a slower episode still matches: each state of the episode advances
    it to the nearest of the next `MAX_SKIP` of the reference's states, if the two match.
    """
    distances = _distances(episode, reference, fields)
    last = len(reference) - 1
    reach = max(1, round(MAX_SKIP * last))
    reached, diverged_step = 0, None
    for step, row in enumerate(distances):
        nearest = reached + int(row[reached : reached + reach + 1].argmin())
        if row[nearest] < TOLERANCE:
            reached, diverged_step = nearest, None
        elif diverged_step is None:
            diverged_step = step
    return TrajectoryMatch(reached / max(last, 1), diverged_step)


def _distances(
    episode: Float[np.ndarray, "T S"], reference: Float[np.ndarray, "R S"], fields: Sequence[slice]
) -> Float[np.ndarray, "T R"]:
    """The relative distance of every two states, in the field in which they are furthest apart."""
    distances = np.zeros((len(episode), len(reference)))
    for dims in fields:
        diagonal = np.linalg.norm(np.ptp(reference[:, dims], axis=0))
        if diagonal > 0:
            absolute = np.linalg.norm(episode[:, None, dims] - reference[None, :, dims], axis=2)
            distances = np.maximum(distances, absolute / diagonal)
    return distances
