"""The results in a folder, ranked as far as they can be distinguished."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from scipy.stats import fisher_exact

from praxia.results.difficulty import Difficulty, adjusted_rate
from praxia.results.folder import ResultsFile, read_folder
from praxia.results.mcnemar import PairCounts, mcnemar_p_value
from praxia.results.meta import claim_of, differences, policy_of, privilege_of, representatives, was_stopped
from praxia.results.pairs import POLICY_FIELDS, pair_rows
from praxia.results.rows import Row
from praxia.results.sequential import ALPHA
from praxia.results.statistics import holm
from praxia.results.summary import summarise_as

__all__ = ["leaderboard", "ranking"]


# Entries of a summary that a leaderboard takes over.
_RATES = ("episodes", "errors", "unknown", "success", "ci95", "macro", "macro_of_groups")


def leaderboard(folder: Path) -> dict[str, Any]:
    """`{tables: [TABLE], unreadable: [{file, reason}]}` of all results files in and below a folder.

    There is one TABLE per benchmark: `{benchmark, differs, entries: [ENTRY], comparisons: [COMPARISON]}`. `differs`
    says in what a benchmark differs from an earlier one with the same name.

    An ENTRY is `{file, kind, control, privilege, rank, repeats, policy_sha256, episodes, errors, success, ci95, macro,
    macro_of_groups, adjusted, until_decided, differs}`. Competing policies come first, by falling success, then
    privileged policies, then controls. Rates are those of `summary.summarise`. Several files of one policy are one
    competitor: one of them is ranked, and `repeats` in the others is its name (`meta.representatives`). `rank` is the
    range [best, worst] of ranks that cannot be excluded: policies are tied unless a test separates them. `adjusted` is
    `difficulty.adjusted_rate` from the other policies, without controls. `until_decided` marks the episodes of a
    comparison that stopped when it was decided, for which rates and tests are not those of a fixed number. `differs`
    says in what, except the policy, an evaluation differs from the first one of the table. That of a foreign policy has
    a "claim" too (`meta.claim_of`), and one with episodes whose success is unknown their number, `unknown`.

    A COMPARISON is `{a, b, test, effect, pairs, p_value, p_holm}`. The test is "mcnemar", exact and paired, where both
    policies met at least half of the starts of the smaller evaluation, and otherwise "fisher" on all episodes of their
    common tasks. `effect` is the tested difference of success rates. Holm's adjustment covers the table.

    Raises:
        PraxiaError: the folder does not exist or holds no results.
    """
    entries, unreadable = read_folder(folder)
    first: dict[str, Mapping[str, Any]] = {}
    tables = []
    for group in _by_benchmark(entries):
        benchmark = group[0].fingerprint["benchmark"]
        earlier = first.setdefault(benchmark["name"], benchmark)
        tables.append({"benchmark": benchmark["name"], "differs": differences(earlier, benchmark), **ranking(group)})
    return {"tables": tables, "unreadable": [{"file": name, "reason": why} for name, why in unreadable.items()]}


def _by_benchmark(entries: Sequence[ResultsFile]) -> list[list[ResultsFile]]:
    groups: list[list[ResultsFile]] = []
    for entry in entries:
        benchmark = entry.fingerprint["benchmark"]
        known = (group for group in groups if not differences(group[0].fingerprint["benchmark"], benchmark))
        if (group := next(known, None)) is None:
            groups.append([entry])
        else:
            group.append(entry)
    return groups


def ranking(entries: Sequence[ResultsFile]) -> dict[str, Any]:
    """The entries and comparisons of a TABLE of `leaderboard`, from results on one benchmark."""
    repeated = _repeated(entries)
    counting = [entry for entry, name in zip(entries, repeated, strict=True) if name is None]
    described = [
        {**_described(entry, entries[0], counting), "repeats": name}
        for entry, name in zip(entries, repeated, strict=True)
    ]
    ranked = [
        entry
        for entry, one in zip(entries, described, strict=True)
        if entry.kind == "policy" and one["success"] is not None and one["repeats"] is None
    ]
    comparisons = [_compared(a, b) for a, b in combinations(ranked, 2)]
    for one, adjusted in zip(comparisons, holm([one["p_value"] for one in comparisons]), strict=True):
        one["p_holm"] = adjusted
    ranks = _ranks([entry.name for entry in ranked], comparisons)
    rows = [{**one, "rank": ranks.get(one["file"])} for one in described]
    order = ("policy", "privileged", "control")
    rows.sort(
        key=lambda one: (
            order.index(one["kind"]),
            one["repeats"] is not None,
            1 if one["success"] is None else -one["success"],
        )
    )
    return {"entries": rows, "comparisons": comparisons}


def _repeated(entries: Sequence[ResultsFile]) -> list[str | None]:
    """For each entry the name of the one that is ranked in its place; None: it is ranked itself, or is a control."""
    policies = [entry for entry in entries if entry.kind != "control"]
    counting = representatives([(entry.rows, entry.meta) for entry in policies])
    names = {entry.name: policies[at].name for entry, at in zip(policies, counting, strict=True)}
    found = [names.get(entry.name, entry.name) for entry in entries]
    return [None if name == entry.name else name for entry, name in zip(entries, found, strict=True)]


def _described(entry: ResultsFile, first: ResultsFile, counting: Sequence[ResultsFile]) -> dict[str, Any]:
    """`first` is the first entry of the table. `counting` are the entries that are ranked for their policy."""
    mine = policy_of(entry.fingerprint)
    others = [one.rows for one in counting if one.kind != "control" and policy_of(one.fingerprint) != mine]
    summary = summarise_as(entry.fingerprint["benchmark"], entry.rows)
    return {
        "file": entry.name,
        "kind": entry.kind,
        "control": entry.fingerprint["control"],
        "privilege": privilege_of(entry.meta),
        "policy_sha256": mine,
        **({"claim": claim} if (claim := claim_of(entry.fingerprint)) else {}),
        **{name: summary[name] for name in _RATES if name in summary},
        "adjusted": None if entry.kind == "control" else adjusted_rate(entry.rows, Difficulty.of(others)),
        "until_decided": was_stopped(entry.meta),
        "differs": differences(first.fingerprint, entry.fingerprint, POLICY_FIELDS | {"control"}),
    }


def _compared(a: ResultsFile, b: ResultsFile) -> dict[str, Any]:
    ours, theirs = ([row for row in entry.rows if row.is_known] for entry in (a, b))
    counts = PairCounts.of(pair.outcome for pair in pair_rows(ours, theirs).pairs)
    if 2 * counts.pairs >= min(len(ours), len(theirs)):
        test, effect, p_value = "mcnemar", counts.effect, mcnemar_p_value(counts)
    else:
        test, (effect, p_value) = "fisher", _unpaired(ours, theirs)
    return {"a": a.name, "b": b.name, "test": test, "effect": effect, "pairs": counts.pairs, "p_value": p_value}


def _unpaired(a: Sequence[Row], b: Sequence[Row]) -> tuple[float | None, float]:
    """The difference of success rates in the common tasks and Fisher's p-value; (None, 1) without a common task."""
    common = {row.task for row in a} & {row.task for row in b}
    statuses = [[row.status for row in rows if row.task in common] for rows in (a, b)]
    if not common:
        return None, 1.0
    ours, theirs = (mine.count("success") / len(mine) for mine in statuses)
    found: Any = fisher_exact([[mine.count("success"), mine.count("failure")] for mine in statuses])
    return ours - theirs, float(found.pvalue)


def _ranks(ranked: Sequence[str], comparisons: Sequence[Mapping[str, Any]]) -> dict[str, list[int]]:
    """The range of ranks of each policy: below those that a test puts above it, above those that it puts below."""
    above, below = dict.fromkeys(ranked, 0), dict.fromkeys(ranked, 0)
    for one in comparisons:
        if one["p_holm"] <= ALPHA:
            better, worse = (one["a"], one["b"]) if one["effect"] > 0 else (one["b"], one["a"])
            above[worse] += 1
            below[better] += 1
    return {name: [1 + above[name], len(ranked) - below[name]] for name in ranked}
