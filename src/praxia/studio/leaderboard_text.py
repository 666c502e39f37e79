"""A leaderboard for the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from praxia.studio.figures import interval, percent

__all__ = ["leaderboard_table"]

_CAPTION = "Places that cannot be excluded: policies are tied unless a paired test (McNemar, Holm) says otherwise."
_ADJUSTED = " Adjusted: for what other policies did at these starts and at others."
_MEANS = {"macro": "mean over tasks", "macro_of_groups": "mean over groups", "adjusted": "adjusted"}
_UNRANKED = {"privileged": "privileged", "control": "control", "policy": "–"}


def leaderboard_table(table: Mapping[str, Any]) -> Table:
    """One benchmark's table of a leaderboard; what it compares unpaired, or was judged differently, is marked."""
    shown = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    shown.title, shown.title_justify = table["benchmark"], "left"
    if table["differs"]:
        shown.title += f" ({table['differs']})"
    shown.caption, shown.caption_justify = _caption(table), "left"
    shown.add_column("place", no_wrap=True)
    shown.add_column("file", overflow="fold")
    means = [name for name in _MEANS if any(one[name] for one in table["entries"])]
    for name in ("n", "errors", "success", "95% interval", *(_MEANS[name] for name in means)):
        shown.add_column(name, justify="right")
    for one in table["entries"]:
        shown.add_row(
            _place(one),
            Text(one["file"] + ("*" if one["differs"] else "")),
            str(one["episodes"]),
            str(one["errors"]),
            percent(one["success"]),
            interval(one),
            *(f"{percent(one[name]['success'])} {interval(one[name])}" if one[name] else "" for name in means),
        )
    return shown


def _is_privileged(table: Mapping[str, Any]) -> bool:
    return any(one["privilege"] == "privileged state" for one in table["entries"])


def _place(one: Mapping[str, Any]) -> str:
    if one["repeats"] is not None:
        return "repeat"
    if one["rank"] is None:
        return one["control"] or _UNRANKED[one["kind"]]
    best, worst = one["rank"]
    return str(best) if best == worst else f"{best}–{worst}"


def _caption(table: Mapping[str, Any]) -> str:
    said = "Every policy here knows what a robot cannot measure. " if _is_privileged(table) else ""
    said += _CAPTION + (_ADJUSTED if any(one["adjusted"] for one in table["entries"]) else "")
    if unpaired := sum(one["test"] == "fisher" for one in table["comparisons"]):
        said += f" {unpaired} of {len(table['comparisons'])} tests are unpaired (Fisher): too few starts in common."
    if stopped := [one["file"] for one in table["entries"] if one["until_decided"]]:
        said += f" Of comparisons that stopped when decided, not of a fixed number: {', '.join(stopped)}."
    said += "".join(
        f" {one['file']} is of the same policy as {one['repeats']}, which counts."
        for one in table["entries"]
        if one["repeats"] is not None
    )
    said += "".join(f" *{one['file']}: {one['differs']}." for one in table["entries"] if one["differs"])
    return said
