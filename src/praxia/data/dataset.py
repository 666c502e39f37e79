"""A LeRobot v3.0 (or v2.1) data set on disk, opened for reading."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64, Shaped, UInt8

from praxia.core.embodiment import Embodiment
from praxia.core.errors import DataError, PraxiaError, UnknownName
from praxia.core.files import AnyPath, relative_name
from praxia.core.keys import content_key
from praxia.data.columns import Columns
from praxia.data.episode import format_episodes
from praxia.data.features import (
    IMAGE_DTYPES,
    camera_features,
    camera_videos,
    embodiment_from_info,
    image_size,
    unsupported_images,
)
from praxia.data.frame_files import FrameFile, integers
from praxia.data.frames import CameraFrames
from praxia.data.identity import sampled_sha256
from praxia.data.layout import EMBODIMENT, RECORDS, STATES, STATS
from praxia.data.manifest import ADVICE
from praxia.data.metadata import Metadata, open_root
from praxia.data.parquet import open_groups
from praxia.data.readers import FrameReader, ParquetImages, VideoReader
from praxia.data.splits import read_splits
from praxia.data.vectors import VECTORS, MissingVector
from praxia.statistics.running import describe

__all__ = ["Dataset", "Episodes"]

SUCCESS = "next.success"

# Increased whenever the same file is decoded as other images, so that older caches are not used.
DECODING = 3


@dataclass(frozen=True)
class Episodes:
    """E episodes as columns. `first` is each episode's first frame, `success` whether any of its steps succeeded.

    `task` is the short name. In a data set of another writer it is the instruction, and `success` is all true.
    """

    first: Int64[np.ndarray, " E"]
    length: Int64[np.ndarray, " E"]
    instruction: tuple[str, ...]
    task: tuple[str, ...]
    success: Bool[np.ndarray, " E"]

    def __len__(self) -> int:
        return len(self.first)


class Dataset:
    """One data set: a folder, or an address that fsspec opens ("s3://...").

    Opening checks that every file exists with its size; each is hashed before its first use. Numbers are read into
    memory on first access, images are decoded on every access (the data loader caches them). Data sets without our
    manifest open too, as far as they follow LeRobot v3.0, v2.1 or v2.0. A pickle holds the address, and
    `sampled_sha256` if it is known: another process opens the data set anew.

    Raises:
        DataError: not a finished data set, or a file is missing, truncated or altered; names its episodes.
    """

    def __init__(self, root: str | AnyPath):
        self.root = open_root(root)
        self.metadata = Metadata.read(self.root)
        self.manifest, self.info = self.metadata.manifest, self.metadata.info
        self._features_of_cameras = camera_features(self.info["features"])
        self._camera_frames: dict[tuple[str, tuple[int, int]], CameraFrames] = {}
        self._hashed: set[str] = set()
        self._expect_files()

    def __reduce__(self) -> tuple[Any, ...]:
        known = {name: value for name, value in vars(self).items() if name == "sampled_sha256"}
        return Dataset, (str(self.root),), known

    # Metadata

    @property
    def written_by_praxia(self) -> bool:
        """Whether Praxia wrote it: only then are there an embodiment with units, starts, outcomes and hashes."""
        return bool(self.manifest.files)

    @cached_property
    def embodiment(self) -> Embodiment:
        if self.written_by_praxia:
            return Embodiment.from_json(json.loads((self.root / EMBODIMENT).read_bytes()))
        return embodiment_from_info(self.info)

    @property
    def cameras(self) -> tuple[str, ...]:
        return tuple(self._features_of_cameras)

    @property
    def unsupported_images(self) -> dict[str, str]:
        """The image features that are not read as cameras, with what each is: depth, for example."""
        features = self.info["features"]
        reasons = {key: unsupported_images(key, one) for key, one in features.items() if one["dtype"] in IMAGE_DTYPES}
        return {key: reason for key, reason in reasons.items() if reason is not None}

    @property
    def fps(self) -> float:
        return self.metadata.fps

    @property
    def num_episodes(self) -> int:
        return self.metadata.table.num_rows

    @cached_property
    def num_frames(self) -> int:
        return int(self.episodes.length.sum())

    @property
    def content_sha256(self) -> str | None:
        """The hash over all files; None in a data set of another writer."""
        return self.manifest.content_sha256 if self.written_by_praxia else None

    @cached_property
    def sampled_sha256(self) -> str:
        """A hash of what training reads (`data.identity.sampled_sha256`), computed once per opened data set."""
        return sampled_sha256(self.metadata)

    @property
    def content_hash(self) -> str:
        """The same for every copy: `content_sha256`, or `sampled_sha256` where none is recorded."""
        return self.content_sha256 or self.sampled_sha256

    @property
    def identity(self) -> dict[str, str | None]:
        """The path, and the hash wherever it is copied: `sampled_sha256` if none is recorded."""
        known: dict[str, str | None] = {"path": str(self.root), "content_sha256": self.content_sha256}
        return known if self.written_by_praxia else {**known, "sampled_sha256": self.sampled_sha256}

    def matches_identity(self, known: Mapping[str, str | None]) -> bool:
        """Whether it has this identity, as far as that is recorded: older policies have no `sampled_sha256`."""
        found = self.identity
        return all(found.get(name) == value for name, value in known.items() if name != "path")

    @cached_property
    def stats(self) -> dict[str, dict[str, Any]]:
        """Statistics by feature, as in meta/stats.json; those of the state and the action are computed from all rows.

        Writers disagree about them: LeRobot's quantiles were means of the episodes' own and became their extremes,
        older ones are missing, and v2.1 has statistics per episode alone. Training computes its own
        (`praxia.dataloader.fitting`).

        Raises:
            DataError: meta/stats.json is not a JSON object.
        """
        path = self.root / STATS
        stats: dict[str, dict[str, Any]] = {}
        if path.is_file():
            try:
                stats = {name: dict(one) for name, one in json.loads(path.read_bytes()).items()}
            except (ValueError, AttributeError, TypeError, RecursionError) as error:
                raise DataError(f"{path} is damaged ({error}); in it: all episodes. {ADVICE}") from error
        return stats | {name: describe(self._columns[name]) for name in VECTORS if name in self._columns.features}

    @property
    def instructions(self) -> tuple[str, ...]:
        """The distinct instructions, by task_index."""
        return self.metadata.instructions

    @cached_property
    def records(self) -> list[dict[str, Any]]:
        """One JSON value per episode: start, start_index, task, instruction, success, provenance.

        Empty in a data set of another writer.
        """
        if not self.written_by_praxia:
            return []
        lines = (self.root / RECORDS).read_text(encoding="utf-8").split("\n")
        return [json.loads(line) for line in lines if line]

    @cached_property
    def episodes(self) -> Episodes:
        table = self.metadata.table
        instructions = tuple(tasks[0] for tasks in table["tasks"].to_pylist())
        ours = self.written_by_praxia
        return Episodes(
            first=integers(table, "dataset_from_index"),
            length=integers(table, "length"),
            instruction=instructions,
            task=tuple(record["task"] for record in self.records) if ours else instructions,
            success=np.array([record["success"] for record in self.records] if ours else [True] * len(instructions)),
        )

    def select(self, tasks: Sequence[str] | None = None, *, successful: bool = True) -> Int64[np.ndarray, " K"]:
        """The episodes to train on: the successful ones (or all), of the named tasks (or all).

        Episodes without a recorded outcome count as successful.

        Raises:
            UnknownName: no episode has that task.
        """
        keep = self._not_failed() if successful else np.ones(self.num_episodes, dtype=bool)
        for task in tasks or ():
            if task not in self.episodes.task:
                raise UnknownName("task", task, set(self.episodes.task), f"praxia info {self.root}")
        if tasks is not None:
            keep = keep & np.isin(np.array(self.episodes.task), list(tasks))
        return np.flatnonzero(keep)

    def split(self, name: str) -> range:
        """The episodes of a split that info.json declares.

        Raises:
            UnknownName: it declares others. PraxiaError: it declares none.
        """
        splits = read_splits(self.info)
        if not splits:
            raise PraxiaError(f"expected the split {name!r} in meta/info.json of {self.root}, which declares none")
        if name not in splits:
            raise UnknownName(f"split of {self.root}", name, splits, f"praxia data info {self.root}")
        return splits[name]

    def reached_success(self) -> Bool[np.ndarray, " E"] | None:
        """Which episodes of another writer's data set succeeded at some step, by `next.success`.

        None: there is no such feature, or some rows lack it.
        """
        if not self.has_finite(SUCCESS):
            return None
        return np.logical_or.reduceat(self.column(SUCCESS).any(axis=1), self.episodes.first)

    def _not_failed(self) -> Bool[np.ndarray, " E"]:
        if self.written_by_praxia:
            return self.episodes.success
        reached = self.reached_success()
        # A feature without a single success was never filled in.
        return self.episodes.success if reached is None or not reached.any() else reached

    # Numbers and images

    @cached_property
    def _columns(self) -> Columns:
        return Columns(self.metadata)

    def column(self, feature: str) -> Shaped[np.ndarray, "N D"]:
        """One numeric feature of every frame, in frame order, all finite. `has_finite` says whether it is.

        Raises:
            UnknownName: the data set has no such feature. MissingVector: no state or action, with the command that
                makes it. DataError: rows are missing, out of order, not finite or of another size than declared.
        """
        if feature in VECTORS and feature not in self._columns.features:
            raise MissingVector(self.root, self.info["features"], feature)
        if feature not in self._columns.features:
            raise UnknownName("feature", feature, self._columns.features, f"praxia data info {self.root}")
        return self._columns[feature]

    def has_finite(self, feature: str) -> bool:
        """Whether the data set has a feature with a finite number in every row, so that `column` returns it.

        Writers leave gaps in features that nobody trains on: NaN for an absent sensor, nothing for a reward.
        """
        if feature not in self._columns.features:
            return False
        try:
            self.column(feature)
        except DataError:
            return False
        return True

    def camera_frames(self, camera: str, size: tuple[int, int] | None = None) -> CameraFrames:
        """The images of a camera by frame, at their own size or letterboxed to `size` (height, width).

        Raises:
            UnknownName: the data set has no such camera.
        """
        key, own = self._camera(camera)
        scaled = size or own
        if (camera, scaled) not in self._camera_frames:
            most = self._most_frames(key) if self._is_video(key) else {}
            open_file = partial(_open_images, self.metadata, key, own, scaled, most, self._hashed)
            self._camera_frames[camera, scaled] = CameraFrames(self._image_files(key), scaled, open_file)
        return self._camera_frames[camera, scaled]

    def images_key(self, camera: str) -> str:
        """A key that changes whenever a frame of the camera may be decoded as another image, and not in a copy.

        It covers the files, which frame is where in them (after an edit other episodes have the same videos, byte for
        byte), and the decoder: a file that was once decoded wrongly would stay wrong in a cache. Of a file without a
        recorded hash it covers name and size alone: `data.identity.sampled_sha256` and `images_times` say more.
        """
        key, own = self._camera(camera)
        files = self._image_files(key)
        places = [[one.tolist() for one in (file.first, file.length, file.start)] for file in files]
        stamps = [self.manifest.stamp(self.root, file.path) for file in files]
        return content_key([DECODING, key, own, stamps, places])

    def images_times(self, camera: str) -> str:
        """A key that changes with the time of any file of the camera that has no recorded hash."""
        files = self._image_files(self._camera(camera)[0])
        names = {relative_name(self.root, file.path): file.path for file in files}
        return content_key(
            {name: path.stat().st_mtime for name, path in names.items() if name not in self.manifest.files}
        )

    def decode(self, camera: str, frames: Int64[np.ndarray, " K"]) -> UInt8[np.ndarray, "K Y X 3"]:
        """The images of a camera at the given frames."""
        return self.camera_frames(camera).decode(frames)

    def snapshots(self, episode: int) -> list[bytes]:
        """The simulator's state before each step of one episode; empty where none was recorded."""
        found = self.manifest.file_of_episode(STATES.partition("chunk")[0], episode)
        if found is None:
            return []
        name, row_group = found
        self.manifest.check(self.root, name, full=True)
        rows = open_groups(self.root / name).read_row_group(row_group, columns=["state"], use_threads=False)
        return [state for state in rows["state"].to_pylist() if state is not None]

    def verify(self, report: Callable[[int, int, str], None] = lambda done, planned, text: None) -> None:
        """Hash every file against the manifest. A data set of another writer has nothing to check against.

        `report` is called after each file with the number done, the number planned, and a text for people.

        Raises:
            DataError: names the first file that is missing, truncated or altered, and its episodes.
        """
        for done, name in enumerate(self.manifest.files, 1):
            self.manifest.check(self.root, name, full=True)
            report(done, len(self.manifest.files), "files hashed")

    def _expect_files(self) -> None:
        videos = camera_videos(self.info["features"])
        files = [*self.metadata.data_files(), *(file for key in videos for file in self.metadata.video_files(key))]
        missing = [file for file in files if not file.path.is_file()]
        if len(missing) == 1:
            raise missing[0].read_error("it is missing")
        if missing:
            episodes = format_episodes(np.unique(np.concatenate([file.episode for file in missing])))
            more = len({file.path for file in missing}) - 1
            raise DataError(f"{missing[0].path} and {more} more are missing; in them: episodes {episodes}. {ADVICE}")

    def _camera(self, camera: str) -> tuple[str, tuple[int, int]]:
        """The feature of a camera, and the height and width of its images."""
        if camera not in self._features_of_cameras:
            raise UnknownName("camera", camera, self._features_of_cameras, f"praxia data info {self.root}")
        key = self._features_of_cameras[camera]
        return key, image_size(self.info["features"][key])

    def _is_video(self, key: str) -> bool:
        return self.info["features"][key]["dtype"] == "video"

    def _image_files(self, key: str) -> list[FrameFile]:
        return self.metadata.video_files(key) if self._is_video(key) else self._columns.files

    def _most_frames(self, key: str) -> dict[AnyPath, int]:
        """How many frames each video may have, where no hashes vouch for it.

        One image too many somewhere would make every later one its neighbour. With hashes an edit may have left images
        that no episode has.
        """
        if self.written_by_praxia:
            return {}
        counts = self.metadata.video_frame_counts(key)
        return {path: count for path, count in counts.items() if count is not None}


def _open_images(
    metadata: Metadata,
    key: str,
    own: tuple[int, int],
    scaled: tuple[int, int],
    most: Mapping[AnyPath, int],
    hashed: set[str],
    file: FrameFile,
) -> FrameReader:
    """`hashed` are the files that this process has hashed already: a file is opened many times."""
    name = relative_name(metadata.root, file.path)
    metadata.manifest.check(metadata.root, name, full=name not in hashed)
    hashed.add(name)
    if metadata.info["features"][key]["dtype"] != "video":
        return ParquetImages(file.path, key, own, scaled, metadata.root)
    video = VideoReader(file.path, metadata.fps, own, scaled)
    if file.path in most:
        video.expect_at_most(most[file.path])
    return video
