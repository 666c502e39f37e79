"""Reads the intact episodes of a damaged data set."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Bool, Int64

from praxia.core.embodiment import Embodiment
from praxia.core.files import AnyPath
from praxia.data.frame_files import FrameFile, integers, runs
from praxia.data.layout import CODEBASE_VERSION, EMBODIMENT, PLAN, RECORDS, STATS, VIDEO_FRAMES, parquet_files
from praxia.data.manifest import Manifest
from praxia.data.metadata import Metadata, open_root
from praxia.datatools.check.dataset import find_problems
from praxia.datatools.check.meta import DAMAGED_PARQUET, LenientMetadata
from praxia.datatools.edit.source import SourceDataset, episode_table, read_stats

__all__ = ["open_intact"]


def open_intact(root: str | AnyPath) -> SourceDataset | None:
    """The episodes in which `praxia data check --quick` finds no problem, under their own numbers.

    Their rows are found by the indices in each row, because files before them may be missing. Returns None if no
    episode is intact, if neither the episodes nor their numbers have a problem, or if `root` is not a folder of this
    machine.

    Raises:
        DataError: `root` holds no data set.
    """
    folder = open_root(root)
    if not isinstance(folder, Path):
        return None
    found = find_problems(folder, quick=True)
    if found.meta is None or not found.safe.any() or not found.problems.to_list():
        return None
    meta, safe = found.meta, found.safe
    row_files, order = _locate_rows(meta, safe)
    manifest = Manifest.read(folder)
    is_praxia = bool(manifest.files)
    metadata = _metadata(meta, order, manifest, complete=not found.problems.has("numbering"))
    records = _records(folder / RECORDS) if is_praxia else []
    source = SourceDataset(
        metadata=metadata,
        table=_episode_rows(meta, order, metadata),
        stats=read_stats(folder / STATS),
        records=[records[episode] for episode in order] if is_praxia else [],
        embodiment=Embodiment.from_json(json.loads((folder / EMBODIMENT).read_bytes())) if is_praxia else None,
        plan=json.loads((folder / PLAN).read_bytes()) if is_praxia else {},
        missing_features=(),
        episode_numbers=meta.episode_numbers[order],
        damaged=meta.episode_numbers[~safe],
        row_files=row_files,
    )
    return source.without_missing_features()


def _locate_rows(
    meta: LenientMetadata, safe: Bool[np.ndarray, " E"]
) -> tuple[tuple[FrameFile, ...], Int64[np.ndarray, " K"]]:
    """The files with rows of intact episodes, and the table rows of those episodes in the order of the data."""
    length, order, files = meta.episodes["length"], dict[int, int](), []
    first = 0
    for path in parquet_files(meta.root / "data"):
        try:
            numbers = integers(pq.ParquetFile(path).read(columns=["episode_index"]), "episode_index")
        except DAMAGED_PARQUET:  # the check reported it too, so no episode in it is intact
            continue
        starts, lengths = runs(numbers)
        positions = meta.positions_of(numbers[starts])
        kept = (positions >= 0) & safe[positions]
        if not kept.any():
            continue
        for position in positions[kept].tolist():
            order.setdefault(position, len(order))
        here = lengths[kept]
        numbers = np.array([order[position] for position in positions[kept].tolist()])
        files.append(FrameFile(path, numbers, first + np.cumsum(here) - here, here, starts[kept]))
        first += int(here.sum())
    assert first == length[safe].sum(), "an intact episode has an unexpected number of rows"
    return tuple(files), np.array(list(order), dtype=np.int64)


def _metadata(meta: LenientMetadata, order: Int64[np.ndarray, " K"], manifest: Manifest, complete: bool) -> Metadata:
    """The metadata of the intact episodes, numbered from 0.

    `complete`: the table lacks no episode.
    """
    columns = {name: values[order] for name, values in meta.episodes.items()}
    table = pa.table({**columns, "tasks": [list(meta.instructions[episode]) for episode in order.tolist()]})
    info = meta.info
    if info["codebase_version"] == CODEBASE_VERSION:
        info = {**info, VIDEO_FRAMES: {**_video_frames(meta, complete), **info.get(VIDEO_FRAMES, {})}}
    numbers = np.array(sorted(meta.tasks), dtype=np.int64)
    instructions = tuple(meta.tasks[number] for number in numbers.tolist())
    return Metadata(meta.root, manifest, info, _renumbered(table), instructions, numbers)


def _video_frames(meta: LenientMetadata, complete: bool) -> Mapping[str, int | None]:
    """The number of images of each video, including those of damaged episodes; None if unknown."""
    found: dict[str, int | None] = {}
    for key in meta.image_features("video"):
        ends = meta.episodes[f"videos/{key}/to_timestamp"] * meta.fps
        for name, episodes in meta.files(key):
            known = complete and np.isfinite(ends[episodes]).all()
            found[name] = int(np.round(ends[episodes].max())) if known else None
    return found


def _episode_rows(meta: LenientMetadata, order: Int64[np.ndarray, " K"], metadata: Metadata) -> pa.Table:
    """The episode table of v3.0 with all its columns."""
    if metadata.info["codebase_version"] != CODEBASE_VERSION:
        return metadata.table
    return _renumbered(episode_table(metadata).take(pa.array(order)))


def _renumbered(table: pa.Table) -> pa.Table:
    length = integers(table, "length")
    ends = np.cumsum(length)
    columns = {
        "episode_index": np.arange(len(length)),
        "dataset_from_index": ends - length,
        "dataset_to_index": ends,
    }
    for name, values in columns.items():
        table = table.set_column(table.column_names.index(name), name, pa.array(values))
    return table


def _records(path: Path) -> list[Mapping[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
