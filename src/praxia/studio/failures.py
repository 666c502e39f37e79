"""Failed episodes, by how far each followed one that succeeded from the same start."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from praxia.results.rows import Row
from praxia.studio.comparison import Comparison
from praxia.studio.divergence import SKIPPED, Followed, follow, motion_fields
from praxia.studio.evaluation import Evaluation
from praxia.studio.lot import tasks_in_turn
from praxia.studio.repetition import Episode, Repeater, Repetition
from praxia.studio.videos import Video, video_pairs

__all__ = ["GROUPS", "Failure", "Failures", "failures_of", "group_of"]

# How far a failure followed its reference, from the least on.
GROUPS = ("early", "middle", "late", "to its end")
# Failures of one policy that are repeated at most: some hundred steps each, and as many of its reference.
_MOST = 60


@dataclass(frozen=True)
class Failure:
    """A failed episode of `row`, how far it followed one that succeeded, and the name of who did."""

    row: Row
    reference: str
    followed: Followed

    @property
    def group(self) -> str:
        return group_of(self.followed.share)


@dataclass(frozen=True)
class Failures:
    """The failures of the policy of this name.

    `num_failed` there are, `num_referred` of them have a reference, and `found` are those that were repeated. `videos`
    has one of each group, the failure on the left. `unfit` says why others that were repeated are not among them.
    """

    policy: str
    num_failed: int
    num_referred: int
    found: tuple[Failure, ...]
    unfit: tuple[str, ...]
    videos: Mapping[str, Video]


def group_of(share: float) -> str:
    """The group of a failure that followed `share`, in [0, 1], of its reference."""
    return GROUPS[3] if share >= 1 - SKIPPED else GROUPS[int(3 * share)]


def failures_of(comparison: Comparison, repeater: Repeater) -> list[Failures]:
    """Those of two contenders, or of the main policy where there are not two; none where nobody else succeeded.

    An episode's reference is the expert's from the same start where that succeeded, else the other contender's.
    """
    judged = comparison.contenders if len(comparison.contenders) == 2 else (comparison.main,)
    experts = [one for one in comparison.all if one.kind == "expert"]
    references = [*experts, *(one for one in judged if one.kind != "expert")]
    found = [
        _find(one, [other for other in references if other is not one], repeater)
        for one in judged
        if one.kind != "expert"
    ]
    return [one for one in found if one.num_referred]


def _find(one: Evaluation, references: Sequence[Evaluation], repeater: Repeater) -> Failures:
    failed = [row for row in one.rows if row.status == "failure"]
    succeeded = {
        row.start: (reference, row)
        for reference in reversed(references)
        for row in reference.rows
        if row.status == "success"
    }
    referred = [row for row in failed if row.start in succeeded]
    chosen = tasks_in_turn(referred, lambda row: row)[:_MOST]
    pairs = [
        (Episode(one.source, row), Episode(reference.source, target))
        for row, (reference, target) in ((row, succeeded[row.start]) for row in chosen)
    ]
    found, unfit = {}, []
    for place, both in repeater.pairs(pairs, images=False):
        # What went otherwise than was counted says nothing about the episode that was counted.
        mismatches = [repetition.mismatch for repetition in both if repetition.mismatch is not None]
        unfit += mismatches[:1]
        if not mismatches:
            row = chosen[place]
            found[place] = Failure(row, succeeded[row.start][0].label, _followed(*both))
    shown = {group: next((at for at in sorted(found) if found[at].group == group), None) for group in GROUPS}
    places = {group: place for group, place in shown.items() if place is not None}
    videos = video_pairs([pairs[place] for place in places.values()], repeater)
    failures = tuple(found[place] for place in sorted(found))
    return Failures(
        one.label, len(failed), len(referred), failures, tuple(unfit), dict(zip(places, videos, strict=True))
    )


def _followed(failure: Repetition, reference: Repetition) -> Followed:
    assert reference.embodiment is not None, "an episode that could not be begun is a mismatch"
    fields = motion_fields(reference.embodiment)
    return follow(np.stack(failure.states), np.stack(reference.states), fields)
