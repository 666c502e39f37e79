"""A LeRobot v3.0 data set on disk, opened for reading."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Bool, Int64, Shaped, UInt8

from praxia.core.errors import DataError, UnknownName
from praxia.core.types import Embodiment
from praxia.data.columns import matrix
from praxia.data.features import camera_name, embodiment_of
from praxia.data.frames import Footage
from praxia.data.layout import CODEBASE_VERSION, EMBODIMENT, INFO, RECORDS, STATS, TASKS, num_staged
from praxia.data.manifest import ADVICE, Manifest
from praxia.data.placement import integers, placed_files

__all__ = ["Dataset", "Episodes"]


@dataclass(frozen=True)
class Episodes:
    """E episodes as columns. `first` is the index of an episode's first frame, `success` whether it ever held.

    `task` is the short name; in a data set of another writer it is the instruction, and `success` is all true.
    """

    first: Int64[np.ndarray, " E"]
    length: Int64[np.ndarray, " E"]
    instruction: tuple[str, ...]
    task: tuple[str, ...]
    success: Bool[np.ndarray, " E"]

    def __len__(self) -> int:
        return len(self.first)


class Dataset:
    """One data set. Opening checks that every file is there with its size; each is hashed before it is first used.

    Numbers are read into memory when first asked for, pictures are mapped from a decoded cache (`frames`).
    Data sets without our manifest open too, as far as plain LeRobot v3.0 with videos goes.

    Raises:
        DataError: not a finished data set, or a file that is missing, truncated or altered, with its episodes.
    """

    def __init__(self, root: str | Path):
        self.root = Path(root)
        _expect_finished(self.root)
        self.manifest = Manifest.read(self.root)
        for name in self.manifest.files:
            self.manifest.check(self.root, name, full=name.startswith("meta/"))
        self.info: dict[str, Any] = json.loads((self.root / INFO).read_bytes())
        version = self.info.get("codebase_version")
        if version != CODEBASE_VERSION:
            raise DataError(
                f"expected LeRobot layout {CODEBASE_VERSION} in {self.root}, got {version}; convert it first"
            )
        self._videos = {camera_name(k): k for k, v in self.info["features"].items() if v["dtype"] == "video"}
        self._table = self._read_parquet("meta/episodes")
        for key in (None, *self._videos.values()):
            for file in placed_files(self.root, self.info, self._table, key):
                if not file.path.is_file():
                    raise file.broken("it is missing")

    # What there is

    @property
    def ours(self) -> bool:
        """Whether Praxia wrote it: only then are there an embodiment with units, starts, outcomes and hashes."""
        return bool(self.manifest.files)

    @cached_property
    def embodiment(self) -> Embodiment:
        if self.ours:
            return Embodiment.from_json(json.loads((self.root / EMBODIMENT).read_bytes()))
        return embodiment_of(self.info)

    @property
    def cameras(self) -> tuple[str, ...]:
        return tuple(self._videos)

    @property
    def fps(self) -> float:
        return float(self.info["fps"])

    @property
    def num_episodes(self) -> int:
        return self._table.num_rows

    @cached_property
    def num_frames(self) -> int:
        return int(self.episodes.length.sum())

    @property
    def content_sha256(self) -> str | None:
        """None in a data set of another writer."""
        return self.manifest.content_sha256 if self.ours else None

    @cached_property
    def stats(self) -> dict[str, dict[str, Any]]:
        """Statistics by feature, as in meta/stats.json."""
        return json.loads((self.root / STATS).read_bytes())

    @cached_property
    def instructions(self) -> tuple[str, ...]:
        """The distinct instructions, by task_index."""
        rows = pq.read_table(self.root / TASKS)
        text = next(name for name in rows.column_names if name != "task_index")
        by_index = dict(zip(rows["task_index"].to_pylist(), rows[text].to_pylist(), strict=True))
        return tuple(by_index[index] for index in sorted(by_index))

    @cached_property
    def records(self) -> list[dict[str, Any]]:
        """One JSON value an episode: start, start_index, task, instruction, success, provenance. Empty if not ours."""
        lines = (self.root / RECORDS).read_text(encoding="utf-8").split("\n") if self.ours else []
        return [json.loads(line) for line in lines if line]

    @cached_property
    def episodes(self) -> Episodes:
        instructions = tuple(tasks[0] for tasks in self._table["tasks"].to_pylist())
        return Episodes(
            first=integers(self._table, "dataset_from_index"),
            length=integers(self._table, "length"),
            instruction=instructions,
            task=tuple(record["task"] for record in self.records) if self.ours else instructions,
            success=np.array(
                [record["success"] for record in self.records] if self.ours else [True] * len(instructions)
            ),
        )

    def select(self, tasks: Sequence[str] | None = None, *, successful: bool = True) -> Int64[np.ndarray, " K"]:
        """The training filter: indices of the successful episodes (or all), of the named tasks (or all).

        Raises:
            UnknownName: a task that no episode has.
        """
        keep = self.episodes.success if successful else np.ones(self.num_episodes, dtype=bool)
        for task in tasks or ():
            if task not in self.episodes.task:
                raise UnknownName("task", task, set(self.episodes.task), f"praxia info {self.root}")
        if tasks is not None:
            keep = keep & np.isin(np.array(self.episodes.task), list(tasks))
        return np.flatnonzero(keep)

    # What is in it

    @cached_property
    def _columns(self) -> pa.Table:
        return self._read_parquet("data")

    def column(self, feature: str) -> Shaped[np.ndarray, "N D"]:
        """One feature of every frame, in frame order.

        Raises:
            UnknownName: a feature the data set does not have.
        """
        if feature not in self._columns.column_names:
            raise UnknownName("feature", feature, self._columns.column_names, f"praxia info {self.root}")
        return matrix(self._columns[feature])

    def frames(self, camera: str) -> UInt8[np.ndarray, "N Y X 3"]:
        """Every picture of a camera, in frame order, mapped from the decoded cache (built on first use)."""
        return self._footage(camera).cached()

    def decode(self, camera: str, indices: Int64[np.ndarray, " K"]) -> UInt8[np.ndarray, "K Y X 3"]:
        """Some pictures of a camera, decoded from the videos without building the cache."""
        return self._footage(camera).decode(indices)

    def snapshots(self, episode: int) -> list[bytes]:
        """The simulator's state before each step of one episode; empty where none was recorded."""
        found = self.manifest.holding("praxia/states/", episode)
        if found is None:
            return []
        name, row_group = found
        rows = pq.ParquetFile(self.root / name).read_row_group(row_group, columns=["state"])
        return [state for state in rows["state"].to_pylist() if state is not None]

    def verify(self) -> None:
        """Hash every file against the manifest. A data set of another writer has nothing to check against.

        Raises:
            DataError: naming the first file that is missing, truncated or altered, and its episodes.
        """
        for name in self.manifest.files:
            self.manifest.check(self.root, name, full=True)

    def _read_parquet(self, folder: str) -> pa.Table:
        paths = sorted((self.root / folder).glob("*/*.parquet"))
        if not paths:
            raise DataError(f"{self.root / folder} holds no parquet file. {ADVICE}")
        tables = []
        for path in paths:
            self.manifest.check(self.root, path.relative_to(self.root).as_posix(), full=True)
            try:
                tables.append(pq.read_table(path))
            except (pa.ArrowException, OSError) as error:
                raise DataError(f"{path} cannot be read ({error}). {ADVICE}") from error
        return pa.concat_tables(tables)

    def _footage(self, camera: str) -> Footage:
        if camera not in self._videos:
            raise UnknownName("camera", camera, self._videos, f"praxia info {self.root}")
        files = placed_files(self.root, self.info, self._table, self._videos[camera])
        size = next(known for known in self.embodiment.cameras if known.name == camera)
        return Footage(self.root, self.manifest, size, files, self.fps)


def _expect_finished(root: Path) -> None:
    if (root / INFO).is_file():
        return
    if num_staged(root):
        raise DataError(
            f"{root} holds an unfinished recording ({num_staged(root)} episodes staged); "
            "finish it: run the same `praxia collect` again with --resume"
        )
    raise DataError(f"expected a data set in {root}, but {INFO} is missing; make one with `praxia collect`")
