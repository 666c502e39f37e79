"""`meta/episodes` and `meta/tasks.parquet`: one row an episode, one row an instruction."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from praxia.data.columns import parquet_bytes
from praxia.data.disk import write_synced
from praxia.data.layout import EPISODES, TASKS, place
from praxia.data.merge import Merged
from praxia.data.staging import StagedEpisode

__all__ = ["episode_rows", "write_episodes", "write_tasks"]


def episode_rows(episodes: Sequence[StagedEpisode], merged: Merged) -> list[dict[str, Any]]:
    """One row an episode as LeRobot names its columns: length, where rows and images are, statistics."""
    rows, first = [], 0
    for number, episode in enumerate(episodes):
        last = first + merged.lengths[number]
        row = {
            "episode_index": number,
            "tasks": [episode.description["instruction"]],
            "length": merged.lengths[number],
            **{f"data/{name}": value for name, value in merged.data_places[number].items()},
            "dataset_from_index": first,
            "dataset_to_index": last,
        }
        for key, places in merged.video_places.items():
            row |= {f"videos/{key}/{name}": value for name, value in places[number].items()}
        for feature, described in merged.episode_stats[number].items():
            row |= {f"stats/{feature}/{name}": value for name, value in described.items()}
        row |= {f"meta/episodes/{name}": value for name, value in place(0).items()}
        rows.append(row)
        first = last
    return rows


def write_episodes(root: Path, rows: Sequence[dict[str, Any]]) -> None:
    """All rows into one file: 10,000 episodes are a few tens of megabytes."""
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    write_synced(root / EPISODES.format(**place(0)), parquet_bytes(pa.table(columns)))


def write_tasks(root: Path, instructions: Sequence[str]) -> None:
    """LeRobot reads this file with pandas and expects the instruction as the index: say so in pandas' own metadata."""
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
