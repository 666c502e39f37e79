"""Damage to the episode table, which stays a valid parquet file."""

import io
import json
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import synthetic
from damages.files import Files, rewrite, with_column

EPISODES = 6
INFO = "meta/info.json"
TABLE = "meta/episodes/chunk-000/file-000.parquet"


def one_frame(files: Files) -> float:
    """In seconds."""
    return 1 / json.loads(files[INFO])["fps"]


def _table(files: Files, rng: np.random.Generator, column: str, by: Callable[[float], float]) -> None:
    def do(rows: pa.Table) -> pa.Table:
        values = rows[column].to_pylist()
        at = rng.integers(len(values))
        values[at] = by(values[at])
        return with_column(rows, column, pa.array(values, rows[column].type))

    rewrite(files, TABLE, do)


def _video_column(rng: np.random.Generator, name: str) -> str:
    return f"videos/observation.images.{rng.choice(synthetic.CAMERAS)}/{name}"


def wrong_from(files: Files, rng: np.random.Generator) -> None:
    frame = one_frame(files)
    by = float(rng.choice([frame, -frame, 0.4 * frame, 1.0, -100.0, 1e12, np.nan]))
    _table(files, rng, _video_column(rng, "from_timestamp"), lambda time: time + by)


def wrong_to(files: Files, rng: np.random.Generator) -> None:
    frame = one_frame(files)
    by = float(rng.choice([frame, -frame, 1.0, -100.0, 1e12, np.nan]))
    _table(files, rng, _video_column(rng, "to_timestamp"), lambda time: time + by)


def shifted_times(files: Files, rng: np.random.Generator) -> None:
    """Both timestamps, by full frames: each episode alone looks right."""
    frame = one_frame(files)
    by, camera = float(rng.choice([frame, -frame, 5 * frame])), rng.choice(synthetic.CAMERAS)
    at = int(rng.integers(EPISODES))

    def do(rows: pa.Table) -> pa.Table:
        for end in ("from", "to"):
            column = f"videos/observation.images.{camera}/{end}_timestamp"
            values = rows[column].to_pylist()
            values[at] += by
            rows = with_column(rows, column, values)
        return rows

    rewrite(files, TABLE, do)


def wrong_length(files: Files, rng: np.random.Generator) -> None:
    by = int(rng.choice([1, -1, 7, 10**12, 2**62]))
    _table(files, rng, "length", lambda length: int(length) + by)


def no_frames(files: Files, rng: np.random.Generator) -> None:
    _table(files, rng, "length", lambda length: 0 if rng.random() < 0.8 else -int(length))


def wrong_position(files: Files, rng: np.random.Generator) -> None:
    column = str(rng.choice(["dataset_from_index", "dataset_to_index", "episode_index"]))
    by = int(rng.choice([1, -1, 10**12]))
    _table(files, rng, column, lambda value: int(value) + by)


def wrong_file(files: Files, rng: np.random.Generator) -> None:
    prefix = f"videos/observation.images.{rng.choice(synthetic.CAMERAS)}"
    by = int(rng.choice([1, 10**12, -5]))
    _table(files, rng, f"{prefix}/{rng.choice(['chunk_index', 'file_index'])}", lambda value: int(value) + by)


def huge(files: Files, rng: np.random.Generator) -> None:
    """An episode of 10^12 frames that contradicts nothing in the table."""
    frame = one_frame(files)

    def do(rows: pa.Table) -> pa.Table:
        at, long = rows.num_rows - 1, 10**12
        changed = {"length": long, "dataset_to_index": rows["dataset_from_index"][at].as_py() + long}
        for camera in synthetic.CAMERAS:
            begin = rows[f"videos/observation.images.{camera}/from_timestamp"][at].as_py()
            changed[f"videos/observation.images.{camera}/to_timestamp"] = begin + long * frame
        for column, value in changed.items():
            rows = with_column(rows, column, pa.array([*rows[column].to_pylist()[:-1], value], rows[column].type))
        return rows

    rewrite(files, TABLE, do)
    if rng.random() < 0.5:
        info, length = json.loads(files[INFO]), pq.read_table(io.BytesIO(files[TABLE]))["length"]
        files[INFO] = json.dumps({**info, "total_frames": sum(length.to_pylist())}).encode()


def table_rows(files: Files, rng: np.random.Generator) -> None:
    """One row missing, one duplicated, or two swapped."""

    def do(rows: pa.Table) -> pa.Table:
        order, at = np.arange(rows.num_rows), rng.integers(1, rows.num_rows)
        made = [
            np.delete(order, at),
            np.insert(order, at, at),
            order[[*range(at - 1), at, at - 1, *range(at + 1, len(order))]],
        ]
        return rows.take(made[rng.integers(3)])

    rewrite(files, TABLE, do)


def table_column(files: Files, rng: np.random.Generator) -> None:
    """A required column is missing, is text, or has empty rows."""

    def do(rows: pa.Table) -> pa.Table:
        needed = [name for name in rows.column_names if not name.startswith(("stats/", "meta/"))]
        column, how = str(rng.choice(needed)), rng.integers(3)
        if how == 0:
            return rows.drop_columns([column])
        values = [str(value) for value in rows[column].to_pylist()]
        return with_column(rows, column, pa.array(values) if how == 1 else pa.nulls(rows.num_rows, rows[column].type))

    rewrite(files, TABLE, do)
