"""The complete check of a data set: everything wrong in one list."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64

from praxia.core.errors import DataError
from praxia.core.files import AnyPath
from praxia.data.features import IMAGE_DTYPES, INDEX_FEATURES
from praxia.data.layout import INFO, num_staged
from praxia.data.metadata import open_root
from praxia.datatools.check.hashes import check_hashes
from praxia.datatools.check.meta import LenientMetadata, read_meta
from praxia.datatools.check.problems import Problems
from praxia.datatools.check.rows import check_rows, data_files
from praxia.datatools.check.statistics import check_statistics
from praxia.datatools.check.table import ConsistentEpisodes, check_table, video_starts
from praxia.datatools.check.videos import check_video
from praxia.statistics.running import Moments

__all__ = ["CheckResult", "check", "find_problems"]

CheckProgress = Callable[[str, int, int, str], None]


def check(
    root: str | AnyPath, *, quick: bool = False, report: CheckProgress = lambda name, done, planned, text: None
) -> dict[str, Any]:
    """Check the data set in `root`. Returns a JSON value.

    `ok`: nothing is wrong for a reader. `problems`: each with `file` (relative to `root`), `episode` (null: the whole
    data set), `kind` (one of `problems.KINDS`), `detail` and `count`. `notes`: the same for what no reader needs.
    `episodes`: how many there are (null: unknown). `episodes_safe`: how many no problem affects, and `safe`: which
    ones, as [first, last]. `verifiable`: "checksums" if the data set has them, else "not verifiable", because flipped
    bits that still form a number or an image are not detected.

    Files are read one by one, in bounded memory. `quick` counts images without decoding them. `report` is called with
    (name of the step, done, planned, file). Errors of decoders on damaged data become problems in the list.

    Raises:
        DataError: `root` holds no data set or an unfinished recording, or is not a folder of this machine.
    """
    folder = _local_folder(root)
    found = find_problems(folder, quick=quick, report=report)
    numbers, safe, listed = found.episode_numbers, found.safe, found.problems.to_list()
    return {
        "kind": "check",
        "path": str(folder),
        "ok": not listed,
        "episodes": len(numbers) if found.meta else None,
        "episodes_safe": int(safe.sum()),
        "safe": _ranges(numbers[safe]),
        "verifiable": "checksums" if found.has_checksums else "not verifiable",
        "decoded": not quick,
        "problems": [problem.to_json(numbers) for problem in listed],
        "notes": [note.to_json(numbers) for note in found.notes.to_list()],
    }


@dataclass(frozen=True)
class CheckResult:
    """What a check found: the metadata (None: unreadable), problems and notes.

    `has_checksums`: every file was compared with its recorded hash.
    """

    meta: LenientMetadata | None
    problems: Problems
    notes: Problems
    has_checksums: bool

    @property
    def episode_numbers(self) -> Int64[np.ndarray, " E"]:
        """The episodes' own numbers, in the order of the table."""
        return self.meta.episode_numbers if self.meta else np.zeros(0, dtype=np.int64)

    @property
    def safe(self) -> Bool[np.ndarray, " E"]:
        """A mask of the episodes that no problem affects."""
        return self.problems.safe(len(self.episode_numbers))


def find_problems(
    root: Path, *, quick: bool = False, report: CheckProgress = lambda name, done, planned, text: None
) -> CheckResult:
    """Everything that `check` finds in the folder `root`, as values.

    Raises:
        DataError: `root` holds no data set, or an unfinished recording.
    """
    _expect_dataset(root)
    problems, notes = Problems(), Problems()
    meta = read_meta(root, problems)
    has_checksums = check_hashes(
        root,
        len(meta) if meta else None,
        problems,
        lambda done, planned, text: report("hash", done, planned, text),
    )
    if meta is not None:
        consistent = check_table(meta, problems)
        moments = _check_data_files(meta, consistent, problems, notes, report)
        if len(moments) > 0:
            measured = {} if problems.to_list() else _measured_features(meta, moments)
            check_statistics(root, moments, measured, notes)
        _note_left_out(meta, notes)
        _check_videos(
            meta,
            consistent,
            problems,
            notes,
            report,
            decode=not quick,
            surplus=not (has_checksums or problems.has("numbering")),
        )
    return CheckResult(meta, problems, notes, has_checksums)


def _local_folder(root: str | AnyPath) -> Path:
    folder = open_root(root)
    if not isinstance(folder, Path):
        raise DataError(
            f"expected a folder of this machine, got {root}; every file is read, so copy the data set here first"
        )
    return folder


def _expect_dataset(root: Path) -> None:
    if (root / INFO).parent.is_dir():
        return
    if num_staged(root):
        raise DataError(
            f"{root} holds an unfinished recording ({num_staged(root)} episodes staged); "
            "finish it: run the same `praxia collect` again with --resume"
        )
    raise DataError(f"expected a data set in {root}, but there is no folder meta; make one with `praxia collect`")


def _check_data_files(
    meta: LenientMetadata, consistent: ConsistentEpisodes, problems: Problems, notes: Problems, report: CheckProgress
) -> dict[str, Moments]:
    """Check every data file. Returns the moments of the features valid in all, or none if rows are missing."""
    files = data_files(meta, consistent.rows, problems)
    total: dict[str, Moments] = {}
    for done, file in enumerate(files):
        report("rows", done, len(files), file.name)
        found = check_rows(meta, file, consistent.rows, problems, notes)
        total = {
            feature: total[feature].merge(found[feature]) if feature in total else found[feature]
            for feature in found
            if feature in total or done == 0
        }
    report("rows", len(files), len(files), "")
    complete = sum(file.num_rows for file in files) == sum(meta.episodes["length"].tolist())
    return total if complete else {}


def _note_left_out(meta: LenientMetadata, notes: Problems) -> None:
    for key, feature in meta.features.items():
        if feature["dtype"] in IMAGE_DTYPES and (what := meta.unsupported_images(key)) is not None:
            notes.add(INFO, "left-out", f"{key} is {what}: observations do not include it, edits keep it")


def _measured_features(meta: LenientMetadata, moments: Mapping[str, Moments]) -> dict[str, int]:
    """The features that hold measurements or commands, with their number of dims."""
    return {
        feature: len(found.mean)
        for feature, found in moments.items()
        if meta.features[feature]["dtype"].startswith("float") and feature not in INDEX_FEATURES
    }


def _check_videos(
    meta: LenientMetadata,
    consistent: ConsistentEpisodes,
    problems: Problems,
    notes: Problems,
    report: CheckProgress,
    *,
    decode: bool,
    surplus: bool,
) -> None:
    files = [(key, *file) for key in meta.image_features("video") for file in meta.files(key)]
    for done, (key, name, episodes) in enumerate(files):
        report("images", done, len(files), name)
        episodes_here = episodes[consistent.images[key][episodes]]
        first = np.round(video_starts(meta, key)[episodes_here]).astype(np.int64)
        # If the table is inconsistent or lacks episodes, the number of the last image is unknown.
        surplus_here = surplus and bool(consistent.images[key].all())
        listed = problems if meta.unsupported_images(key) is None else notes
        check_video(meta, key, name, episodes_here, first, listed, notes, decode=decode, surplus=surplus_here)
    report("images", len(files), len(files), "")


def _ranges(numbers: Int64[np.ndarray, " K"]) -> list[list[int]]:
    """Runs of consecutive numbers as [first, last]."""
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    return [[int(run[0]), int(run[-1])] for run in runs if len(run)]
