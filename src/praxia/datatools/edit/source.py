"""A data set as an edit sees it: the episode table, the tasks, and the files that hold rows and images."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int64

from praxia.core.embodiment import Embodiment
from praxia.core.errors import DataError
from praxia.core.files import AnyPath, name_within
from praxia.data.dataset import Dataset
from praxia.data.features import IMAGES, INDEX_FEATURES, videos_read
from praxia.data.layout import (
    CODEBASE_VERSION,
    EPISODE_LINES,
    EPISODE_STATS_LINES,
    INFO,
    MANIFEST,
    PLAN,
    STATES,
    STATS,
    TASK_LINES,
    TASKS,
    VIDEO_FRAMES,
    parquet_files,
)
from praxia.data.manifest import ADVICE, Manifest
from praxia.data.metadata import Metadata
from praxia.data.parquet import native
from praxia.data.placement import PlacedFile, integers
from praxia.data.rows import Rows

__all__ = ["SourceDataset", "episode_table", "stored"]

# What an edit writes anew.
REWRITTEN_FILES = (INFO, STATS, TASKS, TASK_LINES, EPISODE_LINES)
REWRITTEN_FOLDERS = ("data/", "videos/", "meta/episodes/", "praxia/")


@dataclass(frozen=True, eq=False)
class SourceDataset:
    """One data set, of LeRobot v3.0 or v2.1. `table` is meta/episodes of v3.0, whole; of v2.1 without statistics.

    `records`, `embodiment` and `plan` are there in a data set of ours alone. `absent` are features that info.json
    declares and nothing reads, such as depth, of which files are missing: a new data set is without them.

    Where parts are missing (`edit/whole.py`) only whole episodes are there: `numbers` is what each is called, `lost`
    what those are called that are not, and `placed` where the rows are.
    """

    catalogue: Metadata
    table: pa.Table
    stats: Mapping[str, Any]
    records: Sequence[Mapping[str, Any]]
    embodiment: Embodiment | None
    plan: Mapping[str, Any]
    absent: tuple[str, ...]
    numbers: Int64[np.ndarray, " E"]
    lost: Int64[np.ndarray, " L"]
    placed: tuple[PlacedFile, ...] | None = None

    @classmethod
    def open(cls, root: str | AnyPath) -> "SourceDataset":
        """The data set in the folder `root`.

        Raises:
            DataError: not a finished data set, or a file that is missing, truncated or altered.
        """
        dataset = Dataset(root)
        ours = dataset.ours
        whole = cls(
            catalogue=dataset.catalogue,
            table=episode_table(dataset.catalogue),
            stats=stored(dataset.root / STATS),
            records=dataset.records,
            embodiment=dataset.embodiment if ours else None,
            plan=json.loads((dataset.root / PLAN).read_bytes()) if ours else {},
            absent=(),
            numbers=np.arange(dataset.num_episodes),
            lost=np.zeros(0, dtype=np.int64),
        )
        return whole.without_absent()

    def without_absent(self) -> "SourceDataset":
        """Without the features that nothing reads and of which files, or their places in the table, are missing."""
        absent = _absent(self.catalogue)
        if not absent:
            return self
        kept = {name: one for name, one in self.info["features"].items() if name not in absent}
        starts = tuple(f"{kind}/{feature}/" for kind in ("videos", "stats") for feature in absent)
        return replace(
            self,
            catalogue=replace(self.catalogue, info={**self.info, "features": kept}),
            table=self.table.drop_columns([name for name in self.table.column_names if name.startswith(starts)]),
            stats={name: one for name, one in self.stats.items() if name not in absent},
            absent=absent,
        )

    @property
    def root(self) -> AnyPath:
        return self.catalogue.root

    @property
    def info(self) -> Mapping[str, Any]:
        return self.catalogue.info

    @property
    def manifest(self) -> Manifest:
        return self.catalogue.manifest

    @property
    def tasks(self) -> tuple[str, ...]:
        """The instructions in the order of their task_index."""
        return self.catalogue.instructions

    @property
    def ours(self) -> bool:
        return self.embodiment is not None

    @property
    def fps(self) -> float:
        return self.catalogue.fps

    @cached_property
    def firsts(self) -> Int64[np.ndarray, " E"]:
        """The index of each episode's first frame."""
        return integers(self.table, "dataset_from_index")

    @cached_property
    def lengths(self) -> Int64[np.ndarray, " E"]:
        """Frames of each episode."""
        return integers(self.table, "length")

    def features(self, *dtypes: str) -> list[str]:
        """Those of the given types, in the order of info.json."""
        return [name for name, feature in self.info["features"].items() if feature["dtype"] in dtypes]

    @cached_property
    def cameras(self) -> list[str]:
        """Features that are images, in videos or in parquet."""
        return self.features(*IMAGES)

    @cached_property
    def files(self) -> list[PlacedFile]:
        """Those that hold the rows; an episode may reach over two."""
        return Rows(self.catalogue).files if self.placed is None else list(self.placed)

    def videos(self, key: str) -> list[PlacedFile]:
        """Those that hold the images of the video feature `key`."""
        return self.catalogue.images(key)

    def video_frames(self, key: str) -> dict[AnyPath, int | None]:
        """How many frames each video of `key` should have. None in v2.1, where more may lie behind an episode's end.

        Raises:
            DataError: info.json tells it as something else than an object.
        """
        claimed = self.catalogue.video_ends(key)
        if self.info["codebase_version"] != CODEBASE_VERSION:
            return dict.fromkeys(claimed)
        told = self.info.get(VIDEO_FRAMES, {})
        if not isinstance(told, Mapping):
            raise DataError(
                f"{self.root / INFO} is damaged (expected {VIDEO_FRAMES} as an object, got {told!r}). {ADVICE}"
            )
        return {path: told.get(self.name(path), count) for path, count in claimed.items()}

    def read(self, file: PlacedFile, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of one file, which are those of its episodes, in order.

        Raises:
            DataError: it was altered, is not parquet, or holds other rows than the episode table says.
        """
        self.manifest.check(self.root, self.name(file.path), full=True)
        wanted = columns if columns is None else [*columns, "episode_index"]
        try:
            rows = pq.ParquetFile(native(file.path)).read(columns=wanted)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise file.broken(str(error)) from error
        for name in INDEX_FEATURES if columns is None else wanted or ():
            if name not in rows.column_names:
                raise file.broken(f"it has no column {name!r}")
        if self.placed is not None:  # there are rows of other episodes beside them
            stretches = zip(file.start.tolist(), file.length.tolist(), strict=True)
            rows = pa.concat_tables([rows.slice(start, length) for start, length in stretches])
        expected = np.repeat(self.numbers[file.episode], file.length)
        if not np.array_equal(rows["episode_index"].to_numpy(), expected):
            raise file.broken(f"its rows are not the {len(expected)} that meta/episodes names")
        return rows if columns is None else rows.select(columns)

    def states(self) -> list[tuple[AnyPath, tuple[int, int]]]:
        """The files with the simulator's states, and the first and last episode of each."""
        folder = STATES.partition("chunk")[0]
        entries = {name: entry for name, entry in self.manifest.files.items() if name.startswith(folder)}
        return [(self.root / name, entry.episodes) for name, entry in sorted(entries.items()) if entry.episodes]

    def name(self, path: AnyPath) -> str:
        """`path` from the data set's folder."""
        return name_within(self.root, path)

    def others(self) -> tuple[dict[str, AnyPath], dict[str, AnyPath]]:
        """Files that nobody here knows, by name, and those that a new data set has no place for.

        The latter lie in folders that are written anew, or are v2.1's statistics of episodes. Images that rows name
        by their path may be among either. What begins with a dot is no part of a data set.
        """
        used = [*self.files, *(file for key in self.features("video") for file in self.videos(key))]
        known = {self.name(file.path) for file in used} | {*self.manifest.files, MANIFEST}
        others, homeless = {}, {}
        for path in _files(self.root):
            name = self.name(path)
            if name in REWRITTEN_FILES or _of_episodes(name):
                continue
            if name != EPISODE_STATS_LINES and not name.startswith(REWRITTEN_FOLDERS):
                others[name] = path
            elif name not in known:
                homeless[name] = path
        return others, homeless


def _files(folder: AnyPath) -> Iterator[AnyPath]:
    """All that are not hidden, in folders that are linked too."""
    for path in sorted(folder.iterdir(), key=str):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _files(path)
        elif path.is_file():
            yield path


def _of_episodes(name: str) -> bool:
    """Whether it is a part of the episode table."""
    return PurePosixPath(name).match("meta/episodes/*/*.parquet")


def _absent(catalogue: Metadata) -> tuple[str, ...]:
    """The video features that are no cameras and whose files are not all there, or have no place in the table."""

    def there(key: str) -> bool:
        try:
            return all(file.path.is_file() for file in catalogue.images(key))
        except (KeyError, ValueError):
            return False

    features = catalogue.info["features"]
    read = videos_read(features)
    return tuple(key for key, one in features.items() if one["dtype"] == "video" and key not in read and not there(key))


def episode_table(catalogue: Metadata) -> pa.Table:
    """meta/episodes with the columns that readers do without: statistics, and other writers' own.

    Raises:
        DataError: a file of it cannot be read.
    """
    if catalogue.info["codebase_version"] != CODEBASE_VERSION:
        return catalogue.table
    tables = []
    for path in parquet_files(catalogue.root / "meta" / "episodes"):
        try:
            tables.append(pq.read_table(native(path)))
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DataError(f"{path} cannot be read ({error}). {ADVICE}") from error
    return pa.concat_tables(tables, promote_options="permissive")


def stored(path: AnyPath) -> dict[str, Any]:
    """meta/stats.json as it is written: what is missing, or is none, is computed from the rows that are kept."""
    try:
        found = json.loads(path.read_bytes()) if path.is_file() else {}
    except (ValueError, RecursionError):
        return {}
    return {name: one for name, one in found.items() if isinstance(one, dict)} if isinstance(found, dict) else {}
