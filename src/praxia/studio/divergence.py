"""How far an episode followed another one from the same start, by the way that the embodiment took."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from praxia.core.embodiment import Embodiment, field_slices

__all__ = ["SKIPPED", "WITHIN", "Followed", "follow", "motion_fields"]

# How far apart is still together: a share of the diagonal of the box that the reference moves in.
WITHIN = 0.15
# How much of the reference may be left out at once: a cut corner, a pause.
SKIPPED = 0.1


@dataclass(frozen=True)
class Followed:
    """An episode stayed with its reference up to `share` of the reference's steps, in [0, 1].

    `left_step` is the first after which it stayed apart to its end; None: at its end it was still, or again, with the
    part of the reference that it had come to.
    """

    share: float
    left_step: int | None


def motion_fields(embodiment: Embodiment) -> list[slice]:
    """The dims of the state that are positions, field by field: hand or joints, and objects where an embodiment knows them."""
    return [dims for part, dims in field_slices(embodiment.state) if part.kind == "position"]


def follow(episode: Float[np.ndarray, "T S"], reference: Float[np.ndarray, "R S"], fields: Sequence[slice]) -> Followed:
    """How far the states of `episode` follow those of `reference` in `fields`; both have at least one.

    Two states are together when in every field they are less than `WITHIN` apart, as a share of the diagonal of the box
    that the reference covers in it; fields in which it never moves are left out. The reference's states are followed in
    order but not step by step: whoever is slower has not left the way. After the state that was followed last, the
    nearest of the next `SKIPPED` of the reference is followed, if they are together.
    """
    apart = _distances(episode, reference, fields)
    last = len(reference) - 1
    ahead = max(1, round(SKIPPED * last))
    place, left_step = 0, None
    for step, row in enumerate(apart):
        near = place + int(row[place : place + ahead + 1].argmin())
        if row[near] < WITHIN:
            place, left_step = near, None
        elif left_step is None:
            left_step = step
    return Followed(place / max(last, 1), left_step)


def _distances(
    episode: Float[np.ndarray, "T S"], reference: Float[np.ndarray, "R S"], fields: Sequence[slice]
) -> Float[np.ndarray, "T R"]:
    """The distance of every two states: that of the field in which they are furthest apart."""
    apart = np.zeros((len(episode), len(reference)))
    for dims in fields:
        diagonal = np.linalg.norm(np.ptp(reference[:, dims], axis=0))
        if diagonal > 0:
            between = np.linalg.norm(episode[:, None, dims] - reference[None, :, dims], axis=2)
            apart = np.maximum(apart, between / diagonal)
    return apart
