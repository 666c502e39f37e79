"""A LeRobot v3.0 (or v2.1) data set on disk, opened for reading."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any
from urllib.parse import quote

import numpy as np
from jaxtyping import Bool, Int64, Shaped, UInt8

from praxia.core.embodiment import Embodiment
from praxia.core.errors import DataError, UnknownName
from praxia.core.files import AnyPath, name_within
from praxia.core.keys import content_key
from praxia.data.cache import BlockCache
from praxia.data.episode_numbers import format_episodes
from praxia.data.features import IMAGES, cameras_of, embodiment_of, image_size, left_out, videos_read
from praxia.data.frames import CameraFrames, block_ends, cache_folders
from praxia.data.layout import CODEBASE_VERSION, EMBODIMENT, INFO, RECORDS, VIDEO_FRAMES
from praxia.data.manifest import ADVICE
from praxia.data.metadata import Metadata, open_root
from praxia.data.parquet import open_groups
from praxia.data.placement import PlacedFile, integers
from praxia.data.readers import FrameReader, Images, Video
from praxia.data.rows import Rows
from praxia.data.stored_stats import stored_stats
from praxia.data.vectors import VECTORS, NoVector

__all__ = ["Dataset", "Episodes"]

SUCCESS = "next.success"

# Raised whenever the same file comes to be read as other images: caches of before are then not used.
DECODING = 2


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
    """One data set: a folder, or a place that fsspec knows ("s3://...").

    Opening checks that every file is there with its size; each is hashed before it is first used. Numbers are read into
    memory when first asked for, images through a decoded cache on disk (`camera_frames`) of at most `cache_bytes` for all
    cameras: 0 for none, None for all of them if the disk has room. Data sets without our manifest open too, as far as
    LeRobot v3.0, v2.1 or v2.0 goes. Pickling keeps the place and not the numbers: another process opens it anew.

    Raises:
        DataError: not a finished data set, or a file that is missing, truncated or altered, with its episodes.
    """

    def __init__(self, root: str | AnyPath, *, cache_bytes: int | None = None):
        self.root = open_root(root)
        self.cache_bytes = cache_bytes
        self.catalogue = Metadata.read(self.root)
        self.manifest, self.info = self.catalogue.manifest, self.catalogue.info
        features = self.info["features"]
        self._images = cameras_of(features)
        self._footage: dict[tuple[str, tuple[int, int]], CameraFrames] = {}
        self._hashed: set[str] = set()
        self._expect_files()

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(Dataset, cache_bytes=self.cache_bytes), (str(self.root),)

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
        return tuple(self._images)

    @property
    def left_out(self) -> dict[str, str]:
        """The features of images that are no cameras, each with what it is: depth."""
        features = self.info["features"]
        told = {key: left_out(key, one) for key, one in features.items() if one["dtype"] in IMAGES}
        return {key: what for key, what in told.items() if what is not None}

    @property
    def fps(self) -> float:
        return self.catalogue.fps

    @property
    def num_episodes(self) -> int:
        return self.catalogue.table.num_rows

    @cached_property
    def num_frames(self) -> int:
        return int(self.episodes.length.sum())

    @property
    def content_sha256(self) -> str | None:
        """None in a data set of another writer."""
        return self.manifest.content_sha256 if self.ours else None

    @cached_property
    def stats(self) -> dict[str, dict[str, Any]]:
        """Statistics by feature, as in meta/stats.json; the state's and the action's of all rows, out of the numbers.

        Training counts its own rows instead (`data.fitting`).
        """
        return stored_stats(self.catalogue, self._rows)

    @property
    def instructions(self) -> tuple[str, ...]:
        """The distinct instructions, by task_index."""
        return self.catalogue.instructions

    @cached_property
    def records(self) -> list[dict[str, Any]]:
        """One JSON value an episode: start, start_index, task, instruction, success, provenance. Empty if not ours."""
        lines = (self.root / RECORDS).read_text(encoding="utf-8").split("\n") if self.ours else []
        return [json.loads(line) for line in lines if line]

    @cached_property
    def episodes(self) -> Episodes:
        table = self.catalogue.table
        instructions = tuple(tasks[0] for tasks in table["tasks"].to_pylist())
        return Episodes(
            first=integers(table, "dataset_from_index"),
            length=integers(table, "length"),
            instruction=instructions,
            task=tuple(record["task"] for record in self.records) if self.ours else instructions,
            success=np.array(
                [record["success"] for record in self.records] if self.ours else [True] * len(instructions)
            ),
        )

    def select(self, tasks: Sequence[str] | None = None, *, successful: bool = True) -> Int64[np.ndarray, " K"]:
        """The training filter: indices of the successful episodes (or all), of the named tasks (or all).

        Episodes of which nobody recorded an outcome are taken for successful ones.

        Raises:
            UnknownName: a task that no episode has.
        """
        keep = self._not_failed() if successful else np.ones(self.num_episodes, dtype=bool)
        for task in tasks or ():
            if task not in self.episodes.task:
                raise UnknownName("task", task, set(self.episodes.task), f"praxia info {self.root}")
        if tasks is not None:
            keep = keep & np.isin(np.array(self.episodes.task), list(tasks))
        return np.flatnonzero(keep)

    def reached(self) -> Bool[np.ndarray, " E"] | None:
        """Which episodes of another writer's data set succeeded at some step, by `next.success`.

        None: there is no such feature, or not every row has it.
        """
        if not self.complete(SUCCESS):
            return None
        return np.logical_or.reduceat(self.column(SUCCESS).any(axis=1), self.episodes.first)

    def _not_failed(self) -> Bool[np.ndarray, " E"]:
        if self.ours or (reached := self.reached()) is None or not reached.any():  # a feature that nobody filled in
            return self.episodes.success
        return reached

    # What is in it

    @cached_property
    def _rows(self) -> Rows:
        return Rows(self.catalogue)

    def column(self, feature: str) -> Shaped[np.ndarray, "N D"]:
        """One feature of every frame, in frame order: numbers, finite ones. `complete` says whether it is.

        Raises:
            UnknownName: a feature the data set does not have; of state and action with the command that makes it.
            DataError: rows that are missing, out of order, not finite or of another size than declared.
        """
        if feature in VECTORS and feature not in self._rows.features:
            raise NoVector(self.root, self.info["features"], feature)
        if feature not in self._rows.features:
            raise UnknownName("feature", feature, self._rows.features, f"praxia data info {self.root}")
        return self._rows[feature]

    def complete(self, feature: str) -> bool:
        """Whether the data set has a feature whose numbers are all there and finite, so that `column` gives it.

        Not every writer fills what nobody trains on: NaN for a sensor that was not there, nothing for a reward.
        """
        if feature not in self._rows.features:
            return False
        try:
            self.column(feature)
        except DataError:
            return False
        return True

    def camera_frames(self, camera: str, size: tuple[int, int] | None = None) -> CameraFrames:
        """The images of a camera by frame, at their own size or scaled to `size` (height, width), with black bars.

        Raises:
            UnknownName: a camera the data set does not have.
        """
        if camera not in self._images:
            raise UnknownName("camera", camera, self._images, f"praxia data info {self.root}")
        own = image_size(self.info["features"][self._images[camera]])
        scaled = size or own
        if (camera, scaled) not in self._footage:
            self._footage[camera, scaled] = self._open_footage(camera, own, scaled)
        return self._footage[camera, scaled]

    def decode(self, camera: str, indices: Int64[np.ndarray, " K"]) -> UInt8[np.ndarray, "K Y X 3"]:
        """Some images of a camera, decoded without the cache."""
        return self.camera_frames(camera).decode(indices)

    def snapshots(self, episode: int) -> list[bytes]:
        """The simulator's state before each step of one episode; empty where none was recorded."""
        found = self.manifest.holding("praxia/states/", episode)
        if found is None:
            return []
        name, row_group = found
        self.manifest.check(self.root, name, full=True)
        rows = open_groups(self.root / name).read_row_group(row_group, columns=["state"], use_threads=False)
        return [state for state in rows["state"].to_pylist() if state is not None]

    def verify(self, report: Callable[[int, int, str], None] = lambda done, planned, text: None) -> None:
        """Hash every file against the manifest. A data set of another writer has nothing to check against.

        `report` is called after each file with those done, those planned, and a text for people.

        Raises:
            DataError: naming the first file that is missing, truncated or altered, and its episodes.
        """
        for done, name in enumerate(self.manifest.files, 1):
            self.manifest.check(self.root, name, full=True)
            report(done, len(self.manifest.files), "files hashed")

    def _expect_files(self) -> None:
        missing = [file for file in self._files() if not file.path.is_file()]
        if len(missing) == 1:
            raise missing[0].broken("it is missing")
        if missing:
            episodes = format_episodes(np.unique(np.concatenate([file.episode for file in missing])))
            more = len({file.path for file in missing}) - 1
            raise DataError(f"{missing[0].path} and {more} more are missing; in them: episodes {episodes}. {ADVICE}")

    def _files(self) -> list[PlacedFile]:
        videos = videos_read(self.info["features"])
        return [*self.catalogue.data(), *(file for key in videos for file in self.catalogue.images(key))]

    def _in_video(self, key: str) -> bool:
        return self.info["features"][key]["dtype"] == "video"

    def _open_footage(self, camera: str, own: tuple[int, int], scaled: tuple[int, int]) -> CameraFrames:
        key = self._images[camera]
        files = self.catalogue.images(key) if self._in_video(key) else self._rows.files
        most = _most_frames(self.catalogue, key) if self._in_video(key) else {}
        open_file = partial(_open_images, self.catalogue, key, own, scaled, most, self._hashed)
        if self.cache_bytes == 0:
            return CameraFrames(files, scaled, open_file)
        # Which frame is where counts too: an edit gives other episodes the same videos, byte for byte. So does who
        # decoded them: a file that was read wrongly once would be for ever.
        places = [[one.tolist() for one in (file.first, file.length, file.start)] for file in files]
        stamps = [self.manifest.stamp(self.root, file.path) for file in files]
        name = f"{scaled[0]}x{scaled[1]}-{content_key([DECODING, key, own, stamps, places])}"
        caches = []
        for folder in cache_folders(self.root):
            place = folder / _folder_name(camera) / f"{name}.rgb"
            for outdated in [*folder.glob("*.rgb"), *place.parent.glob(f"{scaled[0]}x{scaled[1]}-*")]:
                if outdated.stem != name:
                    with suppress(OSError):  # gone, or not ours to remove
                        outdated.unlink()
            caches.append(BlockCache(place, (self.num_frames, *scaled, 3), block_ends(files), self.cache_bytes))
        return CameraFrames(files, scaled, open_file, caches)


