"""The images of one camera by frame number, whichever file they are in."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from jaxtyping import Int64, UInt8

from praxia.data.frame_files import FrameFile
from praxia.data.readers import FrameReader, Unreadable

__all__ = ["CameraFrames"]

# Files kept open at once: opening one reads its whole index.
MAX_OPEN = 8


class CameraFrames:
    """All images [N, Y, X, 3] of one camera, in frame order, decoded from `files` on demand.

    `open_file` opens one of the files, whose hash it has checked. At most `MAX_OPEN` files are open at once. The data
    loader keeps decoded images on disk (`praxia.dataloader.frame_cache`).
    """

    def __init__(
        self, files: Sequence[FrameFile], size: tuple[int, int], open_file: Callable[[FrameFile], FrameReader]
    ):
        self.files, self._open_file = tuple(files), open_file
        self.shape = (sum(file.num_frames for file in files), *size, 3)
        self._firsts = np.array([file.first_frame for file in files], np.int64)
        self._open: OrderedDict[int, FrameReader] = OrderedDict()

    def __len__(self) -> int:
        return self.shape[0]

    def file_of(self, frames: Int64[np.ndarray, " K"]) -> Int64[np.ndarray, " K"]:
        """The index in `files` of the file that holds each frame."""
        return np.searchsorted(self._firsts, frames, side="right") - 1

    def key_frames(self, file: int, frames: Int64[np.ndarray, " K"]) -> Int64[np.ndarray, " K"]:
        """The position in file number `file` of the image that must be decoded before each of its `frames`.

        Raises:
            DataError: the file is missing, altered or damaged; the message names it and its episodes.
        """
        return self._reader(file).key_frames(self.files[file].positions(frames))

    def decode(self, frames: Int64[np.ndarray, " K"]) -> UInt8[np.ndarray, "K Y X 3"]:
        """The images of the given frames, in any order and with repeats; one pass over each file that holds some.

        Raises:
            DataError: a file is missing, altered or damaged; the message names it and its episodes.
        """
        images = np.empty((len(frames), *self.shape[1:]), dtype=np.uint8)
        of_file = self.file_of(frames)
        for file in np.unique(of_file).tolist():
            rows = np.flatnonzero(of_file == file)
            positions, back = np.unique(self.files[file].positions(frames[rows]), return_inverse=True)
            order = np.argsort(back, kind="stable")
            ends = np.searchsorted(back[order], np.arange(len(positions)), side="right")
            for image, group in zip(self._read(file, positions), np.split(rows[order], ends[:-1]), strict=True):
                images[group] = image
        return images

    def _read(self, file: int, positions: Int64[np.ndarray, " K"]) -> Iterator[UInt8[np.ndarray, "Y X 3"]]:
        try:
            yield from self._reader(file).read(positions)
        except Unreadable as error:
            reader = self._open.pop(file, None)
            if reader is not None:
                reader.close()
            frame_file = self.files[file]
            where = "" if error.position is None else f", of episode {frame_file.episode_of(error.position)}"
            raise frame_file.read_error(f"{error}{where}") from error

    def _reader(self, file: int) -> FrameReader:
        if file not in self._open:
            try:
                self._open[file] = self._open_file(self.files[file])
            except Unreadable as error:
                raise self.files[file].read_error(str(error)) from error
            if len(self._open) > MAX_OPEN:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(file)
        return self._open[file]
