"""Pictures of a data set: decoded once into a flat file per camera that later reads map into memory.

The cache, `<root>/.cache/<camera>-<key>.rgb`, is uint8[num_frames, Y, X, 3]; its key is the hash of the video files,
so other videos are never served by it. Batches are then one fancy index, and the operating system keeps what fits.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from av.error import FFmpegError
from jaxtyping import Int64, UInt8

from praxia.core.errors import DataError
from praxia.core.files import sync_folder
from praxia.core.keys import content_key
from praxia.core.types import Camera
from praxia.data.manifest import Manifest
from praxia.data.placement import PlacedFile
from praxia.data.video import decode_all, decode_some

__all__ = ["Footage"]

CACHE = ".cache"


@dataclass(frozen=True)
class Footage:
    """All pictures of one camera, in the videos `files`, in frame order."""

    root: Path
    manifest: Manifest
    camera: Camera
    files: Sequence[PlacedFile]
    fps: float

    @property
    def _shape(self) -> tuple[int, int, int, int]:
        num_frames = sum(len(file.numbers) for file in self.files)
        return (num_frames, self.camera.height, self.camera.width, 3)

    def decode(self, indices: Int64[np.ndarray, " K"]) -> UInt8[np.ndarray, "K Y X 3"]:
        """The pictures of the given frames straight from the videos, without the cache.

        Raises:
            DataError: a video that cannot be read, naming its episodes.
        """
        pictures = np.empty((len(indices), *self._shape[1:]), dtype=np.uint8)
        for file in self.files:
            rows = np.flatnonzero((indices >= file.first) & (indices < file.first + len(file.numbers)))
            if len(rows) == 0:
                continue
            try:
                pictures[rows] = decode_some(file.path, file.numbers[indices[rows] - file.first], self.fps)
            except KeyError as error:
                raise file.broken(f"it has no frame {error}") from error
            except (FFmpegError, OSError) as error:
                raise file.broken(str(error)) from error
        return pictures

    def cached(self) -> UInt8[np.ndarray, "N Y X 3"]:
        """Every picture, mapped from the cache; decodes all videos, once, if they are not there yet.

        Raises:
            DataError: a video that is missing, altered or not whole, naming its episodes, or too little free space.
        """
        hashes = [self.manifest.sha256(self.root, file.path) for file in self.files]
        path = self.root / CACHE / f"{self.camera.name}-{content_key([hashes, *self._shape])}.rgb"
        if not path.is_file():
            path.parent.mkdir(exist_ok=True)
            with _alone(path.parent / f"{self.camera.name}.lock"):
                if not path.is_file():
                    self._build(path)
        return np.asarray(np.memmap(path, dtype=np.uint8, mode="r", shape=self._shape))

    def _build(self, path: Path) -> None:
        for file in self.files:
            self.manifest.check(self.root, file.path.relative_to(self.root).as_posix(), full=True)
        for outdated in path.parent.glob(f"{self.camera.name}-*"):
            outdated.unlink()
        needed, free = int(np.prod(self._shape)), shutil.disk_usage(path.parent).free
        if free < needed:
            raise DataError(
                f"decoding camera {self.camera.name!r} of {self.root} needs {needed / 1e6:.0f} MB of disk, "
                f"{free / 1e6:.0f} MB are free; free some space or record fewer episodes"
            )
        temporary = path.with_suffix(".tmp")
        with temporary.open("wb") as target:
            for file in self.files:
                for picture in _pictures(file):
                    target.write(picture.tobytes())
            target.flush()
            os.fsync(target.fileno())
        temporary.rename(path)
        sync_folder(path.parent)


def _pictures(file: PlacedFile) -> Iterator[UInt8[np.ndarray, "Y X 3"]]:
    """The file's pictures that the data set counts, in order; those of episodes it no longer has are skipped."""
    wanted, found = iter(file.numbers.tolist()), 0
    number = next(wanted)
    try:
        for at, picture in enumerate(decode_all(file.path)):
            if at == number:
                yield picture
                found += 1
                number = next(wanted, -1)
    except (FFmpegError, OSError) as error:
        raise file.broken(str(error)) from error
    if found < len(file.numbers):
        raise file.broken(f"expected {len(file.numbers)} frames, got {found}")


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One process at a time. The lock ends with its process, so a kill never leaves it behind."""
    descriptor = os.open(lock, os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
