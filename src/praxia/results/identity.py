"""Whose results are whose: one policy is one competitor, however many files it left."""

from collections.abc import Mapping, Sequence
from typing import Any

from praxia.results.rows import Row

__all__ = ["competing", "competitor_of", "policy_of", "was_stopped"]


def policy_of(fingerprint: Mapping[str, Any]) -> str:
    """The hash of the policy that was judged."""
    return fingerprint["policy_sha256"]


def competitor_of(fingerprint: Mapping[str, Any]) -> tuple[str, float | None, str | None]:
    """What makes a competitor: the policy, the rate at which its chunks were ensembled (None: they were not), and as
    which trained embodiment it was bound on purpose. The seed of its noise does not: that is another draw of the same.
    """
    # Files from before ensembling say nothing of the pace beside the benchmark's.
    return policy_of(fingerprint), fingerprint.get("execution", {}).get("ensemble"), fingerprint.get("bind_as")


def was_stopped(meta: Mapping[str, Any]) -> bool:
    """Whether what `meta` describes may have been stopped when a comparison was decided."""
    return bool(meta.get("until_decided"))


def competing(evaluations: Sequence[tuple[Sequence[Row], Mapping[str, Any]]]) -> list[int]:
    """Of each evaluation on one benchmark, (rows, meta), the place of the one that counts for its competitor.

    That is the one with the most episodes that were not errors, one of a fixed number before one that stopped when a
    comparison was decided, and the first of equals. Files of one policy share starts, so two of them are hardly more
    evidence than one, and never two competitors.
    """
    best: dict[tuple[str, float | None, str | None], int] = {}
    for at, (_, meta) in enumerate(evaluations):
        first = best.setdefault(competitor_of(meta["fingerprint"]), at)
        if _weight(*evaluations[at]) > _weight(*evaluations[first]):
            best[competitor_of(meta["fingerprint"])] = at
    return [best[competitor_of(meta["fingerprint"])] for _, meta in evaluations]


def _weight(rows: Sequence[Row], meta: Mapping[str, Any]) -> tuple[bool, int]:
    return not was_stopped(meta), sum(row.status != "error" for row in rows)
