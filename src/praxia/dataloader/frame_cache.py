"""The images of one camera, decoded once and kept on disk."""

import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import numpy as np
from jaxtyping import Int64, UInt8

from praxia.core.files import AnyPath, is_local
from praxia.core.keys import content_key
from praxia.data.dataset import Dataset
from praxia.data.frame_files import FrameFile
from praxia.data.frames import CameraFrames
from praxia.dataloader.block_cache import BLOCK, BlockCache

__all__ = ["CachedFrames"]

CACHE = ".cache"


class CachedFrames:
    """`dataset.camera_frames(camera, size)`, read through a cache on disk that all processes share.

    Frames are decoded a block at a time, each once by all processes together; later epochs copy memory. The cache is
    the first of `_cache_folders` that can be written. All cameras and sizes of a data set together take at most
    `cache_bytes` there (None: as much as the disk has; 0: no cache). Without a cache, or where a block does not fit,
    frames are decoded on every read, and only those that the codec needs. One block is in memory at a time.

    Raises:
        UnknownName: the data set has no such camera.
    """

    def __init__(
        self, dataset: Dataset, camera: str, size: tuple[int, int] | None = None, cache_bytes: int | None = None
    ):
        self._frames = dataset.camera_frames(camera, size)
        self.shape = self._frames.shape
        self._caches = [] if cache_bytes == 0 else _open_caches(dataset, camera, self._frames, cache_bytes)
        self._groups: dict[int, Int64[np.ndarray, " M"]] = {}

    def __len__(self) -> int:
        return self.shape[0]

    def read(self, frames: Int64[np.ndarray, " K"]) -> UInt8[np.ndarray, "K Y X 3"]:
        """The images of the given frames, in any order and with repeats.

        Raises:
            DataError: a file is missing, altered or damaged; the message names it and its episodes.
        """
        cache = self._cache
        if cache is None:
            return self._frames.decode(frames)
        images = np.empty((len(frames), *self.shape[1:]), dtype=np.uint8)
        missing = np.flatnonzero(~cache.read(frames, images))
        wanted = self._rows_by_group(cache, frames, missing)
        for wait in (False, True):  # what another process is decoding comes last
            for group, rows in list(wanted.items()):
                if not cache.has_room(np.array(group)):
                    images[rows] = self._frames.decode(frames[rows])
                    del wanted[group]
                    continue
                with cache.fill_lock(group[0], wait=wait) as locked:
                    if locked:
                        images[rows] = self._fill(cache, group, frames[rows])
                        del wanted[group]
        return images

    @property
    def _cache(self) -> BlockCache | None:
        """The first cache that can be opened."""
        while self._caches and not self._caches[0].opens():
            self._caches = self._caches[1:]
        return self._caches[0] if self._caches else None

    def _rows_by_group(
        self, cache: BlockCache, frames: Int64[np.ndarray, " K"], rows: Int64[np.ndarray, " M"]
    ) -> dict[tuple[int, ...], Int64[np.ndarray, " R"]]:
        """By group of blocks, the `rows` of `frames` that it holds."""
        blocks = cache.block_of(frames[rows])
        wanted: dict[tuple[int, ...], list[int]] = {}
        for row, block in zip(rows.tolist(), blocks.tolist(), strict=True):
            wanted.setdefault(self._group(cache, block), []).append(row)
        return {group: np.array(some) for group, some in wanted.items()}

    def _group(self, cache: BlockCache, block: int) -> tuple[int, ...]:
        """`block` and its neighbours that begin after the same key frame: decoding one passes through the others."""
        file = int(self._frames.file_of(cache.frames_of(block)[:1])[0])
        frame_file = self._frames.files[file]
        first = int(cache.block_of(np.array([frame_file.first_frame]))[0])
        if file not in self._groups:
            begins = np.concatenate([[frame_file.first_frame], _block_ends(frame_file)[:-1]])
            self._groups[file] = self._frames.key_frames(file, begins)
        keys = self._groups[file]
        return tuple((first + np.flatnonzero(keys == keys[block - first])).tolist())

    def _fill(
        self, cache: BlockCache, group: tuple[int, ...], frames: Int64[np.ndarray, " R"]
    ) -> UInt8[np.ndarray, "R Y X 3"]:
        """Decode the blocks of `group` that are not cached, put them there, and return the images of `frames`."""
        images = np.empty((len(frames), *self.shape[1:]), dtype=np.uint8)
        found = cache.read(frames, images)  # another process may have filled it meanwhile
        for block in group:
            if cache.holds(block):
                continue
            members = cache.frames_of(block)
            decoded = self._frames.decode(members)
            cache.put(block, decoded)
            rows = ~found & (frames >= members[0]) & (frames <= members[-1])
            images[rows] = decoded[frames[rows] - members[0]]
            found |= rows
        missing = np.flatnonzero(~found)
        if len(missing):  # evicted since it was seen in the cache
            images[missing] = self._frames.decode(frames[missing])
        return images


def _open_caches(dataset: Dataset, camera: str, frames: CameraFrames, cache_bytes: int | None) -> list[BlockCache]:
    """A cache in each of `_cache_folders`. Caches of earlier content of the data set are removed."""
    size = f"{frames.shape[1]}x{frames.shape[2]}"
    name = f"{size}-{dataset.images_key(camera)}"
    ends = np.concatenate([_block_ends(file) for file in frames.files])
    caches = []
    for folder in _cache_folders(dataset.root):
        path = folder / _folder_name(camera) / f"{name}.rgb"
        for outdated in [*folder.glob("*.rgb"), *path.parent.glob(f"{size}-*")]:
            if outdated.stem != name:
                with suppress(OSError):  # gone, or of another user
                    outdated.unlink()
        caches.append(BlockCache(path, frames.shape, ends, cache_bytes))
    return caches


def _block_ends(file: FrameFile) -> Int64[np.ndarray, " blocks"]:
    """The frame after the last of each block of a file: blocks never reach from one file into the next."""
    ends = np.arange(BLOCK, file.num_frames + BLOCK, BLOCK, dtype=np.int64)
    return file.first_frame + np.minimum(ends, file.num_frames)


def _folder_name(camera: str) -> str:
    """A different folder for each camera, whatever its name, and never outside the cache."""
    return quote(camera, safe="").replace(".", "%2E")


def _cache_folders(root: AnyPath) -> Sequence[Path]:
    """Where decoded images may be kept, best first; opening a cache finds out whether the folder can be written.

    `.cache` beside the data, where they are on this machine; the user's cache folder ($XDG_CACHE_HOME or ~/.cache); a
    folder in the temporary folder, for users without a home (containers).
    """
    folders = [root / CACHE] if is_local(root) else []
    with suppress(RuntimeError):  # no HOME, and a user whom the system does not know
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        folders.append(home / "praxia" / content_key(str(root)))
    with suppress(OSError):  # no temporary folder
        temporary = Path(tempfile.gettempdir()) / f"praxia-{os.getuid()}"
        if not temporary.exists() or temporary.lstat().st_uid == os.getuid():
            folders.append(temporary / content_key(str(root)))
    return folders
