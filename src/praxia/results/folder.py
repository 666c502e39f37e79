"""All results files in a folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from praxia.core.errors import DataError, PraxiaError
from praxia.results.privilege import privilege_of
from praxia.results.rows import Row, begins_with_row, read_rows
from praxia.results.store import META, read_meta

__all__ = ["Entry", "claims_results", "read_folder", "results_name"]


@dataclass(frozen=True)
class Entry:
    """One results file: `name` is its path in the folder, `meta` what produced its rows."""

    name: str
    rows: tuple[Row, ...]
    meta: Mapping[str, Any]

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        return self.meta["fingerprint"]

    @property
    def kind(self) -> Literal["policy", "privileged", "control"]:
        """A control has a sense spoiled, a privileged policy reads the simulator; neither competes."""
        if self.fingerprint["control"] is not None:
            return "control"
        return "privileged" if privilege_of(self.meta) == "privileged policy" else "policy"


def read_folder(folder: Path) -> tuple[list[Entry], dict[str, str]]:
    """The results files in and below a folder, by name, and why each of the others could not be read.

    Raises:
        PraxiaError: no folder there, or no results in it.
    """
    if not folder.is_dir():
        raise PraxiaError(f"expected a folder of results files (X.jsonl), got {folder}, which is none")
    entries, unreadable = list[Entry](), dict[str, str]()
    described = (path.with_name(path.name.removesuffix(META)) for path in folder.rglob(f"*{META}"))
    for path in sorted({*folder.rglob("*.jsonl"), *described}):
        if not claims_results(path):
            continue
        name = path.relative_to(folder).as_posix()
        try:
            entries.append(_read(name, path))
        except DataError as error:
            unreadable[name] = str(error)
    if not entries and not unreadable:
        raise PraxiaError(f"no results files in {folder}: `praxia eval ... --out {folder}/X.jsonl` writes one")
    return entries, unreadable


def _read(name: str, path: Path) -> Entry:
    meta, rows = read_meta(path), tuple(read_rows(path))
    if not rows:
        raise DataError(f"{path} has no rows yet: finish its evaluation with the same `praxia eval` and --resume")
    return Entry(name, rows, meta)


def claims_results(path: Path) -> bool:
    """Whether a file has a description beside it, or is called .jsonl and begins with a row; logs of training do not.

    Rows of whatever version count, so that one that cannot be read is not passed over.
    """
    if not path.is_file():
        return False
    return path.with_name(f"{path.name}{META}").is_file() or (path.suffix == ".jsonl" and begins_with_row(path))


def results_name(path: Path) -> str:
    """What a results file is called for people: "model.v1.jsonl" is model.v1, and so is "model.v1"."""
    return path.name.removesuffix(".jsonl")
