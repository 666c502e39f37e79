"""The verdict between two policies: a sentence, the evidence as it grew, how fast both succeed, task by task."""

from collections.abc import Iterable, Mapping, Sequence
from math import exp
from typing import Any

import numpy as np

from praxia.results.pairs import Pair
from praxia.results.rows import Row
from praxia.results.sequential import ALPHA, log_e_value
from praxia.studio.charts import Series, line_chart
from praxia.studio.duel import Duel
from praxia.studio.figures import percent, points
from praxia.studio.markup import Markup, tag
from praxia.studio.tabular import tabular
from praxia.studio.verdict_text import verdict_sentence
from praxia.studio.video_section import side_by_side
from praxia.studio.videos import Video

__all__ = ["verdict_section"]

_WORDS = {"better": "good", "worse": "bad"}


def verdict_section(duel: Duel, videos: Sequence[Video]) -> Markup:
    """Everything about one duel; `videos` are of discordant pairs, the first policy's episode on the left."""
    a, b = duel.a.label, duel.b.label
    title = tag("h2", f"{a} against {b}")
    if duel.refusal is not None:
        return tag("section", title, tag("p", f"No verdict: {duel.refusal}", class_="warning bad"))
    says = tag("p", verdict_sentence(duel.verdict, a, b), class_="says")
    if not duel.pairs:
        return tag("section", title, says)
    charts = tag("div", _evidence(duel.pairs), _time_to_success(duel), class_="charts")
    return tag(
        "section", title, says, tag("p", _notes(duel), class_="soft"), charts, _tasks(duel), _watched(duel, videos)
    )


def _notes(duel: Duel) -> str:
    verdict = duel.verdict
    text = "A pair is one start that both met; it is discordant where one alone succeeded. "
    if verdict["p_value"] is None:
        text += (
            f"Pairs were taken until the e-value reached {1 / ALPHA:g}. It and the interval, a confidence sequence, "
            "hold whenever one stops. Rates elsewhere on this page count all episodes that had ended by then, which "
            "are no fair sample. "
        )
    else:
        text += (
            f"p is McNemar's exact test and the interval Newcombe's: both hold if {verdict['pairs']:,} pairs were "
            f"planned beforehand. The e-value, {verdict['e_value']:,.3g}, would hold whenever one stops; it decides "
            f"from {1 / ALPHA:g} on. "
        )
    text += f"The mean of the tasks' differences is {points(verdict['macro_effect'], 0.0)} points."
    left_out = [(verdict["errors"], "pairs with an error"), (verdict["unpaired"], "episodes without a partner")]
    said = " and ".join(f"{number} {what}" for number, what in left_out if number)
    return f"{text} Left out: {said}." if said else text


def _evidence(pairs: Sequence[Pair]) -> Markup:
    """The e-value after each pair, in planned order."""
    alone = np.cumsum(
        [[a and not b, b and not a] for a, b in [(False, False), *(pair.outcome for pair in pairs)]], axis=0
    )
    grown = [exp(min(value, 690.0)) for value in log_e_value(alone[:, 0], alone[:, 1])]
    shown = [Series("e-value", [float(at) for at in range(len(grown))], grown)]
    shown.append(Series("decided", [0.0, float(len(pairs))], [1 / ALPHA] * 2))
    return line_chart("Evidence that they differ (e-value, logarithmic)", "pairs in planned order", shown, log=True)


def _time_to_success(duel: Duel) -> Markup:
    horizon = max(row.steps for pair in duel.pairs for row in (pair.a, pair.b))
    shown = [
        _succeeded_by(duel.a.label, [pair.a for pair in duel.pairs], horizon),
        _succeeded_by(duel.b.label, [pair.b for pair in duel.pairs], horizon),
    ]
    ks = duel.verdict["time_to_success"]["ks"]
    text = "Share of episodes that had succeeded"
    if ks is not None:
        text += f" (Kolmogorov-Smirnov test of the successes' steps: p = {ks['p_value']:.2g})"
    return line_chart(text, "step", shown)


def _succeeded_by(label: str, rows: Sequence[Row], horizon: int) -> Series:
    """A staircase: up where an episode first succeeded that counts as a success."""
    steps = sorted(row.success_step for row in rows if row.status == "success" and row.success_step is not None)
    x, y = [0.0], [0.0]
    for number, step in enumerate(steps, 1):
        x += [float(step)] * 2
        y += [y[-1], number / len(rows)]
    return Series(label, [*x, float(horizon)], [*y, y[-1]])


def _tasks(duel: Duel) -> Markup:
    verdict, a, b = duel.verdict, duel.a.label, duel.b.label
    caption = "p is McNemar's exact test of a task's pairs, adjusted for the number of tasks by Holm's method."
    if verdict["per_task_exploratory"]:
        caption += " It does not allow for having stopped when all tasks together were decided."
    columns = [("task", None), ("pairs", "n"), (a, "n"), (b, "n"), ("points", "n")]
    columns += [(f"{a} alone", "n"), (f"{b} alone", "n"), ("p", "n"), (f"{a} is", None)]
    tasks = [task for task in dict.fromkeys(row.task for row in duel.a.rows) if task in verdict["per_task"]]
    rows = [_cells(task, verdict["per_task"][task], _of(task, duel.pairs), "p_holm") for task in tasks]
    return tabular(caption, columns, rows, foot=_cells("all", verdict, duel.pairs, "p_value"))


def _of(task: str, pairs: Iterable[Pair]) -> list[Pair]:
    return [pair for pair in pairs if pair.task == task]


def _cells(name: str, one: Mapping[str, Any], pairs: Sequence[Pair], p: str) -> list[object]:
    rates = [sum(pair.outcome[at] for pair in pairs) / len(pairs) for at in (0, 1)]
    p_value = "–" if one[p] is None else f"{one[p]:.2g}"
    word = tag("span", one["verdict"], class_=_WORDS.get(one["verdict"], "soft"))
    return [name, len(pairs), *map(percent, rates), points(*rates), *one["discordant"], p_value, word]


def _watched(duel: Duel, videos: Sequence[Video]) -> Markup | None:
    if not videos:
        return None
    text = (
        f"Starts where one alone succeeded: {duel.a.label} on the left, {duel.b.label} on the right, as many of either "
        "kind as there are, tasks in turn, those whose start has the smallest hash first. The one that is over first "
        "stands still."
    )
    names = duel.a.label, duel.b.label
    wall = tag("div", *(side_by_side(video, names) for video in videos), class_="films pairs")
    return tag("div", tag("h3", "Where they differ"), tag("p", text, class_="soft"), wall)
