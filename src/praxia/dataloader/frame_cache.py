"""The images of one camera, decoded once and kept on disk."""

import logging
import shlex
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from urllib.parse import quote

import numpy as np
from jaxtyping import Int64, UInt8

from praxia.core.files import is_local
from praxia.core.user_cache import cache_roots
from praxia.data.dataset import Dataset
from praxia.data.frame_files import FrameFile
from praxia.dataloader.block_cache import BLOCK, BlockCache
from praxia.dataloader.cache_folder import (
    OLD_CACHE,
    CachedDataset,
    cache_key,
    cached_datasets,
    cap_bytes,
    old_cache_files,
)

__all__ = ["CachedFrames"]

LOG = logging.getLogger(__name__)


class CachedFrames:
    """`dataset.camera_frames(camera, size)`, read through a cache on disk that all processes share.

    Frames are decoded a block at a time, each once by all processes together; later epochs copy memory. The cache lies
    in the first of `core.user_cache.cache_roots` that can be written, under the key of the data set's content: nothing
    is written to the data set, and a copy of it reads the same cache. All cameras and sizes of a data set together take
    at most `cache_bytes` there (None: as much as the cap over all data sets leaves; 0: no cache). Without a cache, or
    where a block does not fit, frames are decoded on every read, and only those that the codec needs. One block is in
    memory at a time. Nothing is opened or written before the first read.

    Raises:
        UnknownName: the data set has no such camera.
    """

    def __init__(
        self, dataset: Dataset, camera: str, size: tuple[int, int] | None = None, cache_bytes: int | None = None
    ):
        self._dataset, self._camera, self._cache_bytes = dataset, camera, cache_bytes
        self._frames = dataset.camera_frames(camera, size)
        self.shape = self._frames.shape
        self._roots = [] if cache_bytes == 0 else cache_roots()
        self._opened: BlockCache | None = None
        self._made_s = int(time.time())
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
                    if self._cache_bytes is None:
                        _warn_full(cache.path.parents[2])
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
        """The cache in the first folder that can be written."""
        while self._opened is None or not self._opened.opens():
            if not self._roots:
                return None
            self._opened = self._open_in(self._roots.pop(0))
        return self._opened

    def _open_in(self, root: Path) -> BlockCache | None:
        """The cache in `root`; None if nothing can be written there."""
        data, camera = self._dataset, _folder_name(self._camera)
        path = str(data.root.absolute()) if is_local(data.root) else str(data.root)
        cached = CachedDataset(root / cache_key(data))
        try:
            is_new = cached.note(path, camera, data.images_times(self._camera))
        except OSError:
            return None
        if is_new:
            _drop_earlier(cached, path)
            if is_local(data.root) and old_cache_files(data.root):
                LOG.warning(
                    "%s holds images that an older version decoded and nobody reads; remove them with "
                    "`praxia data cache --clear %s`",
                    data.root / OLD_CACHE,
                    shlex.quote(str(data.root)),
                )
        size = f"{self.shape[1]}x{self.shape[2]}"
        file = cached.folder / camera / f"{size}-{data.images_key(self._camera)}.rgb"
        for outdated in file.parent.glob(f"{size}-*"):
            if outdated.stem != file.stem:
                with suppress(OSError):  # gone, or of another user
                    outdated.unlink()
        LOG.info("images of camera %s of %s are cached in %s", self._camera, path, file)
        ends = np.concatenate([_block_ends(one) for one in self._frames.files])
        return BlockCache(file, self.shape, ends, self._cache_bytes, self._made_s)

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


def _drop_earlier(cached: CachedDataset, path: str) -> None:
    """Remove what is cached of earlier content of the data set at `path`, unless a copy of it was seen."""
    for one in cached_datasets(cached.folder.parent):
        if one.folder != cached.folder and one.paths == (path,):
            with suppress(OSError):  # of another user
                one.remove()


@cache
def _warn_full(root: Path) -> None:
    LOG.warning(
        "%s is full (%.1f GB for all data sets): other images are decoded whenever they are read. "
        "`--cache-gb N` allows more, `praxia data cache` lists what is there",
        root,
        cap_bytes(root) / 1e9,
    )


def _block_ends(file: FrameFile) -> Int64[np.ndarray, " blocks"]:
    """The frame after the last of each block of a file: blocks never reach from one file into the next."""
    ends = np.arange(BLOCK, file.num_frames + BLOCK, BLOCK, dtype=np.int64)
    return file.first_frame + np.minimum(ends, file.num_frames)


def _folder_name(camera: str) -> str:
    """A different folder for each camera, whatever its name, and never outside the cache."""
    return quote(camera, safe="").replace(".", "%2E")
