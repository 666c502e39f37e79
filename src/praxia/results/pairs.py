"""Two evaluations of the same starts, paired episode by episode."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from praxia.core.errors import DataError, MismatchError, PraxiaError
from praxia.core.keys import content_key
from praxia.results.meta import competitor_of, differences, policy_of, read_meta, was_stopped
from praxia.results.rows import Row, read_rows, repeats_reason

__all__ = ["POLICY_FIELDS", "Pair", "Pairing", "pair_files", "pair_rows", "round_robin"]

Item = TypeVar("Item")

# Entries of a fingerprint in which two results may differ and still be compared: the policy, how it was run, and the
# commit where it did not change the source.
_POLICY = frozenset(("policy_sha256", "weights_sha256", "sampling", "bind_as", "claim", "planner"))
POLICY_FIELDS = _POLICY | {"execution", "seed", "exact", "device", "threads", "revision", "dirty"}


@dataclass(frozen=True)
class Pair:
    """The episodes of both policies from one start."""

    a: Row
    b: Row

    @property
    def task(self) -> str:
        return self.a.task

    @property
    def is_known(self) -> bool:
        """Whether both episodes have a known success. Other pairs carry no information."""
        return self.a.is_known and self.b.is_known

    @property
    def is_error(self) -> bool:
        """Whether either episode is an error."""
        return "error" in (self.a.status, self.b.status)

    @property
    def outcome(self) -> tuple[bool, bool]:
        """(the first policy succeeded, the second policy succeeded)."""
        return self.a.status == "success", self.b.status == "success"


@dataclass(frozen=True)
class Pairing:
    """Pairs in round-robin order of tasks, and the number of rows of either evaluation that have no partner.

    `stopped`: the number of pairs depends on their outcomes, because a comparison stopped when it was decided.
    """

    pairs: tuple[Pair, ...]
    unpaired: int
    stopped: bool = False


def pair_files(a: Path, b: Path) -> Pairing:
    """The pairs of two results files.

    Raises:
        PraxiaError: both are the same file.
        DataError: a file cannot be read, or lacks planned episodes (those that end first are no fair sample).
        MismatchError: the evaluations differ in more than the policy (names every difference), have no start in common,
            or are of one policy.
    """
    if a.resolve() == b.resolve():
        raise PraxiaError(f"expected the results of two policies, got {a} for both")
    rows, metas = (read_rows(a), read_rows(b)), (read_meta(a), read_meta(b))
    for path, mine, meta in zip((a, b), rows, metas, strict=True):
        _expect_complete(path, len(mine), meta)
    _expect_same_evaluation(a, metas[0]["fingerprint"], b, metas[1]["fingerprint"])
    _expect_two_policies(a, metas[0]["fingerprint"], b, metas[1]["fingerprint"])
    pairing = pair_rows(*rows)
    if not pairing.pairs:
        raise MismatchError(
            f"{a} ({len(rows[0])} episodes) and {b} ({len(rows[1])}) have no start in common: expected evaluations on"
            " the same benchmark; evaluate both with the same `praxia eval --benchmark`"
        )
    return replace(pairing, stopped=any(map(was_stopped, metas)))


def pair_rows(a: Iterable[Row], b: Iterable[Row]) -> Pairing:
    """The pairs of rows with the same start, in the order of `a` within a task, round-robin over the tasks.

    Raises:
        MismatchError: either has several episodes from one start.
    """
    ours, others = list(a), list(b)
    if (reason := repeats_reason([*ours, *others])) is not None:
        raise MismatchError(f"expected one episode per start, got {reason}")
    theirs = {row.start: row for row in others}
    pairs = [Pair(row, theirs[row.start]) for row in ours if row.start in theirs]
    return Pairing(tuple(round_robin(pairs, lambda pair: pair.task)), len(ours) + len(theirs) - 2 * len(pairs))


def round_robin(items: Iterable[Item], task: Callable[[Item], str]) -> Iterator[Item]:
    """The first item of every task, then the second of every task that has one, and so on.

    Pairs of episodes are planned, run and counted in this order. Each round has its own order of tasks, which is always
    the same: with one order for all rounds, a comparison that stops within a round would always lack the same tasks.
    The order does not depend on which other tasks exist, so the rest of a stopped comparison, which may lack some, is
    read in the order in which it was run.
    """
    queues: dict[str, deque[Item]] = {}
    for item in items:
        queues.setdefault(task(item), deque()).append(item)
    for turn in count():
        if not queues:
            return
        for name in sorted(queues, key=lambda name: content_key(["turn", turn, name])):
            yield queues[name].popleft()
        queues = {name: queue for name, queue in queues.items() if queue}


def _expect_complete(path: Path, num_episodes: int, meta: Mapping[str, Any]) -> None:
    if num_episodes < meta.get("planned", 0) and not was_stopped(meta):
        raise DataError(
            f"{path} holds {num_episodes} of {meta['planned']} planned episodes. Those that end first are no fair"
            f" sample: finish the evaluation with --resume ({meta['command']})"
        )


def _expect_same_evaluation(a: Path, ours: dict[str, Any], b: Path, theirs: dict[str, Any]) -> None:
    names = [one["benchmark"]["name"] for one in (ours, theirs)]
    if names[0] != names[1]:
        raise MismatchError(
            f"{a} is of benchmark {names[0]!r}, but {b} is of {names[1]!r}: evaluate both on the same benchmark"
        )
    if found := differences(ours, theirs, POLICY_FIELDS, words=("is", "against")):
        raise MismatchError(
            f"{a} and {b} were evaluated differently ({found}): evaluate both again with the same `praxia eval`, on one"
            " machine"
        )


def _expect_two_policies(a: Path, ours: Mapping[str, Any], b: Path, theirs: Mapping[str, Any]) -> None:
    if competitor_of(ours) == competitor_of(theirs):
        raise MismatchError(
            f"expected the results of two policies, got {a} and {b} of the same one ({policy_of(ours)[:12]}): name the"
            " results of another policy"
        )
