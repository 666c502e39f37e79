"""A data set as edits see it: the episode table, the tasks, and the files with rows and images."""

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
from praxia.core.files import AnyPath, relative_name
from praxia.data.columns import Columns
from praxia.data.dataset import Dataset
from praxia.data.features import IMAGE_DTYPES, INDEX_FEATURES, camera_videos
from praxia.data.frame_files import FrameFile, integers
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
    parquet_files,
)
from praxia.data.manifest import ADVICE, Manifest
from praxia.data.metadata import Metadata
from praxia.data.parquet import native

__all__ = ["SourceDataset", "episode_table", "read_stats"]

# What an edit rewrites.
REWRITTEN_FILES = (INFO, STATS, TASKS, TASK_LINES, EPISODE_LINES)
REWRITTEN_FOLDERS = ("data/", "videos/", "meta/episodes/", "praxia/")


@dataclass(frozen=True, eq=False)
class SourceDataset:
    """A data set of LeRobot v3.0 or v2.1. `table` is all of v3.0's meta/episodes; for v2.1 it has no statistics.

    Only data sets written by Praxia have `records`, `embodiment` and `plan`. `missing_features` are declared features
    that nothing reads, such as depth, and whose files are missing; a new data set omits them.

    A damaged data set is reduced to its intact episodes (see `intact`): `episode_numbers` are their numbers, `damaged`
    the numbers of the others, and `row_files` locates the rows.
    """

    metadata: Metadata
    table: pa.Table
    stats: Mapping[str, Any]
    records: Sequence[Mapping[str, Any]]
    embodiment: Embodiment | None
    plan: Mapping[str, Any]
    missing_features: tuple[str, ...]
    episode_numbers: Int64[np.ndarray, " E"]
    damaged: Int64[np.ndarray, " L"]
    row_files: tuple[FrameFile, ...] | None = None

    @classmethod
    def open(cls, root: str | AnyPath) -> "SourceDataset":
        """Open the data set in the folder `root`.

        Raises:
            DataError: not a finished data set, or a file that is missing, truncated or altered.
        """
        dataset = Dataset(root)
        is_praxia = dataset.written_by_praxia
        source = cls(
            metadata=dataset.metadata,
            table=episode_table(dataset.metadata),
            stats=read_stats(dataset.root / STATS),
            records=dataset.records,
            embodiment=dataset.embodiment if is_praxia else None,
            plan=json.loads((dataset.root / PLAN).read_bytes()) if is_praxia else {},
            missing_features=(),
            episode_numbers=np.arange(dataset.num_episodes),
            damaged=np.zeros(0, dtype=np.int64),
        )
        return source.without_missing_features()

    def without_missing_features(self) -> "SourceDataset":
        """Drop unread features with missing files, or without positions in the table."""
        missing = _missing_features(self.metadata)
        if not missing:
            return self
        kept = {name: entry for name, entry in self.info["features"].items() if name not in missing}
        starts = tuple(f"{kind}/{feature}/" for kind in ("videos", "stats") for feature in missing)
        return replace(
            self,
            metadata=replace(self.metadata, info={**self.info, "features": kept}),
            table=self.table.drop_columns([name for name in self.table.column_names if name.startswith(starts)]),
            stats={name: entry for name, entry in self.stats.items() if name not in missing},
            missing_features=missing,
        )

    @property
    def root(self) -> AnyPath:
        return self.metadata.root

    @property
    def info(self) -> Mapping[str, Any]:
        return self.metadata.info

    @property
    def manifest(self) -> Manifest:
        return self.metadata.manifest

    @property
    def tasks(self) -> tuple[str, ...]:
        """The instructions in the order of their task_index."""
        return self.metadata.instructions

    @property
    def written_by_praxia(self) -> bool:
        return self.embodiment is not None

    @property
    def fps(self) -> float:
        return self.metadata.fps

    @cached_property
    def first_frames(self) -> Int64[np.ndarray, " E"]:
        """The index of each episode's first frame."""
        return integers(self.table, "dataset_from_index")

    @cached_property
    def lengths(self) -> Int64[np.ndarray, " E"]:
        """The number of frames of each episode."""
        return integers(self.table, "length")

    def features(self, *dtypes: str) -> list[str]:
        """The features of the given types, in the order of info.json."""
        return [name for name, feature in self.info["features"].items() if feature["dtype"] in dtypes]

    @cached_property
    def cameras(self) -> list[str]:
        """The image features, in videos or in parquet."""
        return self.features(*IMAGE_DTYPES)

    @cached_property
    def files(self) -> list[FrameFile]:
        """The files with the rows; an episode may span two."""
        return Columns(self.metadata).files if self.row_files is None else list(self.row_files)

    def read(self, file: FrameFile, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of one file, which are those of its episodes, in order.

        Raises:
            DataError: it was altered, is not parquet, or its rows are not those that the episode table lists.
        """
        self.manifest.check(self.root, self.name(file.path), full=True)
        wanted = columns if columns is None else [*columns, "episode_index"]
        try:
            rows = pq.ParquetFile(native(file.path)).read(columns=wanted)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise file.read_error(str(error)) from error
        for name in INDEX_FEATURES if columns is None else wanted or ():
            if name not in rows.column_names:
                raise file.read_error(f"it has no column {name!r}")
        if self.row_files is not None:  # the file also has rows of damaged episodes
            runs = zip(file.start.tolist(), file.length.tolist(), strict=True)
            rows = pa.concat_tables([rows.slice(start, length) for start, length in runs])
        expected = np.repeat(self.episode_numbers[file.episode], file.length)
        if not np.array_equal(rows["episode_index"].to_numpy(), expected):
            raise file.read_error(f"its rows are not the {len(expected)} that meta/episodes lists")
        return rows if columns is None else rows.select(columns)

    def state_files(self) -> list[tuple[AnyPath, tuple[int, int]]]:
        """The files with simulator states, and the first and last episode of each."""
        folder = STATES.partition("chunk")[0]
        entries = {name: entry for name, entry in self.manifest.files.items() if name.startswith(folder)}
        return [(self.root / name, entry.episodes) for name, entry in sorted(entries.items()) if entry.episodes]

    def name(self, path: AnyPath) -> str:
        """`path` relative to the data set's folder."""
        return relative_name(self.root, path)

    def unknown_files(self) -> tuple[dict[str, AnyPath], dict[str, AnyPath]]:
        """Files that nothing here knows, by name, and those that cannot stay where they are.

        The latter are in folders that are rewritten, or are v2.1's statistics of episodes. Images that rows refer to by
        path may be among either. Hidden files are not part of a data set.
        """
        used = [*self.files, *(file for key in self.features("video") for file in self.metadata.video_files(key))]
        known = {self.name(file.path) for file in used} | {*self.manifest.files, MANIFEST}
        others, misplaced = {}, {}
        for path in _files(self.root):
            name = self.name(path)
            if name in REWRITTEN_FILES or _is_episode_table(name):
                continue
            if name != EPISODE_STATS_LINES and not name.startswith(REWRITTEN_FOLDERS):
                others[name] = path
            elif name not in known:
                misplaced[name] = path
        return others, misplaced


def _files(folder: AnyPath) -> Iterator[AnyPath]:
    """All files that are not hidden, also in linked folders."""
    for path in sorted(folder.iterdir(), key=str):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _files(path)
        elif path.is_file():
            yield path


def _is_episode_table(name: str) -> bool:
    """Whether the file is part of the episode table."""
    return PurePosixPath(name).match("meta/episodes/*/*.parquet")


def _missing_features(metadata: Metadata) -> tuple[str, ...]:
    """Video features that are not cameras and lack files, or positions in the table."""

    def is_complete(key: str) -> bool:
        try:
            return all(file.path.is_file() for file in metadata.video_files(key))
        except (KeyError, ValueError):
            return False

    features = metadata.info["features"]
    read = camera_videos(features)
    return tuple(
        key
        for key, feature in features.items()
        if feature["dtype"] == "video" and key not in read and not is_complete(key)
    )


def episode_table(metadata: Metadata) -> pa.Table:
    """meta/episodes with the columns that readers ignore: statistics, and those of other writers.

    Raises:
        DataError: a file of it cannot be read.
    """
    if metadata.info["codebase_version"] != CODEBASE_VERSION:
        return metadata.table
    tables = []
    for path in parquet_files(metadata.root / "meta" / "episodes"):
        try:
            tables.append(pq.read_table(native(path)))
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DataError(f"{path} cannot be read ({error}). {ADVICE}") from error
    return pa.concat_tables(tables, promote_options="permissive")


def read_stats(path: AnyPath) -> dict[str, Any]:
    """The entries of meta/stats.json that are objects; the rest is computed from the kept rows."""
    try:
        found = json.loads(path.read_bytes()) if path.is_file() else {}
    except (ValueError, RecursionError):
        return {}
    return {name: entry for name, entry in found.items() if isinstance(entry, dict)} if isinstance(found, dict) else {}
