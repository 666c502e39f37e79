"""Intact episodes"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Bool, Int64

from praxia.core.embodiment import Embodiment
from praxia.core.files import AnyPath
from praxia.data.layout import CODEBASE_VERSION, EMBODIMENT, PLAN, RECORDS, STATS, VIDEO_FRAMES, parquet_files
from praxia.data.manifest import Manifest
from praxia.data.metadata import Metadata, open_root
from praxia.data.placement import PlacedFile, integers, runs
from praxia.datatools.check.dataset import examine
from praxia.datatools.check.meta import DAMAGED_PARQUET, Described
from praxia.datatools.edit.source import SourceDataset, episode_table, stored

__all__ = ["whole"]


def whole(root: str | AnyPath) -> SourceDataset | None:
    """The episodes in which `praxia data check --quick` finds nothing wrong, under their own numbers.

    Their rows are found by what each row says of itself, for files before them may be missing. None where no episode is
    whole, or nothing is wrong with any and with their numbers, or `root` is no folder of this machine.

    Raises:
        DataError: `root` holds no data set.
    """
    folder = open_root(root)
    if not isinstance(folder, Path):
        return None
    found = examine(folder, quick=True)
    if found.described is None or not found.safe.any() or not found.problems.listed():
        return None
    described, safe = found.described, found.safe
    placed, order = _placed(described, safe)
    manifest = Manifest.read(folder)
    ours = bool(manifest.files)
    catalogue = _catalogue(described, order, manifest, complete=not found.problems.of("numbering"))
    records = _records(folder / RECORDS) if ours else []
    source = SourceDataset(
        catalogue=catalogue,
        table=_table(described, order, catalogue),
        stats=stored(folder / STATS),
        records=[records[episode] for episode in order] if ours else [],
        embodiment=Embodiment.from_json(json.loads((folder / EMBODIMENT).read_bytes())) if ours else None,
        plan=json.loads((folder / PLAN).read_bytes()) if ours else {},
        absent=(),
        numbers=described.numbers[order],
        lost=described.numbers[~safe],
        placed=placed,
    )
    return source.without_absent()


def _placed(
    described: Described, safe: Bool[np.ndarray, " E"]
) -> tuple[tuple[PlacedFile, ...], Int64[np.ndarray, " K"]]:
    """The files that hold rows of whole episodes, and those episodes (places in the table) in the order of the rows."""
    length, order, files = described.episodes["length"], dict[int, int](), []
    first = 0
    for path in parquet_files(described.root / "data"):
        try:
            own = integers(pq.ParquetFile(path).read(columns=["episode_index"]), "episode_index")
        except DAMAGED_PARQUET:  # as the check said too, so that no episode in it is whole
            continue
        starts, lengths = runs(own)
        places = described.placed(own[starts])
        kept = (places >= 0) & safe[places]
        if not kept.any():
            continue
        for place in places[kept].tolist():
            order.setdefault(place, len(order))
        here = lengths[kept]
        numbers = np.array([order[place] for place in places[kept].tolist()])
        files.append(PlacedFile(path, numbers, first + np.cumsum(here) - here, here, starts[kept]))
        first += int(here.sum())
    assert first == length[safe].sum(), "an episode that was found whole has other rows than it should"
    return tuple(files), np.array(list(order), dtype=np.int64)


def _catalogue(described: Described, order: Int64[np.ndarray, " K"], manifest: Manifest, complete: bool) -> Metadata:
    """What `meta/` says of the whole episodes, as if they were numbered from 0.

    `complete`: the table lacks no episode.
    """
    columns = {name: values[order] for name, values in described.episodes.items()}
    table = pa.table({**columns, "tasks": [list(described.instructions[episode]) for episode in order.tolist()]})
    info = described.info
    if info["codebase_version"] == CODEBASE_VERSION:
        info = {**info, VIDEO_FRAMES: {**_video_frames(described, complete), **info.get(VIDEO_FRAMES, {})}}
    numbers = np.array(sorted(described.tasks), dtype=np.int64)
    instructions = tuple(described.tasks[number] for number in numbers.tolist())
    return Metadata(described.root, manifest, info, _renumbered(table), instructions, numbers)


def _video_frames(described: Described, complete: bool) -> Mapping[str, int | None]:
    """How many images each video should have, with those of episodes that are not whole; None: not known."""
    found: dict[str, int | None] = {}
    for key in described.keys("video"):
        ends = described.episodes[f"videos/{key}/to_timestamp"] * described.fps
        for name, episodes in described.files(key):
            known = complete and np.isfinite(ends[episodes]).all()
            found[name] = int(np.round(ends[episodes].max())) if known else None
    return found


def _table(described: Described, order: Int64[np.ndarray, " K"], catalogue: Metadata) -> pa.Table:
    """The episode table of v3.0 with all its columns."""
    if catalogue.info["codebase_version"] != CODEBASE_VERSION:
        return catalogue.table
    return _renumbered(episode_table(catalogue).take(pa.array(order)))


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
