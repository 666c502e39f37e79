"""Two policies on the same starts: their pairs and the verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from praxia.core.errors import DataError, MismatchError
from praxia.results.folder import results_name
from praxia.results.pairs import Pair, pair_files
from praxia.results.verdict import verdict_of
from praxia.studio.comparison import Comparison
from praxia.studio.evaluation import Evaluation
from praxia.studio.lot import tasks_in_turn

__all__ = ["Duel", "duel_of", "worth_watching"]


@dataclass(frozen=True)
class Duel:
    """Is `a` better than `b`? `pairs` are in planned order; those with an error are not among them.

    `verdict` is that of `results.verdict`. `refusal` says why the two cannot be compared: then there are no pairs.
    """

    a: Evaluation
    b: Evaluation
    pairs: tuple[Pair, ...] = ()
    verdict: Mapping[str, Any] = field(default_factory=dict)
    refusal: str | None = None


def duel_of(comparison: Comparison) -> Duel | None:
    """The duel of the two contenders, in the order in which they were named; None where there are fewer, or more.

    Where results were judged until it was decided, only the pairs that it took count: what ended after them is no fair
    sample. Otherwise all pairs count, as many as were planned.
    """
    if len(comparison.contenders) != 2:
        return None
    a, b = _told_apart(*sorted(comparison.contenders, key=lambda one: one.place))
    try:
        pairing = pair_files(a.source.path, b.source.path)
    except (DataError, MismatchError) as error:
        return Duel(a, b, refusal=str(error))
    verdict = verdict_of(pairing, until_decided=pairing.stopped)
    judged = [pair for pair in pairing.pairs if not pair.is_error]
    return Duel(a, b, tuple(judged[: verdict["pairs"]]), verdict)


def worth_watching(pairs: Sequence[Pair], most: int) -> list[Pair]:
    """At most `most` discordant pairs, drawn by lot: half where the first policy alone succeeded, half the other way.

    Where one kind has fewer, the other has more.
    """
    ours, theirs = (
        tasks_in_turn([pair for pair in pairs if pair.outcome == kind], lambda pair: pair.a)
        for kind in ((True, False), (False, True))
    )
    kept = ours[: most - min(len(theirs), most // 2)]
    return [*kept, *theirs[: most - len(kept)]]


def _told_apart(a: Evaluation, b: Evaluation) -> tuple[Evaluation, Evaluation]:
    """Both under different labels."""
    if a.label != b.label:
        return a, b
    return (
        replace(a, label=f"{a.label} ({results_name(a.source.path)})"),
        replace(b, label=f"{b.label} ({results_name(b.source.path)})"),
    )
