"""A verdict for the terminal: one plain sentence, and a table of the tasks."""

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

__all__ = ["verdict_sentence", "verdict_table"]

_SAYS = {"better": "is better than", "worse": "is worse than", "undecided": "and"}
_STYLES = {"better": "green", "worse": "red", "undecided": ""}
_CAPTION = "alone: starts where only the first, or only the second, succeeded; p: exact McNemar, adjusted by Holm"
_EXPLORATORY = "; it does not allow for having stopped when all tasks together were decided"


def verdict_sentence(verdict: Mapping[str, Any], a: str = "A", b: str = "B") -> str:
    """Such as "A is better than B: +12.4 points [5.0, 19.7] after 143 pairs (31 against 12 discordant), e = 24.1".

    What is not among the pairs is counted behind it: pairs with an error, and episodes without a partner.
    """
    if not verdict["pairs"]:
        return f"{a} {_SAYS['undecided']} {b} cannot be compared: each of {verdict['errors']} pairs has an error"
    undecided = verdict["verdict"] == "undecided"
    ours, theirs = verdict["discordant"]
    low, high = (_points(end) for end in verdict["ci95"])
    evidence = f"e = {verdict['e_value']:.3g}" if verdict["p_value"] is None else f"p = {verdict['p_value']:.2g}"
    return (
        f"{a} {_SAYS[verdict['verdict']]} {b}{' cannot be told apart' if undecided else ''}:"
        f" {_points(verdict['effect'], '+')} points [{low}, {high}] after {verdict['pairs']:,} pairs"
        f" ({ours} against {theirs} discordant), {evidence}{_outlook(verdict) if undecided else ''}{_left_out(verdict)}"
    )


def verdict_table(verdict: Mapping[str, Any]) -> Table:
    """One line a task, and all of them."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.caption, table.caption_justify = _CAPTION + (_EXPLORATORY if verdict["per_task_exploratory"] else ""), "left"
    table.add_column("task", no_wrap=True)
    for name in ("pairs", "alone", "points", "p"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("the first is", no_wrap=True)
    for task, one in verdict["per_task"].items():
        table.add_row(*_cells(task, one), f"{one['p_holm']:.2g}", _word(one))
    table.add_section()
    evidence = "" if verdict["p_value"] is None else f"{verdict['p_value']:.2g}"
    table.add_row(*_cells("all pairs", verdict), evidence, _word(verdict), style="bold")
    table.add_row("mean over tasks", "", "", _points(verdict["macro_effect"], "+"), "", "")
    return table


def _outlook(verdict: Mapping[str, Any]) -> str:
    needed = verdict["pairs_needed"]
    return f"; about {needed:,} pairs would decide such a difference" if needed else ""


def _left_out(verdict: Mapping[str, Any]) -> str:
    counted = {"pairs with an error": verdict["errors"], "episodes without a partner": verdict["unpaired"]}
    found = " and ".join(f"{count:,} {what}" for what, count in counted.items() if count)
    return f"; left out: {found}" if found else ""


def _cells(name: str, one: Mapping[str, Any]) -> tuple[Text | str, ...]:
    ours, theirs = one["discordant"]
    return Text(name), str(one["pairs"]), f"{ours} : {theirs}", _points(one["effect"], "+")


def _points(share: float | None, sign: str = "-") -> str:
    return "–" if share is None else f"{100 * share:{sign}.1f}"


def _word(one: Mapping[str, Any]) -> Text:
    return Text(one["verdict"], style=_STYLES[one["verdict"]])
