"""The results files in a folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from praxia.core.errors import DataError, PraxiaError
from praxia.results.meta import META_SUFFIX, meta_path, privilege_of, read_meta
from praxia.results.offline import is_offline_file
from praxia.results.rows import Row, begins_with_row, read_rows

__all__ = ["ResultsFile", "is_results_file", "read_folder", "results_name"]


@dataclass(frozen=True)
class ResultsFile:
    """One results file: `name` is its path in the folder, `meta` says what produced its rows."""

    name: str
    rows: tuple[Row, ...]
    meta: Mapping[str, Any]

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        return self.meta["fingerprint"]

    @property
    def kind(self) -> Literal["policy", "privileged", "control"]:
        """A control has one input disturbed, a privileged policy reads the simulator. Neither competes."""
        if self.fingerprint["control"] is not None:
            return "control"
        return "privileged" if privilege_of(self.meta) == "privileged policy" else "policy"


def read_folder(folder: Path) -> tuple[list[ResultsFile], dict[str, str]]:
    """The results files in and below a folder, by name, and for each unreadable one the reason.

    Raises:
        PraxiaError: the folder does not exist or holds no results.
    """
    if not folder.is_dir():
        raise PraxiaError(f"expected a folder of results files (X.jsonl), got {folder}, which is not a folder")
    files, unreadable = list[ResultsFile](), dict[str, str]()
    with_meta = (path.with_name(path.name.removesuffix(META_SUFFIX)) for path in folder.rglob(f"*{META_SUFFIX}"))
    for path in sorted({*folder.rglob("*.jsonl"), *with_meta}):
        if not is_results_file(path):
            continue
        name = path.relative_to(folder).as_posix()
        try:
            files.append(_read(name, path))
        except DataError as error:
            unreadable[name] = str(error)
    if not files and not unreadable:
        raise PraxiaError(f"no results files in {folder}: `praxia eval ... --out {folder}/X.jsonl` writes one")
    return files, unreadable


def _read(name: str, path: Path) -> ResultsFile:
    meta, rows = read_meta(path), tuple(read_rows(path))
    if not rows:
        raise DataError(f"{path} has no rows yet: finish its evaluation with the same `praxia eval` and --resume")
    return ResultsFile(name, rows, meta)


def is_results_file(path: Path) -> bool:
    """Whether a file has metadata beside it, or is named .jsonl and begins with a row (training logs do not).

    Rows of any schema count, so that a file of an unknown schema is reported rather than skipped. Offline evaluations
    are none: they have no episodes that succeed or fail.
    """
    if not path.is_file() or is_offline_file(path):
        return False
    return meta_path(path).is_file() or (path.suffix == ".jsonl" and begins_with_row(path))


def results_name(path: Path) -> str:
    """The name of a results file for people: "model.v1.jsonl" is model.v1, and so is "model.v1"."""
    return path.name.removesuffix(".jsonl")