def _folder_name(camera: str) -> str:
    """One for each camera, whatever it is called, and never a way out of the folder."""
    return quote(camera, safe="").replace(".", "%2E")


def _most_frames(catalogue: Metadata, key: str) -> dict[AnyPath, int]:
    """How many frames each video may have, where no hashes vouch for it.

    One image too many somewhere would make every later one its neighbour. With hashes an edit may have left images
    that no episode has, and without them it says how many there are; in v2.1 they lie behind the episode's end.
    """
    if catalogue.manifest.files or catalogue.info["codebase_version"] != CODEBASE_VERSION:
        return {}
    most = catalogue.video_ends(key)
    told = catalogue.info.get(VIDEO_FRAMES, {})
    if not isinstance(told, dict):
        raise DataError(f"{catalogue.root / INFO}: expected video_frames by file, got {told!r}. {ADVICE}")
    said = {path: told.get(name_within(catalogue.root, path), count) for path, count in most.items()}
    return {path: count for path, count in said.items() if count is not None}


def _open_images(
    catalogue: Metadata,
    key: str,
    own: tuple[int, int],
    scaled: tuple[int, int],
    most: Mapping[AnyPath, int],
    hashed: set[str],
    file: PlacedFile,
) -> FrameReader:
    """`hashed` are the files that were already, by this process: a file is opened many times."""
    name = name_within(catalogue.root, file.path)
    catalogue.manifest.check(catalogue.root, name, full=name not in hashed)
    hashed.add(name)
    if catalogue.info["features"][key]["dtype"] != "video":
        return Images(file.path, key, own, scaled, catalogue.root)
    video = Video(file.path, catalogue.fps, own, scaled)
    if file.path in most:
        video.expect_at_most(most[file.path])
    return video
