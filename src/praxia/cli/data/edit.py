"""`praxia data edit delete|split|merge|trim|rename|join|reorder ... --out NEW`."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Annotated, Any

import tyro

from praxia.cli.arguments import parse
from praxia.core.errors import PraxiaError, UnknownName
from praxia.studio.console import print_summary

__all__ = ["OPERATIONS", "run"]


@dataclass(frozen=True)
class EditArguments:
    """Options of every operation."""

    dry_run: bool = False
    """Report what would be done without doing it."""
    json: bool = False
    """Print one JSON object on stdout."""


@dataclass(frozen=True)
class DeleteArguments(EditArguments):
    """Write a data set without some of its episodes."""

    root: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DIR")] = tyro.MISSING
    """The data set: a folder, or a location that fsspec knows. It is not changed."""
    episodes: Annotated[str, tyro.conf.arg(metavar="LIST")] = tyro.MISSING
    """The episodes to delete, counted from 0: 3,7-9."""
    out: Annotated[str, tyro.conf.arg(metavar="NEW")] = tyro.MISSING
    """A new folder."""


@dataclass(frozen=True)
class SplitArguments(EditArguments):
    """Write several data sets from one."""

    root: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DIR")] = tyro.MISSING
    """The data set: a folder, or a location that fsspec knows. It is not changed."""
    out: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NEW [NEW ...]")] = tyro.MISSING
    """New folders, one per part: A,B or A B."""
    fractions: Annotated[tuple[str, ...], tyro.conf.arg(metavar="SHARE [SHARE ...]")] = ()
    """The fraction of episodes in each part: 0.9,0.1. They are drawn at random, always the same ones."""
    episodes: Annotated[tuple[str, ...], tyro.conf.arg(metavar="LIST [LIST ...]")] = ()
    """Or the episodes of each part: 0-7,9 8,10-12."""


@dataclass(frozen=True)
class MergeArguments(EditArguments):
    """Write one data set from several with the same features."""

    roots: Annotated[
        tyro.conf.Positional[tuple[str, ...]],
        tyro.conf.arg(metavar="DIR DIR [DIR ...]", help_behavior_hint="(required)"),
    ] = tyro.MISSING
    """The data sets' folders, in the order of their episodes. They are not changed."""
    out: Annotated[str, tyro.conf.arg(metavar="NEW")] = tyro.MISSING
    """A new folder."""


@dataclass(frozen=True)
class TrimArguments(EditArguments):
    """Write a data set without idle frames at the start and end of its episodes.

    Frames in the middle stay, because the images of an episode are one contiguous range of a video."""

    root: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DIR")] = tyro.MISSING
    """The data set: a folder, or a location that fsspec knows. It is not changed."""
    out: Annotated[str, tyro.conf.arg(metavar="NEW")] = tyro.MISSING
    """A new folder."""
    features: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME [NAME ...]")] = ("observation.state",)
    """Features that have to move: positions, not deltas."""
    threshold: Annotated[float, tyro.conf.arg(metavar="SHARE")] = 0.002
    """A dim moves if it changes by more than this between two frames, as a fraction of its range (1% to 99%
    quantile)."""
    frames: Annotated[int, tyro.conf.arg(metavar="N")] = 5
    """Idle frames are cut if there are more than this, and then all of them."""


@dataclass(frozen=True)
class RenameArguments(EditArguments):
    """Write a data set with new names."""

    root: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DIR")] = tyro.MISSING
    """The data set: a folder, or a location that fsspec knows. It is not changed."""
    out: Annotated[str, tyro.conf.arg(metavar="NEW")] = tyro.MISSING
    """A new folder."""
    feature: Annotated[tuple[str, ...], tyro.conf.arg(metavar="OLD=NEW [OLD=NEW ...]")] = ()
    """Features, or cameras by their short names: old=new."""
    instruction: Annotated[tuple[str, ...], tyro.conf.arg(metavar="OLD=NEW [OLD=NEW ...]")] = ()
    """Instructions: "old"="new"."""
    embodiment: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """New name of the robot."""


