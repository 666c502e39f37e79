"""Two evaluations of the same starts, episode beside episode."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from praxia.core.errors import DataError, MismatchError, PraxiaError
from praxia.results.differences import differences
from praxia.results.identity import competitor_of, policy_of, was_stopped
from praxia.results.rows import Row, read_rows
from praxia.results.store import read_meta
from praxia.results.turns import in_turn

__all__ = ["POLICYS_OWN", "Pair", "Pairing", "pair_files", "pair_rows"]

# Entries of a fingerprint in which two results may differ and still be compared: what the policy is, how it was asked,
# and where a commit did not change the source.
_POLICY = frozenset(("policy_sha256", "weights_sha256", "sampling", "bind_as"))
POLICYS_OWN = _POLICY | {"execution", "seed", "exact", "device", "threads", "revision", "dirty"}


@dataclass(frozen=True)
class Pair:
    """The episodes of both policies from one start."""

    a: Row
    b: Row

    @property
    def task(self) -> str:
        return self.a.task

    @property
    def is_error(self) -> bool:
        """Whether either episode is an error: then the pair says nothing."""
        return "error" in (self.a.status, self.b.status)

    @property
    def outcome(self) -> tuple[bool, bool]:
        """Whether the first, and whether the second, succeeded."""
        return self.a.status == "success", self.b.status == "success"


@dataclass(frozen=True)
class Pairing:
    """Pairs, those of all tasks in turn, and how many rows of either evaluation have no partner.

    `stopped`: how many pairs there are was decided by what they said.
    """

    pairs: tuple[Pair, ...]
    unpaired: int
    stopped: bool = False


def pair_files(a: Path, b: Path) -> Pairing:
    """The pairs of two results files.

    Raises:
        PraxiaError: both are the same file.
        DataError: a file cannot be read, or lacks episodes that were planned: those that end first are no fair sample.
        MismatchError: they were not judged alike, with all that differs, have no start in common, or are of one policy.
    """
    if a.resolve() == b.resolve():
        raise PraxiaError(f"expected the results of two policies, got {a} for both")
    rows, metas = (read_rows(a), read_rows(b)), (read_meta(a), read_meta(b))
    for path, mine, meta in zip((a, b), rows, metas, strict=True):
        _expect_whole(path, len(mine), meta)
    _expect_alike(a, metas[0]["fingerprint"], b, metas[1]["fingerprint"])
    _expect_two(a, metas[0]["fingerprint"], b, metas[1]["fingerprint"])
    pairing = pair_rows(*rows)
    if not pairing.pairs:
        raise MismatchError(
            f"{a} ({len(rows[0])} episodes) and {b} ({len(rows[1])}) have no start in common: expected evaluations of"
            " the same benchmark; judge both with the same `praxia eval --benchmark`"
        )
    return replace(pairing, stopped=any(map(was_stopped, metas)))


def _expect_whole(path: Path, episodes: int, meta: Mapping[str, Any]) -> None:
    if episodes < meta.get("planned", 0) and not was_stopped(meta):
        raise DataError(
            f"{path} holds {episodes} of {meta['planned']} planned episodes, those that ended first, which are no fair"
            f" sample: go on with --resume ({meta['command']})"
        )


def pair_rows(a: Iterable[Row], b: Iterable[Row]) -> Pairing:
    """The pairs of rows with the same start, in the order of `a` within a task and the tasks in turn."""
    ours, theirs = list(a), {row.start: row for row in b}
    pairs = [Pair(row, theirs[row.start]) for row in ours if row.start in theirs]
    return Pairing(tuple(in_turn(pairs, lambda pair: pair.task)), len(ours) + len(theirs) - 2 * len(pairs))


def _expect_two(a: Path, ours: Mapping[str, Any], b: Path, theirs: Mapping[str, Any]) -> None:
    if competitor_of(ours) == competitor_of(theirs):
        raise MismatchError(
            f"expected the results of two policies, got {a} and {b} of the same one ({policy_of(ours)[:12]}): name"
            " results of another policy"
        )


def _expect_alike(a: Path, ours: dict[str, Any], b: Path, theirs: dict[str, Any]) -> None:
    names = [one["benchmark"]["name"] for one in (ours, theirs)]
    if names[0] != names[1]:
        raise MismatchError(f"{a} is of benchmark {names[0]!r}, but {b} of {names[1]!r}: judge both on the same one")
    if found := differences(ours, theirs, POLICYS_OWN, words=("has", "but")):
        raise MismatchError(
            f"{a} and {b} were not judged alike ({found}): judge both again with the same `praxia eval`, on one machine"
        )
