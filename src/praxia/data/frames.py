"""Images of a data set by the number of the frame, whichever file they are in."""

import os
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64, UInt8

from praxia.core.files import AnyPath, is_local
from praxia.core.keys import content_key
from praxia.data.cache import BLOCK, BlockCache
from praxia.data.placement import PlacedFile
from praxia.data.readers import FrameReader, Unreadable

__all__ = ["CameraFrames", "block_ends", "cache_folders"]

CACHE = ".cache"
# Files kept open at once: opening one reads its whole index.
MAX_OPEN = 8


class CameraFrames:
    """All images [N, Y, X, 3] of one camera, in the files `files`, in frame order.

    `open_file` opens one of the files, whose hash it has checked. What is decoded is kept in the first of `caches` that
    can be written, a block of frames at a time, so that each frame is decoded once by all processes together and later
    epochs copy memory. Without one everything, else what it has no room for, is decoded each time it is asked for, and
    then no frame beside it that its codec does not need. At most `MAX_OPEN` files are open, and one block is in memory.
    """

    def __init__(
        self,
        files: Sequence[PlacedFile],
        size: tuple[int, int],
        open_file: Callable[[PlacedFile], FrameReader],
        caches: Sequence[BlockCache] = (),
    ):
        self.files, self._open_file = tuple(files), open_file
        self.shape = (sum(file.num_frames for file in files), *size, 3)
        self._firsts = np.array([file.first_frame for file in files], np.int64)
        self._open: OrderedDict[int, FrameReader] = OrderedDict()
        self._units: dict[int, Int64[np.ndarray, " M"]] = {}
        self._caches = tuple(caches)

    def __len__(self) -> int:
        return self.shape[0]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": OrderedDict(), "_units": {}}

    def read(self, frames: Int64[np.ndarray, " K"]) -> UInt8[np.ndarray, "K Y X 3"]:
        """The images of the given frames, in any order and with repeats.

        Raises:
            DataError: a file that is missing, altered or damaged, naming it and its episodes.
        """
        cache = self._cache
        if cache is None:
            return self.decode(frames)
        images = np.empty((len(frames), *self.shape[1:]), dtype=np.uint8)
        missing = np.flatnonzero(~cache.read(frames, images))
        wanted = self._by_unit(cache, frames, missing)
        for wait in (False, True):  # what another process is decoding comes last
            for unit, rows in list(wanted.items()):
                if not cache.admits(np.array(unit)):
                    images[rows] = self.decode(frames[rows])
                    del wanted[unit]
                    continue
                with cache.alone(unit[0], wait=wait) as mine:
                    if mine:
                        self._keep(cache, unit, frames[rows], rows, images)
                        del wanted[unit]
        return images

    def decode(self, frames: Int64[np.ndarray, " K"]) -> UInt8[np.ndarray, "K Y X 3"]:
        """The same without the cache: one pass over each file touched.

        Raises:
            DataError: a file that is missing, altered or damaged, naming it and its episodes.
        """
        images = np.empty((len(frames), *self.shape[1:]), dtype=np.uint8)
        of_file = np.searchsorted(self._firsts, frames, side="right") - 1
        for at in np.unique(of_file).tolist():
            rows = np.flatnonzero(of_file == at)
            numbers, back = np.unique(self.files[at].numbers(frames[rows]), return_inverse=True)
            order = np.argsort(back, kind="stable")
            ends = np.searchsorted(back[order], np.arange(len(numbers)), side="right")
            for image, group in zip(self._images(at, numbers), np.split(rows[order], ends[:-1]), strict=True):
                images[group] = image
        return images

    @property
    def _cache(self) -> BlockCache | None:
        """The one that is used."""
        while self._caches and not self._caches[0].opens():
            self._caches = self._caches[1:]
        return self._caches[0] if self._caches else None

    def _by_unit(
        self, cache: BlockCache, frames: Int64[np.ndarray, " K"], rows: Int64[np.ndarray, " M"]
    ) -> dict[tuple[int, ...], Int64[np.ndarray, " R"]]:
        """Which rows need which blocks, and the blocks that are decoded with those."""
        blocks = cache.block_of(frames[rows])
        wanted: dict[tuple[int, ...], list[int]] = {}
        for row, block in zip(rows.tolist(), blocks.tolist(), strict=True):
            wanted.setdefault(self._unit(cache, block), []).append(row)
        return {unit: np.array(some) for unit, some in wanted.items()}

    def _unit(self, cache: BlockCache, block: int) -> tuple[int, ...]:
        """`block` and those beside it that begin in the same group of images: decoding one passes the others."""
        frame = cache.frames_of(block)[:1]
        at = int(np.searchsorted(self._firsts, frame[0], side="right")) - 1
        first = int(cache.block_of(self._firsts[at : at + 1])[0])
        if at not in self._units:
            ends = _block_ends(self.files[at])
            begins = np.concatenate([[self._firsts[at]], ends[:-1]])
            self._units[at] = self._reader(at).key(self.files[at].numbers(begins))
        keys = self._units[at]
        return tuple((first + np.flatnonzero(keys == keys[block - first])).tolist())

    def _keep(
        self,
        cache: BlockCache,
        unit: tuple[int, ...],
        frames: Int64[np.ndarray, " R"],
        rows: Int64[np.ndarray, " R"],
        into: UInt8[np.ndarray, "K Y X 3"],
    ) -> None:
        """Decode the blocks of `unit` that are not held, and copy `frames` of them to `rows` of `into`."""
        found = np.empty((len(frames), *self.shape[1:]), dtype=np.uint8)
        got = cache.read(frames, found)  # another process may have been here
        for block in unit:
            if cache.holds(block):
                continue
            members = cache.frames_of(block)
            images = self.decode(members)
            cache.put(block, images)
            mine = ~got & (frames >= members[0]) & (frames <= members[-1])
            found[mine] = images[frames[mine] - members[0]]
            got |= mine
        left = np.flatnonzero(~got)
        if len(left):  # held a moment ago, and given up since
            found[left] = self.decode(frames[left])
        into[rows] = found

    def _images(self, at: int, numbers: Int64[np.ndarray, " K"]) -> Iterator[UInt8[np.ndarray, "Y X 3"]]:
        file = self.files[at]
        try:
            yield from self._reader(at).read(numbers)
        except Unreadable as error:
            reader = self._open.pop(at, None)
            if reader is not None:
                reader.close()
            where = "" if error.number is None else f", of episode {file.episode_of(error.number)}"
            raise file.broken(f"{error}{where}") from error

    def _reader(self, at: int) -> FrameReader:
        if at not in self._open:
            try:
                self._open[at] = self._open_file(self.files[at])
            except Unreadable as error:
                raise self.files[at].broken(str(error)) from error
            if len(self._open) > MAX_OPEN:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(at)
        return self._open[at]


def block_ends(files: Sequence[PlacedFile]) -> Int64[np.ndarray, " blocks"]:
    """Where the cache's blocks end: they never reach from one file into the next."""
    return np.concatenate([_block_ends(file) for file in files])


def _block_ends(file: PlacedFile) -> Int64[np.ndarray, " blocks"]:
    ends = np.arange(BLOCK, file.num_frames + BLOCK, BLOCK, dtype=np.int64)
    return file.first_frame + np.minimum(ends, file.num_frames)


def cache_folders(root: AnyPath) -> list[Path]:
    """Where decoded images may be kept, best first; a cache finds out whether it can write there.

    `.cache` beside the data, where they are on this machine; a folder of the user's ($XDG_CACHE_HOME or ~/.cache); one
    in the temporary folder, for users without a home (containers).
    """
    folders = [root / CACHE] if is_local(root) else []
    with suppress(RuntimeError):  # no HOME, and a user whom the system does not know
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        folders.append(home / "praxia" / content_key(str(root)))
    with suppress(OSError):  # no temporary folder
        ours = Path(tempfile.gettempdir()) / f"praxia-{os.getuid()}"
        if not ours.exists() or ours.lstat().st_uid == os.getuid():
            folders.append(ours / content_key(str(root)))
    return folders
