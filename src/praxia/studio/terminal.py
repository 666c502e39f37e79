"""Tables and sentences for the terminal: success rates, leaderboards, verdicts."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from praxia.results.meta import claim_of, privilege_of
from praxia.results.rows import Row
from praxia.results.summary import summarise_as
from praxia.studio.tables import errors_and_unknown, interval, mean_steps_to_success, percent

__all__ = ["excluded_episodes", "leaderboard_table", "rank_table", "success_table", "verdict_sentence", "verdict_table"]

_BAR_CHARS = 10
_SUCCESS_CAPTION = "█ to the interval's lower end, ░ to its upper end; steps: mean to success"


def success_table(rows: Sequence[Row], meta: Mapping[str, Any], title: str | None = None) -> Table:
    """One line per task, one for all episodes, and the means over tasks; 80 columns wide if task names are short.

    `meta` is the metadata stored with the rows. If its benchmark averages over groups of tasks, each group has a line.
    The title names a foreign policy, and information that the policy had and a robot would not have.
    """
    benchmark = meta["fingerprint"]["benchmark"]
    summary = summarise_as(benchmark, rows)
    averaged = summary["macro_of_groups"] is not None
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    titles = title, claim_of(meta["fingerprint"]), privilege_of(meta)
    table.title = " · ".join(filter(None, titles)) or None
    table.title_justify = "left"
    table.caption, table.caption_justify = _SUCCESS_CAPTION, "left"
    table.add_column("task", no_wrap=True)
    for name in ("n", "errors", "success", "95% interval"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("0 – 100%", no_wrap=True)
    table.add_column("steps", justify="right")
    for task, one in summary["per_task"].items():
        table.add_row(*_success_cells(task, one), mean_steps_to_success([row for row in rows if row.task == task]))
    table.add_section()
    if averaged:
        for group, tasks in benchmark["groups"].items():
            mine = [row for row in rows if row.task in tasks]
            table.add_row(*_success_cells(group, summary["per_group"][group]), mean_steps_to_success(mine))
        table.add_section()
    table.add_row(*_success_cells("all episodes", summary), mean_steps_to_success(rows), style="bold")
    table.add_row(*_mean_cells("mean over tasks", summary["macro"]))
    if averaged:
        table.add_row(*_mean_cells("mean over groups", summary["macro_of_groups"]))
    return table


def rank_table(result: Mapping[str, Any]) -> Table:
    """One line per policy that was ranked inside a world (`evaluation.inside.rank_inside`), the best first."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.title, table.title_justify = f"{result['benchmark']}, {result['episodes']} episodes inside the world", "left"
    table.caption, table.caption_justify = "ranks alone: the score is no success rate", "left"
    for name in ("rank", "95% interval", "score inside"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("policy")
    for row in result["policies"]:
        low, high = row["rank_ci95"]
        table.add_row(f"{row['rank']:g}", f"{low:g} to {high:g}", f"{row['score_inside']:.3f}", row["policy"])
    return table


def _mean_cells(name: str, mean: Mapping[str, Any]) -> tuple[str, ...]:
    return name, "", "", percent(mean["success"]), interval(mean), "", ""


def _success_cells(name: str, summary: Mapping[str, Any]) -> tuple[str | Text, ...]:
    errors = Text(errors_and_unknown(summary), style="red" if summary["errors"] else "")
    return Text(name), str(summary["episodes"]), errors, percent(summary["success"]), interval(summary), _bar(summary)


def _bar(summary: Mapping[str, Any]) -> str:
    if summary["ci95"] is None:
        return ""
    low, high = (round(end * _BAR_CHARS) for end in summary["ci95"])
    return "█" * low + "░" * (high - low) + "·" * (_BAR_CHARS - high)


_RANK_CAPTION = "Ranks that cannot be excluded: policies are tied unless a paired test (McNemar, Holm) separates them."
_ADJUSTED = " Adjusted: for how difficult the starts were for other policies."
_MEANS = {"macro": "mean over tasks", "macro_of_groups": "mean over groups", "adjusted": "adjusted"}
_UNRANKED = {"privileged": "privileged", "control": "control", "policy": "–"}


def leaderboard_table(table: Mapping[str, Any]) -> Table:
    """The leaderboard of one benchmark; unpaired tests and evaluations with different settings are marked."""
    shown = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    shown.title, shown.title_justify = table["benchmark"], "left"
    if table["differs"]:
        shown.title += f" ({table['differs']})"
    shown.caption, shown.caption_justify = _leaderboard_caption(table), "left"
    shown.add_column("rank", no_wrap=True)
    shown.add_column("file", overflow="fold")
    means = [name for name in _MEANS if any(one[name] for one in table["entries"])]
    for name in ("n", "errors", "success", "95% interval", *(_MEANS[name] for name in means)):
        shown.add_column(name, justify="right")
    for one in table["entries"]:
        shown.add_row(
            _rank(one),
            Text(one["file"] + ("*" if one["differs"] else "")),
            str(one["episodes"]),
            errors_and_unknown(one),
            percent(one["success"]),
            interval(one),
            *(f"{percent(one[name]['success'])} {interval(one[name])}" if one[name] else "" for name in means),
        )
    return shown


def _is_privileged(table: Mapping[str, Any]) -> bool:
    return any(one["privilege"] == "privileged state" for one in table["entries"])


def _rank(one: Mapping[str, Any]) -> str:
    if one["repeats"] is not None:
        return "repeat"
    if one["rank"] is None:
        return one["control"] or _UNRANKED[one["kind"]]
    best, worst = one["rank"]
    return str(best) if best == worst else f"{best}–{worst}"


def _leaderboard_caption(table: Mapping[str, Any]) -> str:
    text = "Every policy here uses information that a robot cannot measure. " if _is_privileged(table) else ""
    text += _RANK_CAPTION + (_ADJUSTED if any(one["adjusted"] for one in table["entries"]) else "")
    if unpaired := sum(one["test"] == "fisher" for one in table["comparisons"]):
        text += f" {unpaired} of {len(table['comparisons'])} tests are unpaired (Fisher): too few shared starts."
    if stopped := [one["file"] for one in table["entries"] if one["until_decided"]]:
        text += " Files of comparisons that stopped once decided, not after a fixed number of pairs: "
        text += f"{', '.join(stopped)}."
    text += "".join(
        f" {one['file']} evaluates the same policy as {one['repeats']}, which is ranked."
        for one in table["entries"]
        if one["repeats"] is not None
    )
    text += "".join(f" {one['file']}: {one['claim']}." for one in table["entries"] if "claim" in one)
    text += "".join(f" *{one['file']}: {one['differs']}." for one in table["entries"] if one["differs"])
    return text


_VERBS = {"better": "is better than", "worse": "is worse than", "undecided": "and"}
_STYLES = {"better": "green", "worse": "red", "undecided": ""}
_VERDICT_CAPTION = "alone: starts where only the first or only the second succeeded; p: exact McNemar, adjusted by Holm"
_EXPLORATORY = "; it does not account for stopping when all tasks together were decided"


def verdict_sentence(verdict: Mapping[str, Any], a: str = "A", b: str = "B") -> str:
    """A sentence such as "A is better than B: +12.4 points [5.0, 19.7] after 143 pairs (31 against 12 discordant)".

    It ends with the number of excluded episodes: pairs with an error or an unknown success, and episodes without a
    partner.
    """
    if not verdict["pairs"] and "unknown" in verdict:
        return (
            f"{a} {_VERBS['undecided']} {b} cannot be compared: no pair has a known success in both{_excluded(verdict)}"
        )
    if not verdict["pairs"]:
        return f"{a} {_VERBS['undecided']} {b} cannot be compared: each of {verdict['errors']} pairs has an error"
    undecided = verdict["verdict"] == "undecided"
    only_a, only_b = verdict["discordant"]
    low, high = (_points(end) for end in verdict["ci95"])
    evidence = f"e = {verdict['e_value']:.3g}" if verdict["p_value"] is None else f"p = {verdict['p_value']:.2g}"
    outlook = _outlook(verdict) if undecided else ""
    return (
        f"{a} {_VERBS[verdict['verdict']]} {b}{' cannot be distinguished' if undecided else ''}:"
        f" {_points(verdict['effect'], '+')} points [{low}, {high}] after {verdict['pairs']:,} pairs"
        f" ({only_a} against {only_b} discordant), {evidence}{outlook}{_excluded(verdict)}"
    )


def verdict_table(verdict: Mapping[str, Any]) -> Table:
    """One line per task, and one for all pairs."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.caption, table.caption_justify = (
        _VERDICT_CAPTION + (_EXPLORATORY if verdict["per_task_exploratory"] else ""),
        "left",
    )
    table.add_column("task", no_wrap=True)
    for name in ("pairs", "alone", "points", "p"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("the first is", no_wrap=True)
    for task, one in verdict["per_task"].items():
        table.add_row(*_verdict_cells(task, one), f"{one['p_holm']:.2g}", _verdict_cell(one))
    table.add_section()
    evidence = "" if verdict["p_value"] is None else f"{verdict['p_value']:.2g}"
    table.add_row(*_verdict_cells("all pairs", verdict), evidence, _verdict_cell(verdict), style="bold")
    table.add_row("mean over tasks", "", "", _points(verdict["macro_effect"], "+"), "", "")
    return table


def _outlook(verdict: Mapping[str, Any]) -> str:
    needed = verdict["pairs_needed"]
    return f"; about {needed:,} pairs would decide a difference of this size" if needed else ""


def _excluded(verdict: Mapping[str, Any]) -> str:
    listed = " and ".join(f"{count:,} {what}" for what, count in excluded_episodes(verdict).items() if count)
    return f"; excluded: {listed}" if listed else ""


def excluded_episodes(verdict: Mapping[str, Any]) -> dict[str, int]:
    """What a verdict does not rest on, and how many there are of each."""
    return {
        "pairs with an error": verdict["errors"],
        "pairs with an unknown success": verdict.get("unknown", 0),
        "unpaired episodes": verdict["unpaired"],
    }


def _verdict_cells(name: str, one: Mapping[str, Any]) -> tuple[Text | str, ...]:
    only_a, only_b = one["discordant"]
    return Text(name), str(one["pairs"]), f"{only_a} : {only_b}", _points(one["effect"], "+")


def _points(share: float | None, sign: str = "-") -> str:
    return "–" if share is None else f"{100 * share:{sign}.1f}"


def _verdict_cell(one: Mapping[str, Any]) -> Text:
    return Text(one["verdict"], style=_STYLES[one["verdict"]])
