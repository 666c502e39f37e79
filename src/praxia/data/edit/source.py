"""A data set as an edit sees it: the episode table, the tasks, and the files that hold rows and pictures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int64

from praxia.core.errors import DataError
from praxia.core.types import Embodiment
from praxia.data.dataset import Dataset
from praxia.data.layout import PLAN, STATES, STATS, TASKS
from praxia.data.manifest import ADVICE, Manifest
from praxia.data.placement import PlacedFile, integers, placed_files

__all__ = ["Source"]

KNOWN_META = ("info.json", "stats.json", "tasks.parquet", "tasks.jsonl", "episodes.jsonl", "episodes_stats.jsonl")


@dataclass(frozen=True, eq=False)
class Source:
    """One data set. `table` is meta/episodes in the columns of LeRobot v3.0, `tasks` the instruction by task_index.

    `records`, `embodiment` and `plan` are there in a data set of ours alone.
    """

    root: Path
    info: Mapping[str, Any]
    table: pa.Table
    tasks: Mapping[int, str]
    stats: Mapping[str, Any]
    manifest: Manifest
    records: Sequence[Mapping[str, Any]]
    embodiment: Embodiment | None
    plan: Mapping[str, Any]

    @classmethod
    def open(cls, root: str | Path) -> "Source":
        """The data set in the folder `root`.

        Raises:
            DataError: not a finished data set, or a file that is missing, truncated or altered.
        """
        dataset = Dataset(root)
        ours = dataset.ours
        return cls(
            root=dataset.root,
            info=dataset.info,
            table=dataset.table,
            tasks=_tasks(dataset.root),
            stats=dataset.stats if (dataset.root / STATS).is_file() else {},
            manifest=dataset.manifest,
            records=dataset.records,
            embodiment=dataset.embodiment if ours else None,
            plan=json.loads((dataset.root / PLAN).read_bytes()) if ours else {},
        )

    @property
    def ours(self) -> bool:
        return self.embodiment is not None

    @property
    def fps(self) -> float:
        return float(self.info["fps"])

    @cached_property
    def lengths(self) -> Int64[np.ndarray, " E"]:
        """Frames of each episode."""
        return integers(self.table, "length")

    def features(self, *dtypes: str) -> list[str]:
        """Those of the given types, in the order of info.json."""
        return [name for name, feature in self.info["features"].items() if feature["dtype"] in dtypes]

    @cached_property
    def cameras(self) -> list[str]:
        """Features that are pictures, in videos or in parquet."""
        return self.features("video", "image")

    def files(self, key: str | None = None) -> list[PlacedFile]:
        """Those that hold the rows, or the pictures of the video feature `key`."""
        return placed_files(self.root, self.info, self.table, key)

    def read(self, file: PlacedFile, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of one file, which are those of its episodes, in order.

        Raises:
            DataError: it was altered, is not parquet, or holds other rows than the episode table says.
        """
        self.manifest.check(self.root, file.path.relative_to(self.root).as_posix(), full=True)
        wanted = columns if columns is None else [*columns, "episode_index"]
        try:
            rows = pq.ParquetFile(file.path).read(columns=wanted)
        except (pa.ArrowException, OSError) as error:
            raise file.broken(str(error)) from error
        first, last = file.episodes
        expected = np.repeat(np.arange(first, last + 1), self.lengths[first : last + 1])
        if not np.array_equal(rows["episode_index"].to_numpy(), expected):
            raise file.broken(f"its rows are not the {len(expected)} that meta/episodes names")
        return rows if columns is None else rows.select(columns)

    def states(self) -> list[tuple[Path, tuple[int, int]]]:
        """The files with the simulator's states, and the first and last episode of each."""
        folder = STATES.partition("chunk")[0]
        found = [(self.root / name, entry.episodes) for name, entry in self.manifest.files.items()]
        return sorted((path, episodes) for path, episodes in found if episodes and self.name(path).startswith(folder))

    def name(self, path: Path) -> str:
        """`path` from the data set's folder."""
        return path.relative_to(self.root).as_posix()

    def others(self) -> list[Path]:
        """Files that nobody here knows: beside info.json, and beside the folders."""
        files = [path for folder in (self.root, self.root / "meta") for path in sorted(folder.iterdir())]
        return [
            path for path in files if path.is_file() and not path.name.startswith(".") and path.name not in KNOWN_META
        ]


def _tasks(root: Path) -> dict[int, str]:
    try:
        rows = pq.read_table(root / TASKS)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{root / TASKS} cannot be read ({error}); in it: all episodes. {ADVICE}") from error
    text = next(name for name in rows.column_names if name != "task_index")
    return dict(zip(rows["task_index"].to_pylist(), rows[text].to_pylist(), strict=True))
