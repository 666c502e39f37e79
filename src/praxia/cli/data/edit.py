"""`praxia data edit delete|split|merge|trim|rename|join|reorder ... --out NEW`."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Annotated, Any

import tyro

from praxia.cli.arguments import parse
from praxia.cli.console import print_summary
from praxia.core.errors import PraxiaError, UnknownName

__all__ = ["OPERATIONS", "run"]


@dataclass(frozen=True)
class EditArguments:
    """What every operation takes."""

    dry_run: bool = False
    """Say what would be done, and do nothing."""
    json: bool = False
    """Print one JSON object on stdout."""


@dataclass(frozen=True)
class DeleteArguments(EditArguments):
    """A data set without some of its episodes."""

    root: tyro.conf.Positional[str] = tyro.MISSING
    """The data set: a folder, or a place that fsspec knows. It is not changed."""
    episodes: str = tyro.MISSING
    """Those to delete, counted from 0: 3,7-9."""
    out: str = tyro.MISSING
    """A new folder."""


@dataclass(frozen=True)
class SplitArguments(EditArguments):
    """Several data sets out of one."""

    root: tyro.conf.Positional[str] = tyro.MISSING
    """The data set: a folder, or a place that fsspec knows. It is not changed."""
    out: tuple[str, ...] = tyro.MISSING
    """New folders, one a part: A,B or A B."""
    fractions: tuple[str, ...] = ()
    """How much of it each part gets: 0.9,0.1. Which episodes is drawn at random, always the same ones."""
    episodes: tuple[str, ...] = ()
    """Or the episodes of each part: 0-7,9 8,10-12."""


@dataclass(frozen=True)
class MergeArguments(EditArguments):
    """One data set of several with the same features."""

    roots: Annotated[
        tyro.conf.Positional[tuple[str, ...]],
        tyro.conf.arg(metavar="DIR DIR [DIR ...]", help_behavior_hint="(required)"),
    ] = tyro.MISSING
    """The data sets' folders, in the order of their episodes. They are not changed."""
    out: str = tyro.MISSING
    """A new folder."""


@dataclass(frozen=True)
class TrimArguments(EditArguments):
    """A data set without frames at the begin and at the end of its episodes in which nothing moves.

    Frames in the middle stay: an episode's images are one stretch of a video."""

    root: tyro.conf.Positional[str] = tyro.MISSING
    """The data set: a folder, or a place that fsspec knows. It is not changed."""
    out: str = tyro.MISSING
    """A new folder."""
    features: tuple[str, ...] = ("observation.state",)
    """What has to move. Positions, not changes of them."""
    threshold: float = 0.002
    """A dim moves where it changes by more than this from one frame to the next, as a part of its range (1% to 99%
    quantile)."""
    frames: int = 5
    """Idle frames are cut where they are more than these, and then all."""


@dataclass(frozen=True)
class RenameArguments(EditArguments):
    """A data set with other names."""

    root: tyro.conf.Positional[str] = tyro.MISSING
    """The data set: a folder, or a place that fsspec knows. It is not changed."""
    out: str = tyro.MISSING
    """A new folder."""
    feature: tuple[str, ...] = ()
    """Features, or cameras by their short names: old=new."""
    instruction: tuple[str, ...] = ()
    """Instructions: "old"="new"."""
    embodiment: str | None = None
    """What the robot is called from now on."""


@dataclass(frozen=True)
class JoinArguments(EditArguments):
    """A data set with vectors joined out of parts, such as a state out of arm and gripper."""

    root: tyro.conf.Positional[str] = tyro.MISSING
    """The data set: a folder, or a place that fsspec knows. It is not changed."""
    out: str = tyro.MISSING
    """A new folder."""
    feature: tuple[str, ...] = ()
    """New vectors and their parts, in order: observation.state=observation.state.arm,observation.state.gripper."""


@dataclass(frozen=True)
class ReorderArguments(EditArguments):
    """A data set whose vectors have their dims in the order of another data set, by their names."""

    root: tyro.conf.Positional[str] = tyro.MISSING
    """The data set: a folder, or a place that fsspec knows. It is not changed."""
    like: str = tyro.MISSING
    """The data set whose order it gets."""
    out: str = tyro.MISSING
    """A new folder."""


def _delete(options: DeleteArguments) -> dict[str, Any]:
    from praxia.datatools.edit.operations import delete

    return delete(options.root, options.episodes, options.out, dry_run=options.dry_run)


