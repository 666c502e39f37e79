"""Failed episodes, grouped by how far each followed a successful episode from the same start."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from praxia.results.rows import Row
from praxia.studio.comparison import BenchmarkComparison
from praxia.studio.divergence import MAX_SKIP, TOLERANCE, TrajectoryMatch, match_trajectory, motion_fields
from praxia.studio.evaluation import LabelledEvaluation
from praxia.studio.html import Markup, tag
from praxia.studio.replay import EpisodeRow, ReplayedEpisode, ReplayRunner
from praxia.studio.tables import html_table
from praxia.studio.videos import ReplayVideo, draw_by_task, make_pair_videos, paired_figure

__all__ = ["GROUPS", "Failure", "FailureAnalysis", "analyse_failures", "failure_section", "group_of"]

# How far a failure followed its reference, in increasing order.
GROUPS = ("early", "middle", "late", "to its end")
# The most failures of one policy to replay: some hundred steps each, and as many of its reference.
_MAX_REPLAYS = 60
_HEADINGS = ("in its first third", "in its second", "in its last", "never: to its end")
_METHOD = (
    "Failures by the part of the reference in which they diverged from it. Both episodes were replayed from the same "
    "start. A failure follows its reference, in order but at its own speed, while all positions are within "
    f"{TOLERANCE:.0%} of the range that the reference covers, and it may skip {MAX_SKIP:.0%} of the reference at once. "
    "A gripper can follow to the end while the object stays behind."
)


@dataclass(frozen=True)
class Failure:
    """The failed episode of `row`, and how far it matches a successful one by the policy named `reference`."""

    row: Row
    reference: str
    match: TrajectoryMatch

    @property
    def group(self) -> str:
        return group_of(self.match.share)


@dataclass(frozen=True)
class FailureAnalysis:
    """The failures of one policy.

    Of `num_failed` failures, `num_with_reference` have a reference, and `found` are those that were replayed. `videos`
    has one video per group, the failure on the left. `mismatches` has one reason per replayed failure that is not in
    `found`.
    """

    policy: str
    num_failed: int
    num_with_reference: int
    found: tuple[Failure, ...]
    mismatches: tuple[str, ...]
    videos: Mapping[str, ReplayVideo]


def group_of(share: float) -> str:
    """The group of a failure that followed `share`, in [0, 1], of its reference."""
    return GROUPS[3] if share >= 1 - MAX_SKIP else GROUPS[int(3 * share)]


def analyse_failures(comparison: BenchmarkComparison, runner: ReplayRunner) -> list[FailureAnalysis]:
    """One analysis per policy of a pair, or for the main policy without a pair; empty without any reference.

    The reference of an episode is the expert's from the same start if it succeeded, else the other policy's.
    """
    policies = comparison.paired_candidates if len(comparison.paired_candidates) == 2 else (comparison.main,)
    experts = [one for one in comparison.all if one.kind == "expert"]
    references = [*experts, *(one for one in policies if one.kind != "expert")]
    analyses = [
        _analyse(one, [other for other in references if other is not one], runner)
        for one in policies
        if one.kind != "expert"
    ]
    return [one for one in analyses if one.num_with_reference]


def _analyse(
    one: LabelledEvaluation, references: Sequence[LabelledEvaluation], runner: ReplayRunner
) -> FailureAnalysis:
    failed = [row for row in one.rows if row.status == "failure"]
    succeeded = {
        row.start: (reference, row)
        for reference in reversed(references)
        for row in reference.rows
        if row.status == "success"
    }
    with_reference = [row for row in failed if row.start in succeeded]
    selected = draw_by_task(with_reference, lambda row: row)[:_MAX_REPLAYS]
    pairs = [
        (EpisodeRow(one.source, row), EpisodeRow(reference.source, target))
        for row, (reference, target) in ((row, succeeded[row.start]) for row in selected)
    ]
    found, mismatches = {}, []
    for index, pair in runner.replay_pairs(pairs, images=False):
        # A replay that differs from its row says nothing about the episode that was counted.
        reasons = [replayed.mismatch for replayed in pair if replayed.mismatch is not None]
        mismatches += reasons[:1]
        if not reasons:
            row = selected[index]
            found[index] = Failure(row, succeeded[row.start][0].label, _match(*pair))
    first = {group: next((index for index in sorted(found) if found[index].group == group), None) for group in GROUPS}
    shown = {group: index for group, index in first.items() if index is not None}
    videos = make_pair_videos([pairs[index] for index in shown.values()], runner)
    return FailureAnalysis(
        one.label,
        len(failed),
        len(with_reference),
        tuple(found[index] for index in sorted(found)),
        tuple(mismatches),
        dict(zip(shown, videos, strict=True)),
    )


def _match(failure: ReplayedEpisode, reference: ReplayedEpisode) -> TrajectoryMatch:
    assert reference.embodiment is not None, "an episode that could not be started is a mismatch"
    fields = motion_fields(reference.embodiment)
    return match_trajectory(np.stack(failure.states), np.stack(reference.states), fields)


def failure_section(analysis: FailureAnalysis) -> Markup:
    """The section about one policy's failures."""
    found = analysis.found
    rows = [
        _cells(task, [one for one in found if one.row.task == task]) for task in sorted({f.row.task for f in found})
    ]
    columns = [("task", None), ("failures", "n"), *((name, "n") for name in _HEADINGS), ("diverged after step", "n")]
    columns += [("reference", None)]
    videos = [_group_figure(group, analysis) for group in GROUPS if group in analysis.videos]
    return tag(
        "section",
        tag("h2", f"Where {analysis.policy} fails"),
        tag("p", _counts(analysis), class_="soft"),
        _mismatch_warning(analysis),
        html_table(_METHOD, columns, rows, foot=_cells("all", found)) if rows else None,
        tag("div", *videos, class_="videos pairs") if videos else None,
    )


def _counts(analysis: FailureAnalysis) -> str:
    text = (
        f"{analysis.num_with_reference} of {analysis.num_failed} failures have a reference: a successful episode from "
        "the same start, the expert's where there is one."
    )
    replayed = len(analysis.found) + len(analysis.mismatches)
    if replayed == analysis.num_with_reference:
        return text
    return f"{text} {replayed} of them, drawn at random, were replayed."


def _mismatch_warning(analysis: FailureAnalysis) -> Markup | None:
    if not analysis.mismatches:
        return None
    text = f"{len(analysis.mismatches)} replays differ from the results. The first: {analysis.mismatches[0]}"
    return tag("p", text, class_="warning bad", role="note")


def _cells(name: str, found: Sequence[Failure]) -> list[object]:
    counts = [sum(one.group == group for one in found) for group in GROUPS]
    steps = [one.match.diverged_step for one in found if one.match.diverged_step is not None]
    references = ", ".join(dict.fromkeys(one.reference for one in found))
    # Zero would be the most frequent number here, and the least interesting.
    shown = [count or "·" for count in counts]
    return [name, len(found), *shown, f"{median(steps):.0f}" if steps else "–", references]


def _group_figure(group: str, analysis: FailureAnalysis) -> Markup:
    video = analysis.videos[group]
    failure = next(one for one in analysis.found if one.row == video.rows[0])
    share = f"{failure.match.share:.0%} of the reference"
    step = failure.match.diverged_step
    text = f"followed {share}" if step is None else f"followed {share}, diverged after step {step}"
    return paired_figure(video, (analysis.policy, failure.reference), [tag("span", text)])
