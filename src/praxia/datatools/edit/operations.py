"""Operations"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np
from jaxtyping import Int64

from praxia.core.errors import DataError, PraxiaError
from praxia.core.keys import generator
from praxia.data.episode_numbers import format_episodes, parse_episodes
from praxia.datatools.edit.change import Change, EpisodeSlice
from praxia.datatools.edit.idle import idle
from praxia.datatools.edit.intact import whole
from praxia.datatools.edit.mergeable import expect_alike
from praxia.datatools.edit.renaming import Names, names_of
from praxia.datatools.edit.source import SourceDataset
from praxia.datatools.edit.vectors import joined, reordered
from praxia.datatools.edit.write import expect_new, write

__all__ = ["delete", "drawn", "join", "merge", "rename", "reorder", "split", "trim"]

Said = dict[str, Any]
AnyPath = str | Path


def delete(root: AnyPath, episodes: str, out: AnyPath, *, dry_run: bool = False) -> Said:
    """A data set without the episodes that `episodes` names ("3,7-9"): those of which parts are missing, for one.

    Raises:
        PraxiaError: an episode that is not there, or all of them; a folder that is there already.
        DataError: a data set that cannot be read.
    """

    def without(source: SourceDataset) -> Said:
        removed = sorted(_named(source, episodes))
        if len(lost := np.setdiff1d(source.lost, removed)):
            raise DataError(
                f"{root}: not whole, and would be kept: episodes {format_episodes(lost)}; delete them too: "
                f"`praxia data edit delete {quote(str(root))} --episodes "
                f"{format_episodes(np.union1d(source.lost, removed))} --out {quote(str(out))}`"
            )
        kept = np.flatnonzero(np.isin(source.numbers, removed, invert=True))
        change = Change(
            (EpisodeSlice.whole(source, kept),), {"operation": "delete", "episodes": format_episodes(removed)}
        )
        return {"removed": removed, **_make(change, out, dry_run)}

    return _of_whole(root, without)


def split(
    root: AnyPath,
    outs: Sequence[AnyPath],
    *,
    episodes: Sequence[str] = (),
    fractions: Sequence[float] = (),
    dry_run: bool = False,
) -> Said:
    """Several data sets out of one: of the episodes that are named for each, or of a fraction of them each.

    Episodes that are named may be the whole ones of a data set of which other parts are missing. Which episodes make up
    a fraction is drawn at random, always the same ones for data sets of one size. "removed" are the episodes that are
    in none.

    Raises:
        PraxiaError: not as many folders as parts, an episode that is not there or in two parts, fractions that do not
            go; a folder that is there already.
        DataError: a data set that cannot be read.
    """
    if bool(episodes) == bool(fractions):
        raise PraxiaError("expected --episodes or --fractions, one of them, to say how to split")
    if len(episodes or fractions) != len(outs):
        raise PraxiaError(f"expected a folder for each of {len(episodes or fractions)} parts, got {len(outs)}")
    if fractions:
        source = SourceDataset.open(root)
        return _parted(source, drawn(fractions, len(source.lengths)), outs, dry_run)

    def of_numbers(source: SourceDataset) -> Said:
        parts = [np.array(sorted(_named(source, text))) for text in episodes]
        together, counts = np.unique(np.concatenate(parts), return_counts=True)
        if (counts > 1).any():
            said = format_episodes(together[counts > 1])
            raise PraxiaError(f"expected each episode in one part at most, got {said} in several")
        if len(lost := np.intersect1d(together, source.lost)):
            raise DataError(
                f"{root}: not whole: episodes {format_episodes(lost)}; `praxia data check {quote(str(root))}` says why; "
                f"whole are {format_episodes(np.sort(source.numbers))}"
            )
        return _parted(source, [np.flatnonzero(np.isin(source.numbers, part)) for part in parts], outs, dry_run)

    return _of_whole(root, of_numbers)


def _parted(
    source: SourceDataset, parts: Sequence[Int64[np.ndarray, " _"]], outs: Sequence[AnyPath], dry_run: bool
) -> Said:
    """`parts` are places of episodes in `source`."""
    changes = [
        Change(
            (EpisodeSlice.whole(source, part),),
            {"operation": "split", "episodes": format_episodes(np.sort(source.numbers[part]))},
        )
        for part in parts
    ]
    removed = np.setdiff1d(source.numbers, source.numbers[np.concatenate(parts)])
    return {
        "operation": "split",
        "removed": np.union1d(removed, source.lost).tolist(),
        "parts": _make_all(changes, outs, dry_run),
    }


def _named(source: SourceDataset, text: str) -> list[int]:
    """The numbers of the episodes that `text` names, whole or not."""
    known = np.union1d(source.numbers, source.lost)
    named = parse_episodes(text, int(known[-1]) + 1)
    if unknown := np.setdiff1d(named, known).tolist():
        raise PraxiaError(f"there is no episode {unknown[0]}: the data set has episodes {format_episodes(known)}")
    return named


def _of_whole(root: AnyPath, edit: Callable[[SourceDataset], Said]) -> Said:
    """`edit` of the data set; of its whole episodes where it cannot be read for parts that are missing."""
    try:
        return edit(SourceDataset.open(root))
    except DataError:
        source = whole(root)
        if source is None:
            raise
        return edit(source)


def merge(roots: Sequence[AnyPath], out: AnyPath, *, dry_run: bool = False) -> Said:
    """One data set of the episodes of several, one data set after the other; equal instructions become one.

    Raises:
        PraxiaError: fewer than two data sets, or one twice; a folder that is there already.
        MismatchError: data sets with different features, rates, robots, or writers, naming both.
        DataError: a data set that cannot be read.
    """
    if len(roots) < 2 or len({Path(root).resolve() for root in roots}) < len(roots):
        got = ", ".join(map(str, roots)) or "none"
        raise PraxiaError(f"expected two or more different data sets to merge, got {got}")
    sources = [SourceDataset.open(root) for root in roots]
    for other in sources[1:]:
        expect_alike(sources[0], other)
    change = Change(tuple(EpisodeSlice.whole(source) for source in sources), {"operation": "merge"})
    return {"removed": [], **_make(change, out, dry_run)}


def trim(
    root: AnyPath,
    out: AnyPath,
    *,
    features: Sequence[str] = ("observation.state",),
    threshold: float = 0.002,
    frames: int = 5,
    dry_run: bool = False,
) -> Said:
    """A data set without the frames at the begin and at the end of its episodes in which nothing moves.

    They are cut where they are more than `frames`, and then all. What moves is said in `idle`. Idle frames in the
    middle stay: an episode's images are one stretch of a video. Episodes that never move stay whole, and are listed
    as "still". The numbers of the frames that stay are not touched, so an episode whose end was cut has no
    `next.done` any more; its time starts at 0 again.

    Raises:
        PraxiaError: a threshold or a number of frames below 0; a folder that is there already.
        UnknownName: a feature that is not there, or is no number.
        DataError: a data set that cannot be read.
    """
    if threshold < 0 or frames < 0:
        raise PraxiaError(f"expected --threshold and --frames of at least 0, got {threshold} and {frames}")
    source = SourceDataset.open(root)
    found = idle(source, features, threshold)
    begin, end = (np.where(cut > frames, cut, 0) for cut in (found.begin, found.end))
    part = EpisodeSlice(source, np.arange(len(source.lengths)), begin, source.lengths - begin - end)
    said = {"operation": "trim", "features": list(features), "threshold": threshold, "frames": frames}
    cut = [
        {"episode": episode, "begin": int(begin[episode]), "end": int(end[episode])}
        for episode in np.flatnonzero(part.trimmed).tolist()
    ]
    still = np.flatnonzero(found.still).tolist()
    return {"removed": [], "trimmed": cut, "still": still, **_make(Change((part,), said), out, dry_run)}


def rename(
    root: AnyPath,
    out: AnyPath,
    *,
    features: Mapping[str, str] | None = None,
    instructions: Mapping[str, str] | None = None,
    embodiment: str | None = None,
    dry_run: bool = False,
) -> Said:
    """A data set with other names of features (or of cameras, as "front"), instructions, or the robot: old to new.

    An instruction that gets the name of another becomes one with it.

    Raises:
        UnknownName: a feature or an instruction that is not there.
        PraxiaError: nothing to rename, a name that is taken or that readers rely on; a folder that is there already.
        DataError: a data set that cannot be read.
    """
    source = SourceDataset.open(root)
    names = names_of(source, features or {}, instructions or {}, embodiment)
    said = {
        "operation": "rename",
        "features": dict(names.features),
        "instructions": dict(names.instructions),
        "embodiment": embodiment,
    }
    return {"removed": [], **_make(Change((EpisodeSlice.whole(source),), said, names), out, dry_run)}


def join(root: AnyPath, out: AnyPath, *, features: Mapping[str, Sequence[str]], dry_run: bool = False) -> Said:
    """A data set with vectors joined out of parts, in order: {"observation.state": ["observation.state.arm", ...]}.

    The parts are no features of their own any more.

    Raises:
        UnknownName: a part that is not there, or is no number.
        PraxiaError: nothing to join, a part twice, a name that is taken; a folder that is there already.
        DataError: a data set that cannot be read.
    """
    source = SourceDataset.open(root)
    names = Names(vectors=joined(source, features))
    said = {"operation": "join", "features": {new: list(parts) for new, parts in features.items()}}
    return {"removed": [], **_make(Change((EpisodeSlice.whole(source),), said, names), out, dry_run)}


def reorder(root: AnyPath, like: AnyPath, out: AnyPath, *, dry_run: bool = False) -> Said:
    """A data set whose vectors have their dims in the order that `like` has them in, by their names.

    Raises:
        PraxiaError: no vector has the same names in another order; a folder that is there already.
        DataError: a data set that cannot be read.
    """
    source = SourceDataset.open(root)
    names = Names(vectors=reordered(source, SourceDataset.open(like)))
    said = {"operation": "reorder", "features": {new: list(dims[0][1]) for new, dims in names.vectors.made.items()}}
    return {"removed": [], **_make(Change((EpisodeSlice.whole(source),), said, names), out, dry_run)}


def _folder(out: AnyPath) -> Path:
    if "://" in str(out):
        raise PraxiaError(f"expected a folder of this machine as --out, got {out}; make it here and copy it there")
    return Path(out)


def _make(change: Change, out: AnyPath, dry_run: bool) -> Said:
    return {"operation": change.operation["operation"], **_make_all([change], [out], dry_run)[0]}


def _make_all(changes: Sequence[Change], outs: Sequence[AnyPath], dry_run: bool) -> list[Said]:
    folders = [_folder(out) for out in outs]
    if not dry_run:
        return write(changes, folders)
    expect_new(changes, folders)
    return [
        {"out": str(out), "episodes": len(change.lengths), "frames": int(change.lengths.sum()), "dry_run": True}
        for change, out in zip(changes, folders, strict=True)
    ]


def drawn(fractions: Sequence[float], total: int) -> list[Int64[np.ndarray, " _"]]:
    """For each fraction so many of `total` episodes, none twice, drawn at random and always the same ones.

    At random, because recordings go through their tasks in turn or one after the other: neither the last episodes nor
    every tenth need look like the rest. Numbers of episodes are rounded by largest remainder.

    Raises:
        PraxiaError: a fraction that is not positive or too small for one episode, or fractions of more than 1 together.
    """
    if min(fractions) <= 0 or sum(fractions) > 1 + 1e-9:
        raise PraxiaError(f"expected positive fractions of at most 1 together, got {', '.join(map(str, fractions))}")
    exact = np.array(fractions) * total
    counts = np.floor(exact + 1e-9).astype(np.int64)
    spare = round(exact.sum()) - counts.sum()
    counts[np.argsort(counts - exact, kind="stable")[:spare]] += 1
    if counts.min() < 1:
        small = fractions[int(counts.argmin())]
        raise PraxiaError(f"a fraction of {small} of {total} episodes is not one; choose larger fractions")
    order = generator("split", total).permutation(total)
    return [np.sort(part) for part in np.split(order, np.cumsum(counts))[: len(counts)]]
