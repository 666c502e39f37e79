"""Damage to the rows of data files, which stay valid parquet files."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
from damages.files import Files, one_of, rewrite, with_column


def _numbers(files: Files, rng: np.random.Generator, column: str, change: Callable[[np.ndarray], object]) -> None:
    def do(rows: pa.Table) -> pa.Table:
        return with_column(
            rows, column, change(np.array(rows[column].to_pylist(), dtype=rows[column].type.to_pandas_dtype()))
        )

    rewrite(files, one_of(files, "data/", rng), do)


def _poked(rng: np.random.Generator, by: Callable[[int], int]) -> Callable[[np.ndarray], np.ndarray]:
    def change(values: np.ndarray) -> np.ndarray:
        at = rng.integers(len(values))
        return np.concatenate([values[:at], [by(int(values[at]))], values[at + 1 :]])

    return change


def shift_index(files: Files, rng: np.random.Generator) -> None:
    _numbers(files, rng, str(rng.choice(["index", "frame_index", "episode_index"])), lambda values: values + 1)


def wrong_index(files: Files, rng: np.random.Generator) -> None:
    other = int(rng.choice([-1, 0, 1, 3, 10**12, 2**62]))
    column = str(rng.choice(["index", "frame_index", "episode_index"]))
    _numbers(files, rng, column, _poked(rng, lambda value: other if other != value else value + 1))


def reorder_rows(files: Files, rng: np.random.Generator) -> None:
    rewrite(files, one_of(files, "data/", rng), lambda rows: rows.take(rng.permutation(rows.num_rows)))


def drop_row(files: Files, rng: np.random.Generator) -> None:
    def do(rows: pa.Table) -> pa.Table:
        return rows.take(np.delete(np.arange(rows.num_rows), rng.integers(rows.num_rows)))

    rewrite(files, one_of(files, "data/", rng), do)


def double_row(files: Files, rng: np.random.Generator) -> None:
    def do(rows: pa.Table) -> pa.Table:
        at = rng.integers(rows.num_rows)
        return rows.take(np.insert(np.arange(rows.num_rows), at, at))

    rewrite(files, one_of(files, "data/", rng), do)


def wrong_time(files: Files, rng: np.random.Generator) -> None:
    def change(values: np.ndarray) -> pa.Array:
        values = values.astype(np.float64)
        values[rng.integers(len(values)) :] += rng.choice([0.01, -1.0, np.nan, 1e9])
        return pa.array(values.astype(np.float32))

    _numbers(files, rng, "timestamp", change)


def unknown_task(files: Files, rng: np.random.Generator) -> None:
    _numbers(files, rng, "task_index", _poked(rng, lambda value: value + int(rng.choice([4, -9, 10**9]))))


def other_task(files: Files, rng: np.random.Generator) -> None:
    _numbers(files, rng, "task_index", _poked(rng, lambda value: (value + 1) % 4))


def not_finite(files: Files, rng: np.random.Generator) -> None:
    def do(rows: pa.Table) -> pa.Table:
        column = str(rng.choice(["observation.state", "action"]))
        values = np.array(rows[column].to_pylist(), dtype=np.float32)
        values[rng.integers(len(values)), rng.integers(values.shape[1])] = rng.choice([np.nan, np.inf, -np.inf])
        return with_column(rows, column, pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1]))

    rewrite(files, one_of(files, "data/", rng), do)


def absent_number(files: Files, rng: np.random.Generator) -> None:
    def do(rows: pa.Table) -> pa.Table:
        values = rows["action"].to_pylist()
        at = rng.integers(len(values))
        values[at] = None if rng.random() < 0.5 else [None, *values[at][1:]]
        return with_column(rows, "action", pa.array(values, pa.list_(pa.float32())))

    rewrite(files, one_of(files, "data/", rng), do)


def ragged(files: Files, rng: np.random.Generator) -> None:
    """One row loses a number; half of the time its neighbor gains one, so that the total is unchanged."""

    def do(rows: pa.Table) -> pa.Table:
        values = rows["action"].to_pylist()
        at = rng.integers(1, len(values))
        if rng.random() < 0.5:
            values[at - 1] = [*values[at - 1], values[at][0]]
        values[at] = values[at][1:]
        return with_column(rows, "action", pa.array(values, pa.list_(pa.float32())))

    rewrite(files, one_of(files, "data/", rng), do)


def drop_column(files: Files, rng: np.random.Generator) -> None:
    def do(rows: pa.Table) -> pa.Table:
        return rows.drop_columns([str(rng.choice(rows.column_names))])

    rewrite(files, one_of(files, "data/", rng), do)


def wrong_type(files: Files, rng: np.random.Generator) -> None:
    def do(rows: pa.Table) -> pa.Table:
        column = str(rng.choice(["action", "index", "timestamp", "task_index", "episode_index"]))
        made = [pa.array([str(value) for value in rows[column].to_pylist()]), pa.nulls(rows.num_rows)]
        return with_column(rows, column, made[rng.integers(2)])

    rewrite(files, one_of(files, "data/", rng), do)


def stray_rows(files: Files, rng: np.random.Generator) -> None:
    files["data/chunk-000/file-900.parquet"] = files[one_of(files, "data/", rng)]
