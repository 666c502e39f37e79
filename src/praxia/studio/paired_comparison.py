"""Two policies on the same starts: their pairs, the verdict, and its section of the page."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import exp
from typing import Any

import numpy as np

from praxia.core.errors import DataError, MismatchError
from praxia.results.folder import results_name
from praxia.results.pairs import Pair, pair_files
from praxia.results.rows import Row
from praxia.results.sequential import ALPHA, log_e_value
from praxia.results.verdict import verdict_of
from praxia.studio.charts import Series, line_chart
from praxia.studio.comparison import BenchmarkComparison
from praxia.studio.evaluation import LabelledEvaluation
from praxia.studio.html import Markup, tag
from praxia.studio.tables import html_table, percent, points
from praxia.studio.terminal import excluded_episodes, verdict_sentence
from praxia.studio.videos import ReplayVideo, draw_by_task, paired_figure

__all__ = [
    "PairedComparison",
    "evidence_section",
    "paired_comparison_of",
    "select_discordant",
    "verdict_section",
]


@dataclass(frozen=True)
class PairedComparison:
    """Is `a` better than `b`? `pairs` are in planned order, those with a known success in both.

    `verdict` comes from `results.verdict`. `refusal` is the reason why the two cannot be compared, and then there are
    no pairs.
    """

    a: LabelledEvaluation
    b: LabelledEvaluation
    pairs: tuple[Pair, ...] = ()
    verdict: Mapping[str, Any] = field(default_factory=dict)
    refusal: str | None = None


def paired_comparison_of(comparison: BenchmarkComparison) -> PairedComparison | None:
    """The comparison of two policies, in the order of the command line; None unless there are exactly two.

    If the evaluation ran until a decision, only the pairs up to the decision count, because episodes that ended later
    are a biased sample. Otherwise all planned pairs count.
    """
    if len(comparison.paired_candidates) != 2:
        return None
    a, b = _with_distinct_labels(*sorted(comparison.paired_candidates, key=lambda one: one.position))
    try:
        pairing = pair_files(a.source.path, b.source.path)
    except (DataError, MismatchError) as error:
        return PairedComparison(a, b, refusal=str(error))
    verdict = verdict_of(pairing, until_decided=pairing.stopped)
    pairs = [pair for pair in pairing.pairs if pair.is_known]
    return PairedComparison(a, b, tuple(pairs[: verdict["pairs"]]), verdict)


def select_discordant(pairs: Sequence[Pair], max_pairs: int) -> list[Pair]:
    """Draw at most `max_pairs` discordant pairs, in half of which only the first policy succeeded.

    In the other half only the second did. If one kind has too few pairs, the other fills up.
    """
    only_a, only_b = (
        draw_by_task([pair for pair in pairs if pair.outcome == kind], lambda pair: pair.a)
        for kind in ((True, False), (False, True))
    )
    kept = only_a[: max_pairs - min(len(only_b), max_pairs // 2)]
    return [*kept, *only_b[: max_pairs - len(kept)]]


def _with_distinct_labels(
    a: LabelledEvaluation, b: LabelledEvaluation
) -> tuple[LabelledEvaluation, LabelledEvaluation]:
    """Both evaluations, with their file names in the labels if the labels are equal."""
    if a.label != b.label:
        return a, b
    return (
        replace(a, label=f"{a.label} ({results_name(a.source.path)})"),
        replace(b, label=f"{b.label} ({results_name(b.source.path)})"),
    )


_VERDICT_CLASSES = {"better": "good", "worse": "bad"}


def verdict_section(paired: PairedComparison, facts: Sequence[Markup]) -> Markup:
    """What opens the page of a comparison: the verdict, and what both policies are, in `facts`."""
    a, b = paired.a.label, paired.b.label
    name = tag("span", f" on {paired.a.benchmark['name']}", class_="soft")
    if paired.refusal is not None:
        verdict = tag("p", f"No verdict: {paired.refusal}", class_="warning bad")
    else:
        verdict = tag("p", verdict_sentence(paired.verdict, a, b), class_="statement")
    about = [part for label, one in zip((a, b), facts, strict=True) for part in (tag("h3", label), one)]
    return tag(
        "section",
        tag("p", "Praxia report", class_="over"),
        tag("h1", f"{a} against {b}", name),
        verdict,
        *about,
    )


def evidence_section(paired: PairedComparison, videos: Sequence[ReplayVideo]) -> Markup | None:
    """What the verdict rests on; None without a pair.

    `videos` show discordant pairs, the first policy's episode on the left.
    """
    if not paired.pairs:
        return None
    charts = tag("div", _evidence(paired.pairs), _time_to_success(paired), class_="charts")
    return tag(
        "section",
        tag("h2", "Pair by pair"),
        tag("p", _notes(paired), class_="soft"),
        charts,
        _task_table(paired),
        _discordant_videos(paired, videos),
    )


def _notes(paired: PairedComparison) -> str:
    verdict = paired.verdict
    text = "A pair is one start that both policies ran from; it is discordant if exactly one of them succeeded. "
    if verdict["p_value"] is None:
        text += (
            f"Pairs were added until the e-value reached {1 / ALPHA:g}. The e-value and the interval, a confidence "
            "sequence, are valid at any stopping time. Rates elsewhere on this page count all episodes that had ended "
            "by then, which are a biased sample. "
        )
    else:
        text += (
            f"p is from McNemar's exact test and the interval is Newcombe's: both are valid if {verdict['pairs']:,} "
            f"pairs were planned beforehand. The e-value, {verdict['e_value']:,.3g}, is valid at any stopping time; it "
            f"decides from {1 / ALPHA:g} on. "
        )
    text += f"The mean of the differences per task is {points(verdict['macro_effect'], 0.0)} points."
    listed = " and ".join(f"{number} {what}" for what, number in excluded_episodes(verdict).items() if number)
    return f"{text} Excluded: {listed}." if listed else text


def _evidence(pairs: Sequence[Pair]) -> Markup:
    """The e-value after each pair, in planned order."""
    wins = np.cumsum(
        [[a and not b, b and not a] for a, b in [(False, False), *(pair.outcome for pair in pairs)]], axis=0
    )
    e_values = [exp(min(value, 690.0)) for value in log_e_value(wins[:, 0], wins[:, 1])]
    shown = [Series("e-value", [float(index) for index in range(len(e_values))], e_values)]
    shown.append(Series("decided", [0.0, float(len(pairs))], [1 / ALPHA] * 2))
    return line_chart("Evidence of a difference (e-value, logarithmic)", "pairs in planned order", shown, log=True)


def _time_to_success(paired: PairedComparison) -> Markup:
    horizon = max(row.steps for pair in paired.pairs for row in (pair.a, pair.b))
    shown = [
        _succeeded_by(paired.a.label, [pair.a for pair in paired.pairs], horizon),
        _succeeded_by(paired.b.label, [pair.b for pair in paired.pairs], horizon),
    ]
    ks = paired.verdict["time_to_success"]["ks"]
    text = "Share of episodes with success by this step"
    if ks is not None:
        text += f" (Kolmogorov-Smirnov test of the steps to success: p = {ks['p_value']:.2g})"
    return line_chart(text, "step", shown)


def _succeeded_by(label: str, rows: Sequence[Row], horizon: int) -> Series:
    """The empirical distribution of the first success step, over episodes that count as successes."""
    steps = sorted(row.success_step for row in rows if row.status == "success" and row.success_step is not None)
    x, y = [0.0], [0.0]
    for number, step in enumerate(steps, 1):
        x += [float(step)] * 2
        y += [y[-1], number / len(rows)]
    return Series(label, [*x, float(horizon)], [*y, y[-1]])


def _task_table(paired: PairedComparison) -> Markup:
    verdict, a, b = paired.verdict, paired.a.label, paired.b.label
    caption = "p is from McNemar's exact test per task, adjusted for the number of tasks by Holm's method."
    if verdict["per_task_exploratory"]:
        caption += " It does not account for stopping when all tasks together were decided."
    columns = [("task", None), ("pairs", "n"), (a, "n"), (b, "n"), ("points", "n")]
    columns += [(f"only {a}", "n"), (f"only {b}", "n"), ("p", "n"), (f"{a} is", None)]
    tasks = [task for task in dict.fromkeys(row.task for row in paired.a.rows) if task in verdict["per_task"]]
    rows = [_cells(task, verdict["per_task"][task], _of(task, paired.pairs), "p_holm") for task in tasks]
    return html_table(caption, columns, rows, foot=_cells("all", verdict, paired.pairs, "p_value"))


def _of(task: str, pairs: Iterable[Pair]) -> list[Pair]:
    return [pair for pair in pairs if pair.task == task]


def _cells(name: str, one: Mapping[str, Any], pairs: Sequence[Pair], p: str) -> list[object]:
    rates = [sum(pair.outcome[side] for pair in pairs) / len(pairs) for side in (0, 1)]
    p_value = "–" if one[p] is None else f"{one[p]:.2g}"
    word = tag("span", one["verdict"], class_=_VERDICT_CLASSES.get(one["verdict"], "soft"))
    return [name, len(pairs), *map(percent, rates), points(*rates), *one["discordant"], p_value, word]


def _discordant_videos(paired: PairedComparison, videos: Sequence[ReplayVideo]) -> Markup | None:
    if not videos:
        return None
    text = (
        f"Starts from which exactly one policy succeeded: {paired.a.label} on the left, {paired.b.label} on the right, "
        "half of each kind where possible, task by task, ordered by the hash of the start. A shorter episode ends on "
        "its last image."
    )
    names = paired.a.label, paired.b.label
    figures = tag("div", *(paired_figure(video, names) for video in videos), class_="videos pairs")
    return tag("div", tag("h3", "Where they differ"), tag("p", text, class_="soft"), figures)
