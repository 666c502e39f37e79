"""The edits: each decides what is kept under what names, and writes it.

With `dry_run` they only report what they would do.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np
from jaxtyping import Int64

from praxia.core.errors import DataError, PraxiaError
from praxia.core.keys import generator
from praxia.data.episode import format_episodes, parse_episodes
from praxia.datatools.edit.change import Change, EpisodeSlice
from praxia.datatools.edit.idle import find_idle_frames
from praxia.datatools.edit.intact import open_intact
from praxia.datatools.edit.mergeable import expect_mergeable
from praxia.datatools.edit.renaming import Renaming, resolve_renaming
from praxia.datatools.edit.source import SourceDataset
from praxia.datatools.edit.vectors import join_vectors, reorder_vectors
from praxia.datatools.edit.write import expect_new, write

__all__ = ["delete", "draw_episodes", "join", "merge", "rename", "reorder", "split", "trim"]

EditResult = dict[str, Any]
AnyPath = str | Path


def delete(root: AnyPath, episodes: str, out: AnyPath, *, dry_run: bool = False) -> EditResult:
    """Write a data set without `episodes` ("3,7-9"). It may drop the damaged episodes of a data set.

    Raises:
        PraxiaError: an unknown episode, or all of them; a folder that already exists.
        DataError: a data set that cannot be read.
    """

    def delete_from(source: SourceDataset) -> EditResult:
        removed = sorted(_parse_known(source, episodes))
        if len(damaged := np.setdiff1d(source.damaged, removed)):
            raise DataError(
                f"{root} would keep damaged episodes: {format_episodes(damaged)}; delete them too: "
                f"`praxia data edit delete {quote(str(root))} --episodes "
                f"{format_episodes(np.union1d(source.damaged, removed))} --out {quote(str(out))}`"
            )
        kept = np.flatnonzero(np.isin(source.episode_numbers, removed, invert=True))
        change = Change(
            (EpisodeSlice.all_frames(source, kept),), {"operation": "delete", "episodes": format_episodes(removed)}
        )
        return {"removed": removed, **_write_one(change, out, dry_run)}

    return _on_intact(root, delete_from)


def split(
    root: AnyPath,
    outs: Sequence[AnyPath],
    *,
    episodes: Sequence[str] = (),
    fractions: Sequence[float] = (),
    dry_run: bool = False,
) -> EditResult:
    """Write several data sets from one: with the given episodes, or a fraction of all episodes, in each.

    Given episodes may be the intact ones of a damaged data set. Fractions are drawn at random, always the same episodes
    for data sets of the same size. "removed" lists the episodes that are in none.

    Raises:
        PraxiaError: not one folder per part, an unknown episode or one in two parts, invalid fractions; a folder that
            already exists.
        DataError: a data set that cannot be read.
    """
    if bool(episodes) == bool(fractions):
        raise PraxiaError("expected --episodes or --fractions, but not both, to define the split")
    if len(episodes or fractions) != len(outs):
        raise PraxiaError(f"expected one folder per part, {len(episodes or fractions)} in all, got {len(outs)}")
    if fractions:
        source = SourceDataset.open(root)
        return _split_into(source, draw_episodes(fractions, len(source.lengths)), outs, dry_run)

    def split_numbers(source: SourceDataset) -> EditResult:
        parts = [np.array(sorted(_parse_known(source, text))) for text in episodes]
        chosen, counts = np.unique(np.concatenate(parts), return_counts=True)
        if (counts > 1).any():
            repeated = format_episodes(chosen[counts > 1])
            raise PraxiaError(f"expected each episode in one part at most, got {repeated} in several")
        if len(damaged := np.intersect1d(chosen, source.damaged)):
            raise DataError(
                f"{root} has damaged episodes: {format_episodes(damaged)}; see `praxia data check {quote(str(root))}`; "
                f"intact are {format_episodes(np.sort(source.episode_numbers))}"
            )
        return _split_into(
            source, [np.flatnonzero(np.isin(source.episode_numbers, part)) for part in parts], outs, dry_run
        )

    return _on_intact(root, split_numbers)


def _split_into(
    source: SourceDataset, parts: Sequence[Int64[np.ndarray, " _"]], outs: Sequence[AnyPath], dry_run: bool
) -> EditResult:
    """Write one data set per array of positions in `source`."""
    changes = [
        Change(
            (EpisodeSlice.all_frames(source, part),),
            {"operation": "split", "episodes": format_episodes(np.sort(source.episode_numbers[part]))},
        )
        for part in parts
    ]
    removed = np.setdiff1d(source.episode_numbers, source.episode_numbers[np.concatenate(parts)])
    return {
        "operation": "split",
        "removed": np.union1d(removed, source.damaged).tolist(),
        "parts": _write_all(changes, outs, dry_run),
    }


def _parse_known(source: SourceDataset, text: str) -> list[int]:
    """The episode numbers in `text`, intact or damaged."""
    known = np.union1d(source.episode_numbers, source.damaged)
    named = parse_episodes(text, int(known[-1]) + 1)
    if unknown := np.setdiff1d(named, known).tolist():
        raise PraxiaError(f"there is no episode {unknown[0]}: the data set has episodes {format_episodes(known)}")
    return named


def _on_intact(root: AnyPath, edit: Callable[[SourceDataset], EditResult]) -> EditResult:
    """Apply `edit` to the data set, or to its intact episodes if it is damaged."""
    try:
        return edit(SourceDataset.open(root))
    except DataError:
        source = open_intact(root)
        if source is None:
            raise
        return edit(source)


def merge(roots: Sequence[AnyPath], out: AnyPath, *, dry_run: bool = False) -> EditResult:
    """Write one data set with the episodes of several, one data set after the other; equal instructions become one.

    Raises:
        PraxiaError: fewer than two data sets, or one twice; a folder that already exists.
        MismatchError: data sets with different features, rates, robots, or writers, naming both.
        DataError: a data set that cannot be read.
    """
    if len(roots) < 2 or len({Path(root).resolve() for root in roots}) < len(roots):
        got = ", ".join(map(str, roots)) or "none"
        raise PraxiaError(f"expected two or more different data sets to merge, got {got}")
    sources = [SourceDataset.open(root) for root in roots]
    for other in sources[1:]:
        expect_mergeable(sources[0], other)
    change = Change(tuple(EpisodeSlice.all_frames(source) for source in sources), {"operation": "merge"})
    return {"removed": [], **_write_one(change, out, dry_run)}


def trim(
    root: AnyPath,
    out: AnyPath,
    *,
    features: Sequence[str] = ("observation.state",),
    threshold: float = 0.002,
    frames: int = 5,
    dry_run: bool = False,
) -> EditResult:
    """Write a data set without the idle frames at the start and end of its episodes (see `idle`).

    They are cut if there are more than `frames` of them, and then all of them. Idle frames in the middle stay, because
    the images of an episode are one contiguous range of a video. Episodes that never move are kept unchanged and listed
    as "still". The values of the kept frames do not change, so an episode with a cut end has no `next.done` any more;
    its timestamps start at 0 again.

    Raises:
        PraxiaError: a negative threshold or number of frames; a folder that already exists.
        UnknownName: a feature that is missing or not numeric.
        DataError: a data set that cannot be read.
    """
    if threshold < 0 or frames < 0:
        raise PraxiaError(f"expected --threshold and --frames of at least 0, got {threshold} and {frames}")
    source = SourceDataset.open(root)
    idle = find_idle_frames(source, features, threshold)
    begin, end = (np.where(cut > frames, cut, 0) for cut in (idle.begin, idle.end))
    part = EpisodeSlice(source, np.arange(len(source.lengths)), begin, source.lengths - begin - end)
    operation = {"operation": "trim", "features": list(features), "threshold": threshold, "frames": frames}
    cut = [
        {"episode": episode, "begin": int(begin[episode]), "end": int(end[episode])}
        for episode in np.flatnonzero(part.trimmed).tolist()
    ]
    still = np.flatnonzero(idle.still).tolist()
    return {"removed": [], "trimmed": cut, "still": still, **_write_one(Change((part,), operation), out, dry_run)}


def rename(
    root: AnyPath,
    out: AnyPath,
    *,
    features: Mapping[str, str] | None = None,
    instructions: Mapping[str, str] | None = None,
    embodiment: str | None = None,
    dry_run: bool = False,
) -> EditResult:
    """Write a data set with new names for features (or cameras, such as "front"), instructions, or the robot: old to
    new.

    An instruction that gets the text of another one is merged with it.

    Raises:
        UnknownName: an unknown feature or instruction.
        PraxiaError: nothing to rename, a name that is taken or that readers rely on; a folder that already exists.
        DataError: a data set that cannot be read.
    """
    source = SourceDataset.open(root)
    names = resolve_renaming(source, features or {}, instructions or {}, embodiment)
    operation = {
        "operation": "rename",
        "features": dict(names.features),
        "instructions": dict(names.instructions),
        "embodiment": embodiment,
    }
    return {"removed": [], **_write_one(Change((EpisodeSlice.all_frames(source),), operation, names), out, dry_run)}


def join(root: AnyPath, out: AnyPath, *, features: Mapping[str, Sequence[str]], dry_run: bool = False) -> EditResult:
    """Write a data set with vectors joined from parts: {"observation.state": ["observation.state.arm", ...]}.

    The parts are no longer features of their own.

    Raises:
        UnknownName: a part that is missing or not numeric.
        PraxiaError: nothing to join, a part twice, a name that is taken; a folder that already exists.
        DataError: a data set that cannot be read.
    """
    source = SourceDataset.open(root)
    names = Renaming(vectors=join_vectors(source, features))
    operation = {"operation": "join", "features": {new: list(parts) for new, parts in features.items()}}
    return {"removed": [], **_write_one(Change((EpisodeSlice.all_frames(source),), operation, names), out, dry_run)}


def reorder(root: AnyPath, like: AnyPath, out: AnyPath, *, dry_run: bool = False) -> EditResult:
    """Write a data set whose vectors have their dims in the order of the data set `like`, by name.

    Raises:
        PraxiaError: no vector has the same names in another order; a folder that already exists.
        DataError: a data set that cannot be read.
    """
    source = SourceDataset.open(root)
    names = Renaming(vectors=reorder_vectors(source, SourceDataset.open(like)))
    operation = {
        "operation": "reorder",
        "features": {new: list(dims[0][1]) for new, dims in names.vectors.new_features.items()},
    }
    return {"removed": [], **_write_one(Change((EpisodeSlice.all_frames(source),), operation, names), out, dry_run)}


def _local_folder(out: AnyPath) -> Path:
    if "://" in str(out):
        raise PraxiaError(
            f"expected a folder of this machine as --out, got {out}; write it to this machine, then copy it"
        )
    return Path(out)


def _write_one(change: Change, out: AnyPath, dry_run: bool) -> EditResult:
    return {"operation": change.operation["operation"], **_write_all([change], [out], dry_run)[0]}


def _write_all(changes: Sequence[Change], outs: Sequence[AnyPath], dry_run: bool) -> list[EditResult]:
    folders = [_local_folder(out) for out in outs]
    if not dry_run:
        return write(changes, folders)
    expect_new(changes, folders)
    return [
        {"out": str(out), "episodes": len(change.lengths), "frames": int(change.lengths.sum()), "dry_run": True}
        for change, out in zip(changes, folders, strict=True)
    ]


def draw_episodes(fractions: Sequence[float], total: int) -> list[Int64[np.ndarray, " _"]]:
    """Draw disjoint random sets of episodes of the given fractions, always the same ones for one `total`.

    The draw is random because recordings go through their tasks in turn or one after the other: neither the last
    episodes nor every tenth need be representative. Numbers of episodes are rounded by largest remainder.

    Raises:
        PraxiaError: a fraction that is not positive or too small for one episode, or a sum above 1.
    """
    if min(fractions) <= 0 or sum(fractions) > 1 + 1e-9:
        raise PraxiaError(f"expected positive fractions of at most 1 together, got {', '.join(map(str, fractions))}")
    exact = np.array(fractions) * total
    counts = np.floor(exact + 1e-9).astype(np.int64)
    remaining = round(exact.sum()) - counts.sum()
    counts[np.argsort(counts - exact, kind="stable")[:remaining]] += 1
    if counts.min() < 1:
        small = fractions[int(counts.argmin())]
        raise PraxiaError(
            f"a fraction of {small} of {total} episodes is less than one episode; choose larger fractions"
        )
    order = generator("split", total).permutation(total)
    return [np.sort(part) for part in np.split(order, np.cumsum(counts))[: len(counts)]]
