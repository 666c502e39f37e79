"""Staged episodes -> a LeRobot v3.0 data set, in index order. `info.json`, written last, is the commit point.

A pure function of the staged episodes and the plan: no clock, no host name and no completion order enters any file,
so `content_sha256` is the same for any number of workers and after any number of kills.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError, RecordingError
from praxia.core.files import sync_folder, write_atomic
from praxia.core.keys import canonical_json, content_key
from praxia.data.features import UNSAID, feature_declarations, frames_per_second
from praxia.data.layout import (
    CODEBASE_VERSION,
    DATA,
    DATA_FILE_BYTES,
    EMBODIMENT,
    EPISODE_PREFIX,
    EPISODES,
    FILES_PER_CHUNK,
    INFO,
    LIVE_PREFIX,
    MANIFEST,
    MEGABYTE,
    PLAN,
    RECORDS,
    STAGING,
    STATS,
    TASKS,
    VIDEO,
    VIDEO_FILE_BYTES,
    chunk_and_file,
    committed,
    json_bytes,
    num_staged,
    out_of_space,
    write_synced,
)
from praxia.data.manifest import Manifest
from praxia.data.merge import Merged, merge
from praxia.data.parquet import parquet_bytes
from praxia.data.recording import recording_lock
from praxia.data.staging import StagedEpisode, verify_staged

__all__ = ["episode_rows", "finalize", "write_episodes", "write_tasks"]


def finalize(root: str | Path, embodiment: Embodiment, plan: Mapping[str, Any]) -> str:
    """Turn everything staged under `root` into one data set and return its content_sha256.

    It can be killed at any time and called again: staging is deleted only after the commit. On a committed `root` it
    only removes what a kill left behind. `plan` is the JSON value given to `begin_recording`.

    Raises:
        RecordingError: nothing is staged, a staged episode lost bytes, one is still being recorded, or the disk is
            full; complete episodes are kept.
        MismatchError: an episode was recorded with another embodiment, or with other extras than the first.
        PraxiaError: another process is recording into `root`.
    """
    root = Path(root)
    with recording_lock(root):
        if not committed(root):
            with out_of_space(root, "finalizing"):
                _build(root, embodiment, plan)
        shutil.rmtree(root / STAGING, ignore_errors=True)
    return Manifest.read(root).content_sha256


def _build(root: Path, embodiment: Embodiment, plan: Mapping[str, Any]) -> None:
    expected, indices = num_staged(root), verify_staged(root)
    if len(indices) < expected:
        raise RecordingError(
            f"{expected - len(indices)} of {expected} staged episodes in {root} had lost bytes and were removed; "
            "run the same command again with --resume to record them anew"
        )
    if live := sorted(path.name.removeprefix(LIVE_PREFIX) for path in (root / STAGING).glob(f"{LIVE_PREFIX}*")):
        raise RecordingError(
            f"episode {int(live[0])} in {root} is still being recorded, or was when its recorder was killed: save or "
            "discard it, or recover it with Recorder(root, embodiment, plan, resume=True)"
        )
    episodes = [StagedEpisode(root / STAGING / f"{EPISODE_PREFIX}{index:06d}") for index in indices]
    if not episodes:
        raise RecordingError(f"no episode is staged in {root}, so there is nothing to make a data set of")
    _same_embodiment(episodes, embodiment)
    extras = _same_extras(episodes)
    for leftover in ("meta", "data", "videos", "praxia"):
        shutil.rmtree(root / leftover, ignore_errors=True)
    merged = merge(root, episodes, embodiment)
    write_tasks(root, merged.instructions)
    write_episodes(root, episode_rows(episodes, merged))
    write_synced(root / STATS, json_bytes(merged.stats))
    write_synced(root / RECORDS, _records(episodes))
    write_synced(root / EMBODIMENT, json_bytes(embodiment.to_json()))
    write_synced(root / PLAN, json_bytes(json.loads(canonical_json(plan))))
    info = json_bytes(_info(embodiment, merged, extras))
    manifest = Manifest.of(root, merged.episodes_in_file, {INFO: info})
    write_synced(root / MANIFEST, manifest.to_bytes())
    for folder in sorted(path for path in root.rglob("*") if path.is_dir() and STAGING not in path.parts):
        sync_folder(folder)
    write_atomic(root / INFO, info)


def _same_embodiment(episodes: Sequence[StagedEpisode], embodiment: Embodiment) -> None:
    expected = content_key(embodiment.to_json())
    for episode in episodes:
        if episode.description["embodiment"] != expected:
            raise MismatchError(
                f"staged episode {episode.index} was recorded with another embodiment than {embodiment.name!r}; "
                "record into another --out folder"
            )


def _same_extras(episodes: Sequence[StagedEpisode]) -> dict[str, Any]:
    """The declarations of the extras that every episode has, and of those in `UNSAID` if any episode has them."""
    declared = [dict(episode.description.get("extras", {})) for episode in episodes]
    said = {name: one.pop(name) for name in UNSAID for one in declared if name in one}
    expected = declared[0]
    for episode, got in zip(episodes, declared, strict=True):
        if got != expected:
            raise MismatchError(
                f"staged episode {episode.index} has the extras {sorted(got) or 'none'}, episode {episodes[0].index}"
                f" has {sorted(expected) or 'none'}: expected the same features, of the same sizes, in every episode"
                " of a data set; record into another --out folder"
            )
    return expected | said


def _records(episodes: Sequence[StagedEpisode]) -> bytes:
    lines = []
    for number, episode in enumerate(episodes):
        kept = {name: episode.description[name] for name in ("task", "instruction", "success", "start", "provenance")}
        record = {"episode_index": number, "start_index": episode.index, **kept}
        lines.append(json.dumps(record, sort_keys=True, ensure_ascii=False) + "\n")
    return "".join(lines).encode()


def _info(embodiment: Embodiment, merged: Merged, extras: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "codebase_version": CODEBASE_VERSION,
        "robot_type": embodiment.name,
        "total_episodes": len(merged.lengths),
        "total_frames": sum(merged.lengths),
        "total_tasks": len(merged.instructions),
        "chunks_size": FILES_PER_CHUNK,
        "data_files_size_in_mb": DATA_FILE_BYTES // MEGABYTE,
        "video_files_size_in_mb": VIDEO_FILE_BYTES // MEGABYTE,
        "fps": frames_per_second(embodiment),
        "splits": {"train": f"0:{len(merged.lengths)}"},
        "data_path": DATA,
        "video_path": VIDEO if embodiment.cameras else None,
        "features": feature_declarations(embodiment, extras),
    }


def episode_rows(episodes: Sequence[StagedEpisode], merged: Merged) -> list[dict[str, Any]]:
    """One row per episode in LeRobot's columns: length, files of rows and images, statistics."""
    rows, first = [], 0
    for number, episode in enumerate(episodes):
        last = first + merged.lengths[number]
        row = {
            "episode_index": number,
            "tasks": [episode.description["instruction"]],
            "length": merged.lengths[number],
            **{f"data/{name}": value for name, value in merged.data_files[number].items()},
            "dataset_from_index": first,
            "dataset_to_index": last,
        }
        for key, files in merged.video_files.items():
            row |= {f"videos/{key}/{name}": value for name, value in files[number].items()}
        for feature, described in merged.episode_stats[number].items():
            row |= {f"stats/{feature}/{name}": value for name, value in described.items()}
        row |= {f"meta/episodes/{name}": value for name, value in chunk_and_file(0).items()}
        rows.append(row)
        first = last
    return rows


