"""Offline evaluations for people: tables and sentences in the terminal, and a section of the report."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from praxia.core.errors import DataError, MismatchError
from praxia.results.folder import results_name
from praxia.results.meta import claim_of
from praxia.results.offline import OfflineRow, compare_offline, read_trace, summarise_offline
from praxia.studio.charts import Series, line_chart
from praxia.studio.html import Markup, tag
from praxia.studio.sources import OfflineResults
from praxia.studio.tables import html_table

__all__ = [
    "comparison_sentence",
    "offline_section",
    "offline_table",
    "offline_verdict_section",
    "print_offline",
    "print_offline_comparison",
]

# More steps of a chunk than this are shown evenly spaced.
MAX_STEPS = 10


def offline_rows(
    summary: Mapping[str, Any],
) -> list[tuple[str, str, Mapping[str, Any], Mapping[str, Any], float | None]]:
    """(what, unit, policy, baseline, ratio) of the mean absolute error: all dims, each dim, steps of the chunk."""
    ours, theirs, ratio = summary["policy"], summary["baseline"], summary["ratio"]
    units = summary["fingerprint"]["dims"]
    all_units = set(units.values())
    shared = all_units.pop() if len(all_units) == 1 else "mixed units"
    rows = [("all dims", shared, ours["mae"], theirs["mae"], ratio["mae"])]
    for dim, unit in units.items():
        per_dim = ours["mae_per_dim"][dim], theirs["mae_per_dim"][dim], ratio["mae_per_dim"][dim]
        rows.append((dim, unit, *per_dim))
    for step in shown_steps(len(ours["mae_per_step"])):
        per_step = [one["mae_per_step"][step] for one in (ours, theirs, ratio)]
        if per_step[0] is not None:
            rows.append((f"step {step + 1} of the chunk", shared, *per_step))
    return rows


def shown_steps(horizon: int) -> list[int]:
    """At most `MAX_STEPS` steps of a chunk, the first and the last among them."""
    shown = min(horizon, MAX_STEPS)
    return [at * (horizon - 1) // max(shown - 1, 1) for at in range(shown)]


def error_text(mean: Mapping[str, Any]) -> str:
    """A mean with its interval: "0.0123 [0.0101, 0.0145]"; without one for a single episode."""
    if mean["ci95"] is None:
        return f"{mean['mean']:.4g}"
    low, high = mean["ci95"]
    return f"{mean['mean']:.4g} [{low:.4g}, {high:.4g}]"


def offline_table(summary: Mapping[str, Any]) -> Table:
    """Mean absolute errors of the policy and of the baseline, with 95% intervals over episodes."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.title = f"mean absolute action error, {summary['episodes']} episodes, {summary['frames']} frames"
    table.title_justify = table.caption_justify = "left"
    table.caption = f"{summary['intervals']}. Ratio: of both means; below 1 the policy is closer"
    table.add_column("", overflow="fold")
    table.add_column("unit", no_wrap=True)
    for name in ("policy", "holding still", "ratio"):
        table.add_column(name, justify="right", no_wrap=True)
    for at, (what, unit, ours, theirs, ratio) in enumerate(offline_rows(summary)):
        shown = "–" if ratio is None else f"{ratio:.3g}"
        style = "bold" if at == 0 else None
        table.add_row(Text(what), Text(unit), error_text(ours), error_text(theirs), shown, style=style)
    return table


def print_offline(console: Console, summary: Mapping[str, Any]) -> None:
    """The table, the squared error, and what such numbers do not say."""
    if claim := claim_of(summary["fingerprint"]):
        console.print(claim, highlight=False, markup=False, soft_wrap=True)
    console.print(offline_table(summary))
    squared = f"mean squared error {error_text(summary['policy']['mse'])}"
    console.print(f"{squared}; holding still {error_text(summary['baseline']['mse'])}", highlight=False, markup=False)
    console.print(summary["note"], highlight=False, markup=False, soft_wrap=True)