def _split(options: SplitArguments) -> dict[str, Any]:
    from praxia.datatools.edit.operations import split

    try:
        fractions = [float(part) for part in _items(options.fractions)]
    except ValueError as error:
        raise PraxiaError(f"expected --fractions like 0.9,0.1, got {' '.join(options.fractions)}") from error
    # Folders that are as many as the parts keep the commas in their names.
    outs = options.out if len(options.out) == len(options.episodes or fractions) else _items(options.out)
    return split(options.root, outs, episodes=options.episodes, fractions=fractions, dry_run=options.dry_run)


def _merge(options: MergeArguments) -> dict[str, Any]:
    from praxia.datatools.edit.operations import merge

    return merge(options.roots, options.out, dry_run=options.dry_run)


def _trim(options: TrimArguments) -> dict[str, Any]:
    from praxia.datatools.edit.operations import trim

    return trim(
        options.root,
        options.out,
        features=_items(options.features),
        threshold=options.threshold,
        frames=options.frames,
        dry_run=options.dry_run,
    )


def _rename(options: RenameArguments) -> dict[str, Any]:
    from praxia.datatools.edit.operations import rename

    return rename(
        options.root,
        options.out,
        features=_pairs("--feature", options.feature),
        instructions=_pairs("--instruction", options.instruction, _told(options) if options.instruction else ()),
        embodiment=options.embodiment,
        dry_run=options.dry_run,
    )


def _join(options: JoinArguments) -> dict[str, Any]:
    from praxia.datatools.edit.operations import join

    pairs = _pairs("--feature", options.feature)
    parts = {new: [part for part in parts.split(",") if part] for new, parts in pairs.items()}
    return join(options.root, options.out, features=parts, dry_run=options.dry_run)


def _reorder(options: ReorderArguments) -> dict[str, Any]:
    from praxia.datatools.edit.operations import reorder

    return reorder(options.root, options.like, options.out, dry_run=options.dry_run)


OPERATIONS: dict[str, tuple[type[EditArguments], Callable[[Any], dict[str, Any]], str]] = {
    "delete": (DeleteArguments, _delete, "leave out episodes"),
    "split": (SplitArguments, _split, "several data sets, by episodes or by fractions"),
    "merge": (MergeArguments, _merge, "one data set of several with the same features"),
    "trim": (TrimArguments, _trim, "leave out frames at the begin and at the end of episodes in which nothing moves"),
    "rename": (RenameArguments, _rename, "other names of features, cameras, instructions, the robot"),
    "join": (JoinArguments, _join, "vectors joined out of parts, such as a state out of arm and gripper"),
    "reorder": (ReorderArguments, _reorder, "the dims of vectors in the order of another data set, by their names"),
}


def run(arguments: list[str]) -> dict[str, Any]:
    """Make a new data set, or several, and return what was done.

    Raises:
        UnknownName: no such operation.
    """
    if not arguments or arguments[0] in ("-h", "--help"):
        print("praxia data edit: new data sets out of data sets, which stay as they are; no video is encoded anew\n")
        print("\n".join(f"  praxia data edit {name:8s} {text}" for name, (_, _, text) in OPERATIONS.items()))
        print("\nEvery operation takes --help, --dry-run and --json.")
        raise SystemExit(0)
    name, rest = arguments[0], arguments[1:]
    if name not in OPERATIONS:
        raise UnknownName("operation of edit", name, OPERATIONS, "praxia data edit --help")
    kind, operate, _ = OPERATIONS[name]
    done = operate(parse(kind, rest, f"praxia data edit {name}"))
    print_summary(done)
    return done


def _items(values: tuple[str, ...]) -> list[str]:
    """Words with commas or spaces between them."""
    return [item for value in values for item in value.split(",") if item]


def _told(options: RenameArguments) -> tuple[str, ...]:
    from praxia.data.metadata import Metadata

    return Metadata.read(options.root).instructions


def _parted(value: str, known: Collection[str]) -> tuple[str, str, str]:
    places = [at for at, sign in enumerate(value) if sign == "="]
    at = next((at for at in places if value[:at] in known), None)
    return value.partition("=") if at is None else (value[:at], "=", value[at + 1 :])


def _pairs(option: str, values: tuple[str, ...], known: Collection[str] = ()) -> dict[str, str]:
    """Old to new. An "=" may be a part of a name: it parts the two where what is before it is `known`."""
    pairs = [_parted(value, known) for value in values]
    for value, (old, _, new) in zip(values, pairs, strict=True):
        if not old or not new:
            raise PraxiaError(f"expected {option} old=new, got {value!r}")
    olds = [old for old, _, _ in pairs]
    if twice := next((old for old in olds if olds.count(old) > 1), None):
        raise PraxiaError(f"expected {option} {twice}=... once, got {' and '.join(values)}")
    return {old: new for old, _, new in pairs}
