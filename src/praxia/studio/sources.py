"""What a report is made of: results files, training runs and data sets, found by what they are."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from praxia.core.errors import DataError, PraxiaError
from praxia.core.files import whole_lines
from praxia.data.layout import PLAN, committed
from praxia.data.summary import info
from praxia.results.folder import is_results_file
from praxia.results.meta import read_meta
from praxia.results.rows import Row, read_rows

__all__ = ["Material", "Recorded", "ResultsFile", "Table", "TrainingRun", "gather"]

_DEPTH = 2
TABLE = "table.json"


@dataclass(frozen=True)
class ResultsFile:
    """The rows of one evaluation and `meta`, what produced them: `{command, fingerprint, ...}`."""

    path: Path
    rows: tuple[Row, ...]
    meta: Mapping[str, Any]


@dataclass(frozen=True)
class TrainingRun:
    """One training run: its run.json, one value a logged step, and its policy.json once there is one."""

    path: Path
    description: Mapping[str, Any]
    metrics: tuple[Mapping[str, float | int], ...]
    policy: Mapping[str, Any] | None

    @property
    def name(self) -> str:
        return self.path.resolve().name

    def made(self, fingerprint: Mapping[str, Any]) -> bool:
        """Whether the policy of a results file's fingerprint is this run's, sampled in whatever way.

        Files from before policies had an identity name the weights alone.
        """
        weights = fingerprint.get("weights_sha256") or fingerprint["policy_sha256"]
        return self.policy is not None and self.policy["weights_sha256"] == weights

    @property
    def is_blind(self) -> bool:
        """Whether its policy sees no images at all."""
        return self.policy is not None and not any(
            name.startswith("image.") for name in self.policy["window"]["observation_steps"]
        )

    @property
    def is_language_free(self) -> bool:
        """Whether its policy is told nothing."""
        return self.policy is not None and "no-text" in _tags(self.policy["model"])


@dataclass(frozen=True)
class Recorded:
    """One data set: `info` as `praxia info` has it, and the plan that it was recorded by, where it is ours."""

    path: Path
    info: Mapping[str, Any]
    plan: Mapping[str, Any] | None


@dataclass(frozen=True)
class Table:
    """A study's own table: `title`, a `note`, the names of `columns`, and `rows` of texts."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Material:
    """Everything that one report is about, in the order it was named."""

    tables: tuple[Table, ...]
    results: tuple[ResultsFile, ...]
    runs: tuple[TrainingRun, ...]
    datasets: tuple[Recorded, ...]


def gather(sources: Sequence[Path]) -> Material:
    """Everything at `sources`: results files, and folders that are, or hold within two levels, any of the three.

    Raises:
        PraxiaError: a source that is none of these, or that cannot be read.
    """
    places = {place.resolve(): place for source in sources for place in _places(source)}
    files = [place for place in places.values() if place.is_file() and place.name != TABLE]
    folders = [place for place in places.values() if place.is_dir()]
    return Material(
        tuple(_read_table(path) for path in places.values() if path.name == TABLE),
        tuple(ResultsFile(path, tuple(read_rows(path)), read_meta(path)) for path in files),
        tuple(_read_run(path) for path in folders if not committed(path)),
        tuple(_read_dataset(path) for path in folders if committed(path)),
    )


def _places(source: Path) -> list[Path]:
    if not source.exists():
        raise PraxiaError(f"expected results (X.jsonl), a training run or a data set at {source}, got nothing there")
    places = list(_find(source, _DEPTH))
    if not places:
        kind = "a folder without any" if source.is_dir() else "another kind of file"
        raise PraxiaError(
            f"expected results (X.jsonl), a training run or a data set at {source}, got {kind}; "
            "`praxia eval --out X.jsonl` writes results"
        )
    return places


def _find(source: Path, depth: int) -> Iterator[Path]:
    """Results files, run folders and data-set folders at `source` or at most `depth` levels below it."""
    if source.is_file():
        if source.name == TABLE or is_results_file(source):
            yield source
    elif committed(source):
        yield source
    else:
        if (source / "run.json").is_file():
            yield source
        for child in sorted(source.iterdir()):
            if child.is_file() or (depth and not child.name.startswith(".")):
                yield from _find(child, depth - 1)


def _tags(part: Any) -> Iterator[str]:
    """The tags of a configured part and of all parts in it."""
    if isinstance(part, Mapping):
        if tag := part.get("type", part.get("part")):
            yield tag
        for value in part.values():
            yield from _tags(value)


def _read_table(path: Path) -> Table:
    value = _read_json(path)
    return Table(value["title"], value["note"], tuple(value["columns"]), tuple(map(tuple, value["rows"])))


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
    """Every whole line: a run that is under way, or was killed, may end within one."""
    for number, line in enumerate(whole_lines(path), 1):
        try:
            yield json.loads(line)
        except ValueError as error:
            raise DataError(f"{path} line {number} is not JSON; expected what `praxia train` logs") from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise DataError(f"{path} is not JSON; expected what `praxia train` writes") from error


def _read_dataset(path: Path) -> Recorded:
    plan = path / PLAN
    return Recorded(path, info(path), _read_json(plan) if plan.is_file() else None)
