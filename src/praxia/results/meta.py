"""The metadata beside a results file: what produced its rows, their competitor, and how two files differ."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from praxia.core.errors import DataError, MismatchError, PraxiaError
from praxia.results.migration import migrate_meta
from praxia.results.rows import Row, repeats_reason

__all__ = [
    "META_SUFFIX",
    "claim_of",
    "competitor_of",
    "differences",
    "expect_same_fingerprint",
    "has_earlier_run",
    "meta_path",
    "parse_meta",
    "policy_of",
    "privilege_of",
    "read_meta",
    "representatives",
    "was_stopped",
]

# Appended to the name of a results file: the file that says what produced its rows.
META_SUFFIX = ".meta.json"

# A commit changes these without changing results: the hash of the source is compared instead.
_NOT_COMPARED = ("revision", "dirty")

# A fingerprint without these entries does not say what the results are of.
_IDENTITY = frozenset(("benchmark", "policy_sha256", "control"))


def meta_path(out: Path) -> Path:
    """The file with the metadata of the results file `out`."""
    return out.with_name(f"{out.name}{META_SUFFIX}")


def parse_meta(out: Path) -> Any:
    """The JSON value beside `out`, of any schema.

    Raises:
        DataError: the file does not exist or is not JSON.
    """
    path = meta_path(out)
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({type(error).__name__}): expected it beside {out.name}") from error


def has_earlier_run(out: Path, resume: bool) -> bool:
    """Whether an evaluation into `out` continues an earlier one, whose metadata is there.

    Raises:
        PraxiaError: `out` is a folder, holds an evaluation and `resume` is False, or has rows without metadata.
    """
    path = meta_path(out)
    if out.is_dir():
        raise PraxiaError(f"expected --out to be a file (X.jsonl), got the folder {out}; name a file in it")
    if not resume and (out.exists() or path.exists()):
        raise PraxiaError(f"{out} already holds an evaluation: choose another --out, or finish it with --resume")
    if out.exists() and not path.exists():
        raise PraxiaError(f"{out} cannot be resumed without {path.name} beside it: choose another --out")
    return path.exists()


def expect_same_fingerprint(out: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Raise MismatchError if an evaluation with the fingerprint `new` does not continue one of `old` in `out`."""
    if changes := differences(old, json.loads(json.dumps(new)), _NOT_COMPARED):
        raise MismatchError(f"{out} was begun differently ({changes}): undo that, or choose another --out")


def read_meta(out: Path) -> dict[str, Any]:
    """The metadata of the results file `out`, in the current schema also where an earlier version wrote it.

    Raises:
        DataError: the file does not exist, is not JSON, is of a later schema, or does not say what was evaluated.
    """
    path, meta = meta_path(out), parse_meta(out)
    fingerprint = meta.get("fingerprint") if isinstance(meta, dict) else None
    if not isinstance(fingerprint, dict) or not fingerprint.keys() >= _IDENTITY:
        raise DataError(f"{path} has no complete fingerprint: expected what `praxia eval` writes beside {out.name}")
    return migrate_meta(path, meta)


def policy_of(fingerprint: Mapping[str, Any]) -> str:
    """The hash of the evaluated policy."""
    return fingerprint["policy_sha256"]


def claim_of(fingerprint: Mapping[str, Any]) -> str | None:
    """What a foreign policy is said to be, in a short phrase; None: the hash covers the policy completely."""
    claim = fingerprint.get("claim")
    if claim is None:
        return None
    source = f"source {claim['source_sha256'][:12]}" if claim["source_sha256"] else "source unknown"
    known = ", ".join(filter(None, (claim["distribution"], source)))
    return f"foreign policy {claim['factory']} ({known}), whose identity is claimed"


def competitor_of(fingerprint: Mapping[str, Any]) -> tuple[str, float | None, str | None]:
    """What counts as one competitor: the policy, the rate at which its chunks are ensembled (None: they are not), and
    the trained embodiment as which it is bound on purpose. Another noise seed is another draw of the same competitor.
    """
    # Files from before temporal ensembling existed hold the benchmark's execution only.
    return policy_of(fingerprint), fingerprint.get("execution", {}).get("ensemble"), fingerprint.get("bind_as")


def was_stopped(meta: Mapping[str, Any]) -> bool:
    """Whether the evaluation was part of a comparison that may stop as soon as it is decided."""
    return bool(meta.get("until_decided"))


def privilege_of(meta: Mapping[str, Any]) -> str | None:
    """What the policy knew that a robot could not measure, in a short phrase; None: nothing.

    "privileged policy" reads the simulator, as scripted experts do. "privileged state" means that the benchmark gives
    every policy what no robot could measure.
    """
    if meta.get("privileged"):
        return "privileged policy"
    return "privileged state" if meta["fingerprint"]["benchmark"].get("privileged_state") else None


def representatives(evaluations: Sequence[tuple[Sequence[Row], Mapping[str, Any]]]) -> list[int]:
    """For each evaluation (rows, meta) on one benchmark, the index of the one that counts for its competitor.

    That is the one with the most episodes that were not errors. One episode per start goes before several, a fixed
    number of episodes before a comparison that stopped when it was decided, and the first before its equals. Files of
    one policy share starts, so two of them are hardly more evidence than one, and never two competitors.
    """
    best: dict[tuple[str, float | None, str | None], int] = {}
    for at, (_, meta) in enumerate(evaluations):
        first = best.setdefault(competitor_of(meta["fingerprint"]), at)
        if _weight(*evaluations[at]) > _weight(*evaluations[first]):
            best[competitor_of(meta["fingerprint"])] = at
    return [best[competitor_of(meta["fingerprint"])] for _, meta in evaluations]


def _weight(rows: Sequence[Row], meta: Mapping[str, Any]) -> tuple[bool, bool, int]:
    return repeats_reason(rows) is None, not was_stopped(meta), sum(row.is_known for row in rows)


def differences(
    one: Mapping[str, Any],
    other: Mapping[str, Any],
    ignored: Collection[str] = (),
    words: tuple[str, str] = ("was", "is"),
) -> str:
    """Every entry in which two JSON objects differ, down to the innermost: "seed was 0, is 1"; "": none does.

    `words` precede the values of `one` and `other`. Outermost entries named in `ignored` may differ. A missing entry
    equals None.
    """
    ours, theirs = ({name: value for name, value in each.items() if name not in ignored} for each in (one, other))
    return "; ".join(_entries(ours, theirs, words))


def _entries(one: Mapping[str, Any], other: Mapping[str, Any], words: tuple[str, str]) -> Iterator[str]:
    for name in {**one, **other}:
        ours, theirs = one.get(name), other.get(name)
        if isinstance(ours, dict) and isinstance(theirs, dict):
            if inner := ", ".join(_entries(ours, theirs, words)):
                yield f"{name} {inner}"
        elif ours != theirs:
            yield f"{name} {words[0]} {ours!r}, {words[1]} {theirs!r}"
