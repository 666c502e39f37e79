"""The whole check: everything there is to find, in one list."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64

from praxia.core.errors import DataError
from praxia.core.files import AnyPath
from praxia.data.features import IMAGES, INDEX_FEATURES
from praxia.data.layout import INFO, num_staged
from praxia.data.metadata import open_root
from praxia.data.stats import Moments
from praxia.datatools.check.hashes import check_hashes
from praxia.datatools.check.meta import Described, describe
from praxia.datatools.check.problems import Problems
from praxia.datatools.check.rows import check_rows, segments
from praxia.datatools.check.statistics import check_statistics
from praxia.datatools.check.table import Sound, check_table, starts
from praxia.datatools.check.videos import check_video

__all__ = ["Found", "check", "examine"]

Report = Callable[[str, int, int, str], None]


def check(
    root: str | AnyPath, *, quick: bool = False, report: Report = lambda name, done, planned, text: None
) -> dict[str, Any]:
    """A JSON value: whether the data set in `root` is whole, and everything wrong with it.

    `ok`: nothing is wrong for a reader; `problems`, each with `file` (relative to `root`), `episode` (null: the whole
    data set), `kind` (one of `problems.KINDS`), `detail` and `count`; `notes`, which are like them and concern what no
    reader needs; `episodes`, how many there are (null: not known); `episodes_safe`, how many no problem touches, and
    `safe`, which, as [first, last]; `verifiable`, "checksums" where the data set has them, else "not verifiable": bits
    that flipped and still make a number or an image are then not seen.

    Files are gone through one by one, in bounded memory. `quick` counts images without decoding them. `report` is
    called with (name of the step, done, planned, file). What damaged data makes a decoder do is a problem in the list.

    Raises:
        DataError: `root` holds no data set, or an unfinished recording, or is no folder of this machine.
    """
    folder = _folder(root)
    found = examine(folder, quick=quick, report=report)
    numbers, safe, listed = found.numbers, found.safe, found.problems.listed()
    return {
        "kind": "check",
        "path": str(folder),
        "ok": not listed,
        "episodes": len(numbers) if found.described else None,
        "episodes_safe": int(safe.sum()),
        "safe": _ranges(numbers[safe]),
        "verifiable": "checksums" if found.hashed else "not verifiable",
        "decoded": not quick,
        "problems": [problem.to_json(numbers) for problem in listed],
        "notes": [note.to_json(numbers) for note in found.notes.listed()],
    }


@dataclass(frozen=True)
class Found:
    """What was found in a data set: what its `meta/` says (None: it cannot be read), and what is wrong.

    `hashed`: it has checksums.
    """

    described: Described | None
    problems: Problems
    notes: Problems
    hashed: bool

    @property
    def numbers(self) -> Int64[np.ndarray, " E"]:
        """The episodes' own numbers, in the order of the table."""
        return self.described.numbers if self.described else np.zeros(0, dtype=np.int64)

    @property
    def safe(self) -> Bool[np.ndarray, " E"]:
        """Which episodes no problem touches."""
        return self.problems.safe(len(self.numbers))


def examine(root: Path, *, quick: bool = False, report: Report = lambda name, done, planned, text: None) -> Found:
    """All that `check` finds in the folder `root`, as values.

    Raises:
        DataError: `root` holds no data set, or an unfinished recording.
    """
    _expect_some(root)
    problems, notes = Problems(), Problems()
    described = describe(root, problems)
    hashed = check_hashes(
        root,
        len(described) if described else None,
        problems,
        lambda done, planned, text: report("hash", done, planned, text),
    )
    if described is not None:
        sound = check_table(described, problems)
        moments = _numbers(described, sound, problems, notes, report)
        if len(moments) > 0:
            measured = {} if problems.listed() else _measured(described, moments)
            check_statistics(root, moments, measured, notes)
        _left_out(described, notes)
        _images(
            described,
            sound,
            problems,
            notes,
            report,
            decode=not quick,
            surplus=not (hashed or problems.of("numbering")),
        )
    return Found(described, problems, notes, hashed)


def _folder(root: str | AnyPath) -> Path:
    folder = open_root(root)
    if not isinstance(folder, Path):
        raise DataError(f"expected a folder of this machine, got {root}; all of it is read here, so copy it here first")
    return folder


def _expect_some(root: Path) -> None:
    if (root / INFO).parent.is_dir():
        return
    if num_staged(root):
        raise DataError(
            f"{root} holds an unfinished recording ({num_staged(root)} episodes staged); "
            "finish it: run the same `praxia collect` again with --resume"
        )
    raise DataError(f"expected a data set in {root}, but it has no folder meta; make one with `praxia collect`")


def _numbers(
    described: Described, sound: Sound, problems: Problems, notes: Problems, report: Report
) -> dict[str, Moments]:
    """Check every data file; the moments of what all of them hold, or nothing where rows are lost."""
    files = segments(described, sound.rows, problems)
    total: dict[str, Moments] = {}
    for done, segment in enumerate(files):
        report("rows", done, len(files), segment.name)
        found = check_rows(described, segment, sound.rows, problems, notes)
        total = {
            feature: total[feature].merge(found[feature]) if feature in total else found[feature]
            for feature in found
            if feature in total or done == 0
        }
    report("rows", len(files), len(files), "")
    whole = sum(segment.num_rows for segment in files) == sum(described.episodes["length"].tolist())
    return total if whole else {}


def _left_out(described: Described, notes: Problems) -> None:
    for key, feature in described.features.items():
        if feature["dtype"] in IMAGES and (what := described.left_out(key)) is not None:
            notes.add(INFO, "left-out", f"{key} is {what}: observations do not have it, edits keep it")


def _measured(described: Described, moments: Mapping[str, Moments]) -> dict[str, int]:
    """The features that hold measured numbers or commands, with their dims."""
    return {
        feature: len(found.mean)
        for feature, found in moments.items()
        if described.features[feature]["dtype"].startswith("float") and feature not in INDEX_FEATURES
    }


def _images(
    described: Described,
    sound: Sound,
    problems: Problems,
    notes: Problems,
    report: Report,
    *,
    decode: bool,
    surplus: bool,
) -> None:
    files = [(key, *file) for key in described.keys("video") for file in described.files(key)]
    for done, (key, name, episodes) in enumerate(files):
        report("pictures", done, len(files), name)
        sure = episodes[sound.images[key][episodes]]
        first = np.round(starts(described, key)[sure]).astype(np.int64)
        # Where the table is not sure of all episodes, or lacks some, nobody knows what the last image is.
        surplus_here = surplus and bool(sound.images[key].all())
        listed = problems if described.left_out(key) is None else notes
        check_video(described, key, name, sure, first, listed, notes, decode=decode, surplus=surplus_here)
    report("pictures", len(files), len(files), "")


def _ranges(numbers: Int64[np.ndarray, " K"]) -> list[list[int]]:
    """Runs of neighbouring numbers as [first, last]."""
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    return [[int(run[0]), int(run[-1])] for run in runs if len(run)]