def write_episodes(root: Path, rows: Sequence[dict[str, Any]]) -> None:
    """All rows into one file: 10,000 episodes are a few tens of megabytes."""
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    write_synced(root / EPISODES.format(**chunk_and_file(0)), parquet_bytes(pa.table(columns)))


def write_tasks(root: Path, instructions: Sequence[str]) -> None:
    """Write meta/tasks.parquet. LeRobot reads it with pandas and expects the instruction as the index: pandas' own
    metadata declare it.
    """
    index = "__index_level_0__"
    described = {
        "index_columns": [index],
        "column_indexes": [_pandas_column(None, None, "unicode", "object", {"encoding": "UTF-8"})],
        "columns": [
            _pandas_column("task_index", "task_index", "int64", "int64", None),
            _pandas_column(None, index, "unicode", "object", None),
        ],
    }
    rows = pa.table({"task_index": pa.array(range(len(instructions)), pa.int64()), index: list(instructions)})
    described_rows = rows.replace_schema_metadata({"pandas": json.dumps(described)})
    write_synced(root / TASKS, parquet_bytes(described_rows))


def _pandas_column(name: str | None, field: str | None, kind: str, numpy: str, metadata: Any) -> dict[str, Any]:
    return {"name": name, "field_name": field, "pandas_type": kind, "numpy_type": numpy, "metadata": metadata}
