"""The inputs of a report: results, training runs, data sets, study tables and what worlds imagined."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from praxia.core.errors import DataError, PraxiaError
from praxia.core.files import complete_lines
from praxia.data.layout import PLAN, committed
from praxia.data.summary import info
from praxia.results.folder import is_results_file
from praxia.results.meta import read_meta
from praxia.results.offline import OfflineRow, is_offline_file, read_offline
from praxia.results.rows import Row, read_rows

__all__ = [
    "IMAGINED",
    "DatasetSummary",
    "ImaginedResults",
    "OfflineResults",
    "ReportSources",
    "StoredResults",
    "StudyTable",
    "TrainingRun",
    "read_sources",
]

_DEPTH = 2
TABLE, IMAGINED = "table.json", "imagined.json"


@dataclass(frozen=True)
class StoredResults:
    """The rows of one evaluation, and `meta`: the command and fingerprint that produced them."""

    path: Path
    rows: tuple[Row, ...]
    meta: Mapping[str, Any]


@dataclass(frozen=True)
class OfflineResults:
    """The rows of one offline evaluation, and `meta`: the command and fingerprint that produced them."""

    path: Path
    rows: tuple[OfflineRow, ...]
    meta: Mapping[str, Any]


@dataclass(frozen=True)
class TrainingRun:
    """One training run: its run.json, one mapping per logged step, and its policy.json once it has one."""

    path: Path
    description: Mapping[str, Any]
    metrics: tuple[Mapping[str, float | int], ...]
    policy: Mapping[str, Any] | None

    @property
    def name(self) -> str:
        return self.path.resolve().name

    def produced(self, fingerprint: Mapping[str, Any]) -> bool:
        """Whether a results file's fingerprint names this run's policy, whatever its sampling options.

        Older files identify a policy by the hash of its weights alone.
        """
        weights = fingerprint.get("weights_sha256") or fingerprint["policy_sha256"]
        return self.policy is not None and self.policy["weights_sha256"] == weights

    @property
    def is_blind(self) -> bool:
        """Whether its policy observes no images."""
        if self.policy is None:
            return False
        window = self.policy["window"]
        # Policies of schema 4 and earlier have "moments".
        observed = window["observation_steps"] if "observation_steps" in window else window["moments"]
        return not any(name.startswith("image.") for name in observed)

    @property
    def is_language_free(self) -> bool:
        """Whether its policy receives no instruction."""
        return self.policy is not None and "no-text" in _tags(self.policy["model"])


@dataclass(frozen=True)
class DatasetSummary:
    """One data set: `info` as `praxia info` prints it, and the plan of its recording if Praxia recorded it."""

    path: Path
    info: Mapping[str, Any]
    plan: Mapping[str, Any] | None


@dataclass(frozen=True)
class StudyTable:
    """The result table of a study: a `title`, a `note`, the names of `columns`, and `rows` of text."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class ImaginedResults:
    """The file that `praxia imagine` writes, beside its videos."""

    path: Path
    result: Mapping[str, Any]


@dataclass(frozen=True)
class ReportSources:
    """All inputs of one report, in the order of the command line."""

    tables: tuple[StudyTable, ...]
    results: tuple[StoredResults, ...]
    runs: tuple[TrainingRun, ...]
    datasets: tuple[DatasetSummary, ...]
    offline: tuple[OfflineResults, ...] = ()
    imagined: tuple[ImaginedResults, ...] = ()


def read_sources(paths: Sequence[Path]) -> ReportSources:
    """Read all `paths`: results files, and folders that are or contain (at most two levels deep) any input of a report.

    Raises:
        PraxiaError: a path that contains none of these, or a file that cannot be read.
    """
    found = {path.resolve(): path for source in paths for path in _find_inputs(source)}
    files = [path for path in found.values() if path.is_file() and path.name not in (TABLE, IMAGINED)]
    offline = [path for path in files if is_offline_file(path)]
    folders = [path for path in found.values() if path.is_dir()]
    return ReportSources(
        tuple(_read_table(path) for path in found.values() if path.name == TABLE),
        tuple(_read_results(path) for path in files if path not in offline),
        tuple(_read_run(path) for path in folders if not committed(path)),
        tuple(_read_dataset(path) for path in folders if committed(path)),
        tuple(_read_offline(path) for path in offline),
        tuple(ImaginedResults(path, _read_json(path)) for path in found.values() if path.name == IMAGINED),
    )


def _find_inputs(source: Path) -> list[Path]:
    if not source.exists():
        raise PraxiaError(
            f"expected results (X.jsonl), a training run or a data set at {source}, but it does not exist"
        )
    found = list(_walk(source, _DEPTH))
    if not found:
        kind = "a folder without any" if source.is_dir() else "another kind of file"
        raise PraxiaError(
            f"expected results (X.jsonl), a training run or a data set at {source}, got {kind}; "
            "`praxia eval --out X.jsonl` writes results"
        )
    return found


def _walk(source: Path, depth: int) -> Iterator[Path]:
    """Results files, study tables, what was imagined, run folders and data set folders, at most `depth` levels below
    `source`.
    """
    if source.is_file():
        if source.name in (TABLE, IMAGINED) or is_results_file(source) or is_offline_file(source):
            yield source
    elif committed(source):
        yield source
    else:
        if (source / "run.json").is_file():
            yield source
        for child in sorted(source.iterdir()):
            if child.is_file() or (depth and not child.name.startswith(".")):
                yield from _walk(child, depth - 1)


def _tags(config: Any) -> Iterator[str]:
    """The tags of a config and of all configs nested in it."""
    if isinstance(config, Mapping):
        # Policies of schema 4 and earlier have "part".
        if tag := config.get("type", config.get("part")):
            yield tag
        for value in config.values():
            yield from _tags(value)


def _read_table(path: Path) -> StudyTable:
    value = _read_json(path)
    return StudyTable(value["title"], value["note"], tuple(value["columns"]), tuple(map(tuple, value["rows"])))


def _read_results(path: Path) -> StoredResults:
    return StoredResults(path, tuple(read_rows(path, repeats=True)), read_meta(path))


def _read_offline(path: Path) -> OfflineResults:
    rows, meta = read_offline(path)
    return OfflineResults(path, tuple(rows), meta)


def _read_run(path: Path) -> TrainingRun:
    metrics = path / "metrics.jsonl"
    policy = path / "policy" / "policy.json"
    return TrainingRun(
        path,
        _read_json(path / "run.json"),
        tuple(_read_lines(metrics)) if metrics.is_file() else (),
        _read_json(policy) if policy.is_file() else None,
    )


def _read_lines(path: Path) -> Iterator[dict[str, float | int]]:
    """One value per complete line; a running or killed training may leave a partial last line."""
    for number, line in enumerate(complete_lines(path), 1):
        try:
            yield json.loads(line)
        except ValueError as error:
            raise DataError(f"{path} line {number} is not JSON; expected what `praxia train` logs") from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise DataError(f"{path} is not JSON; expected what `praxia train` writes") from error


def _read_dataset(path: Path) -> DatasetSummary:
    plan = path / PLAN
    return DatasetSummary(path, info(path), _read_json(plan) if plan.is_file() else None)