@dataclass(frozen=True)
class JoinArguments(EditArguments):
    """Write a data set with vectors joined from parts, such as a state from arm and gripper."""

    root: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DIR")] = tyro.MISSING
    """The data set: a folder, or a location that fsspec knows. It is not changed."""
    out: Annotated[str, tyro.conf.arg(metavar="NEW")] = tyro.MISSING
    """A new folder."""
    feature: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NEW=PART,... [NEW=PART,... ...]")] = ()
    """New vectors and their parts, in order: observation.state=observation.state.arm,observation.state.gripper."""


@dataclass(frozen=True)
class ReorderArguments(EditArguments):
    """Write a data set whose vectors have their dims in the order of another data set, by name."""

    root: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DIR")] = tyro.MISSING
    """The data set: a folder, or a location that fsspec knows. It is not changed."""
    like: Annotated[str, tyro.conf.arg(metavar="DIR")] = tyro.MISSING
    """The data set whose order to use."""
    out: Annotated[str, tyro.conf.arg(metavar="NEW")] = tyro.MISSING
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
    # If there are as many folders as parts, commas are part of their names.
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
        instructions=_pairs(
            "--instruction", options.instruction, _instructions(options) if options.instruction else ()
        ),
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
    "delete": (DeleteArguments, _delete, "remove episodes"),
    "split": (SplitArguments, _split, "several data sets, by episodes or by fractions"),
    "merge": (MergeArguments, _merge, "one data set from several with the same features"),
    "trim": (TrimArguments, _trim, "remove idle frames at the start and end of episodes"),
    "rename": (RenameArguments, _rename, "new names for features, cameras, instructions, the robot"),
    "join": (JoinArguments, _join, "vectors joined from parts, such as a state from arm and gripper"),
    "reorder": (ReorderArguments, _reorder, "the dims of vectors in the order of another data set, by name"),
}


EXAMPLES = {
    "delete": "my/dataset --episodes 3,7-9 --out better",
    "split": "my/dataset --fractions 0.9,0.1 --out train,test",
    "merge": "monday tuesday --out week",
    "trim": "my/dataset --out shorter",
    "rename": "my/dataset --feature laptop=front --out renamed",
    "join": "my/dataset --feature action=action.arm,action.gripper --out joined",
    "reorder": "my/dataset --like their/dataset --out reordered",
}


def run(arguments: list[str]) -> dict[str, Any]:
    """Write one or several new data sets; returns what was done.

    Raises:
        UnknownName: no such operation.
    """
    if not arguments or arguments[0] in ("-h", "--help"):
        print("praxia data edit: new data sets from existing ones, which stay unchanged; videos are never re-encoded\n")
        print("\n".join(f"  praxia data edit {name:8s} {text}" for name, (_, _, text) in OPERATIONS.items()))
        print("\nEvery operation takes --help, --dry-run and --json.")
        raise SystemExit(0)
    name, rest = arguments[0], arguments[1:]
    if name not in OPERATIONS:
        raise UnknownName("operation of edit", name, OPERATIONS, "praxia data edit --help")
    kind, operate, _ = OPERATIONS[name]
    prog = f"praxia data edit {name}"
    done = operate(parse(kind, rest, prog, example=f"{prog} {EXAMPLES[name]}"))
    print_summary(done)
    return done


def _items(values: tuple[str, ...]) -> list[str]:
    """Values separated by commas or spaces."""
    return [item for value in values for item in value.split(",") if item]


def _instructions(options: RenameArguments) -> tuple[str, ...]:
    from praxia.data.metadata import Metadata

    return Metadata.read(options.root).instructions


def _partition(value: str, known: Collection[str]) -> tuple[str, str, str]:
    positions = [at for at, sign in enumerate(value) if sign == "="]
    at = next((at for at in positions if value[:at] in known), None)
    return value.partition("=") if at is None else (value[:at], "=", value[at + 1 :])


def _pairs(option: str, values: tuple[str, ...], known: Collection[str] = ()) -> dict[str, str]:
    """Old to new names. An "=" may be part of a name: the first one after a `known` name separates the two."""
    pairs = [_partition(value, known) for value in values]
    for value, (old, _, new) in zip(values, pairs, strict=True):
        if not old or not new:
            raise PraxiaError(f"expected {option} old=new, got {value!r}")
    old_names = [old for old, _, _ in pairs]
    if repeated := next((old for old in old_names if old_names.count(old) > 1), None):
        raise PraxiaError(f"expected {option} {repeated}=... once, got {' and '.join(values)}")
    return {old: new for old, _, new in pairs}