def comparison_sentence(comparison: Mapping[str, Any], a: str, b: str, name: str = "mae") -> str:
    """A sentence such as "new has a lower mean absolute error than old: 0.012 against 0.019, difference -0.007 ..."."""
    one = comparison[name]
    what = {"mae": "mean absolute error", "mse": "mean squared error"}[name]
    means = f"{one['means'][0]:.4g} against {one['means'][1]:.4g}"
    interval = "one episode has no interval"
    if one["ci95"] is not None:
        interval = f"95% interval [{one['ci95'][0]:+.4g}, {one['ci95'][1]:+.4g}]"
    numbers = f"{means}, difference {one['difference']:+.4g} ({interval}) over {comparison['episodes']} episodes"
    if one["lower"] == "undecided":
        return f"{a} and {b} cannot be distinguished by their {what}: {numbers}"
    lower, higher = (a, b) if one["lower"] == "a" else (b, a)
    return f"{lower} has a lower {what} than {higher}: {a} {numbers}"


def print_offline_comparison(console: Console, comparison: Mapping[str, Any], a: str, b: str) -> None:
    """Both sentences, the steps that were compared, and what such numbers do not say."""
    steps = f"over the first {comparison['chunk_steps']} steps of each chunk; {comparison['intervals']}"
    lines: Sequence[str] = (
        comparison_sentence(comparison, a, b),
        comparison_sentence(comparison, a, b, "mse"),
        steps,
        comparison["note"],
    )
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def offline_verdict_section(a: OfflineResults, b: OfflineResults) -> Markup:
    """Which of two policies is closer to the same recorded actions, or why they cannot be compared."""
    names = results_name(a.path), results_name(b.path)
    title = tag("h2", f"{names[0]} against {names[1]} ", tag("span", "offline", class_="soft"))
    try:
        found = compare_offline(a.path, b.path)
    except (DataError, MismatchError) as error:
        return tag("section", title, tag("p", f"No verdict: {error}", class_="warning bad"))
    sentences = [tag("p", comparison_sentence(found, *names, metric), class_="statement") for metric in ("mae", "mse")]
    text = f"Over the first {found['chunk_steps']} steps of each chunk; {found['intervals']}. "
    return tag("section", title, *sentences, tag("p", text, tag("strong", found["note"])))


def offline_section(evaluation: OfflineResults, facts: Markup) -> Markup:
    """What the policy is (`facts`), its errors with their intervals, and the actions of one episode, both drawn."""
    planned = len(evaluation.meta["fingerprint"]["episodes"])
    summary = {**summarise_offline(evaluation.rows), "fingerprint": evaluation.meta["fingerprint"]}
    unfinished = ""
    if len(evaluation.rows) < planned:
        unfinished = f" Not finished: {len(evaluation.rows)} of {planned} episodes."
    size = f"{summary['episodes']:,} episodes and {summary['frames']:,} frames"
    text = f"{size} of {evaluation.meta['data']}.{unfinished} "
    columns = [("", None), ("unit", None), ("policy", "n"), ("holding still", "n"), ("ratio", "n")]
    cells = [
        (what, unit, error_text(ours), error_text(theirs), "–" if ratio is None else f"{ratio:.3g}")
        for what, unit, ours, theirs, ratio in offline_rows(summary)
    ]
    caption = f"Mean absolute error of actions, with {summary['intervals']}. Ratio: below 1 the policy is closer."
    title = tag("h2", "Offline ", tag("span", results_name(evaluation.path), class_="soft"))
    return tag(
        "section",
        title,
        facts,
        tag("p", text, tag("strong", summary["note"])),
        html_table(caption, columns, cells),
        *_drawn_actions(evaluation),
    )


def _drawn_actions(evaluation: OfflineResults) -> list[Markup]:
    """One chart per dim: the first action of every chunk of the episode with the median error, beside the recorded."""
    row = _median(evaluation.rows)
    trace = read_trace(evaluation.path, row.episode)
    frames = trace.frames.astype(np.float64).tolist()
    charts = []
    for dim, (name, unit) in enumerate(evaluation.meta["fingerprint"]["dims"].items()):
        lines = [
            Series(label, frames, values[:, dim].tolist())
            for label, values in (("recorded", trace.recorded), ("predicted", trace.predicted))
        ]
        charts.append(line_chart(f"{name} in {unit}" if unit else name, "frame", lines))
    text = (
        f"Episode {row.episode}, whose error is the median: the first action of the chunk that was predicted from each"
        " recorded observation, beside the recorded action."
    )
    return [tag("p", text), tag("div", *charts, class_="charts")]


def _median(rows: Sequence[OfflineRow]) -> OfflineRow:
    """The row with the median error; of an even number the lower one."""
    return sorted(rows, key=lambda row: row.policy.mae)[(len(rows) - 1) // 2]
