"""Where failures leave the way of an episode that succeeded: how many of each task, and a film of each group."""

from collections.abc import Sequence
from statistics import median

from praxia.studio.divergence import SKIPPED, WITHIN
from praxia.studio.failures import GROUPS, Failure, Failures
from praxia.studio.markup import Markup, tag
from praxia.studio.tabular import tabular
from praxia.studio.video_section import side_by_side

__all__ = ["failure_section"]

_HEADS = ("in its first third", "in its second", "in its last", "never: to its end")
_METHOD = (
    "Failures by the part of the reference in which they lost it. Both episodes were repeated from the same start. A "
    f"failure follows its reference, in order but at its own speed, while all positions are within {WITHIN:.0%} of the "
    f"range that the reference covers, and it may skip {SKIPPED:.0%} of it at once. A hand can follow to the end while "
    "the object stays behind."
)


def failure_section(failures: Failures) -> Markup:
    """The failures of one policy."""
    found = failures.found
    rows = [
        _cells(task, [one for one in found if one.row.task == task]) for task in sorted({f.row.task for f in found})
    ]
    columns = [("task", None), ("failures", "n"), *((name, "n") for name in _HEADS), ("lost it after step", "n")]
    columns += [("reference", None)]
    videos = [_film(group, failures) for group in GROUPS if group in failures.videos]
    return tag(
        "section",
        tag("h2", f"Where {failures.policy} fails"),
        tag("p", _counts(failures), class_="soft"),
        _broken(failures),
        tabular(_METHOD, columns, rows, foot=_cells("all", found)) if rows else None,
        tag("div", *videos, class_="films pairs") if videos else None,
    )


def _counts(failures: Failures) -> str:
    text = f"{failures.num_referred} of {failures.num_failed} failures have a reference: an episode that succeeded "
    text += "from the same start, the expert's where there is one."
    repeated = len(failures.found) + len(failures.unfit)
    return text if repeated == failures.num_referred else f"{text} {repeated} of them, drawn by lot, were repeated."


def _broken(failures: Failures) -> Markup | None:
    if not failures.unfit:
        return None
    text = f"{len(failures.unfit)} of them could not be repeated as they were counted. The first: {failures.unfit[0]}"
    return tag("p", text, class_="warning bad", role="note")


def _cells(name: str, found: Sequence[Failure]) -> list[object]:
    counts = [sum(one.group == group for one in found) for group in GROUPS]
    left = [one.followed.left_step for one in found if one.followed.left_step is not None]
    references = ", ".join(dict.fromkeys(one.reference for one in found))
    # A zero would be the most frequent number here, and the least interesting.
    shown = [count or "·" for count in counts]
    return [name, len(found), *shown, f"{median(left):.0f}" if left else "–", references]


def _film(group: str, failures: Failures) -> Markup:
    video = failures.videos[group]
    shown = next(one for one in failures.found if one.row == video.rows[0])
    share = f"{shown.followed.share:.0%} of the reference"
    left = shown.followed.left_step
    text = f"followed {share}" if left is None else f"followed {share}, then left it, after step {left}"
    return side_by_side(video, (failures.policy, shown.reference), [tag("span", text)])
