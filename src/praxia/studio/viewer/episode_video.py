"""The images of an episode as one video: all cameras side by side, and the frame number encoded above them.

A browser reports the time of a video, not which frame it has drawn, and several videos drift apart. So all cameras
share one video, and each of its frames encodes its own number in black and white blocks: `video.js` draws a frame,
reads the number, and moves the plots there. Images and plots always show the same frame.

The video is H.264 4:2:0, which every browser plays; the data set may use AV1, HEVC or 4:4:4.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from praxia.core.embodiment import Camera
from praxia.data.dataset import Dataset
from praxia.studio.mp4 import encode_mp4

__all__ = ["Tile", "VideoLayout"]

# The blocks of the frame number: a row of bits, least significant first, and a row of their complements as a check.
_BITS = 20
_BLOCK_PX = 8
_STRIP_PX = 2 * _BLOCK_PX

# Larger images are scaled down. Small ones are doubled, because 4:2:0 would halve the resolution of their colours.
_MAX_PX = 384
_SMALL_PX = 128

# A key frame every 24 frames: seeking to any frame decodes within a few milliseconds. (A slower preset gives no smaller
# videos: 4.4 kB per frame of two 384 px cameras either way, in 2.4 times the time.)
_X264_OPTIONS = {"crf": "22", "preset": "veryfast", "g": "24"}
_DECODED_AT_ONCE = 64


@dataclass(frozen=True)
class Tile:
    """The position of one camera's images in the video, in pixels."""

    camera: str
    x: int
    width: int
    height: int


@dataclass(frozen=True)
class VideoLayout:
    """The layout of videos of these cameras, at least one."""

    cameras: tuple[Camera, ...]

    @property
    def tiles(self) -> tuple[Tile, ...]:
        sizes = [_shown_size(camera) for camera in self.cameras]
        across = np.cumsum([0, *(width for _, width in sizes)]).tolist()
        return tuple(
            Tile(camera.name, x, width, height)
            for camera, x, (height, width) in zip(self.cameras, across, sizes, strict=False)
        )

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the video."""
        last = self.tiles[-1]
        return _STRIP_PX + max(tile.height for tile in self.tiles), max(last.x + last.width, _BITS * _BLOCK_PX)

    def to_json(self) -> dict[str, Any]:
        """What the page needs to split a frame into cameras."""
        height, width = self.size
        tiles = [
            {
                "camera": tile.camera,
                "x": tile.x,
                "y": _STRIP_PX,
                "width": tile.width,
                "height": tile.height,
                "recorded": [camera.height, camera.width],
            }
            for tile, camera in zip(self.tiles, self.cameras, strict=True)
        ]
        return {"width": width, "height": height, "bits": _BITS, "block": _BLOCK_PX, "tiles": tiles}

    def video(self, dataset: Dataset, episode: int) -> bytes:
        """The mp4 of one episode, at the data set's rate.

        Raises:
            DataError: a video of the data set cannot be read; the message names its episodes.
        """
        return encode_mp4(self._frames(dataset, episode), dataset.fps, _X264_OPTIONS)

    def _frames(self, dataset: Dataset, episode: int) -> Iterator[UInt8[np.ndarray, "Y X 3"]]:
        first, length = int(dataset.episodes.first[episode]), int(dataset.episodes.length[episode])
        for start in range(0, length, _DECODED_AT_ONCE):
            numbers = np.arange(start, min(start + _DECODED_AT_ONCE, length))
            images = [dataset.decode(camera.name, first + numbers) for camera in self.cameras]
            for number, *views in zip(numbers.tolist(), *images, strict=True):
                yield self._frame(number, views)

    def _frame(self, number: int, images: Sequence[UInt8[np.ndarray, "_ _ 3"]]) -> UInt8[np.ndarray, "Y X 3"]:
        frame = np.zeros((*self.size, 3), np.uint8)
        bits = np.array([(number >> bit) & 1 for bit in range(_BITS)], np.uint8)
        strip = np.stack([bits, 1 - bits]).repeat(_BLOCK_PX, axis=0).repeat(_BLOCK_PX, axis=1)
        frame[:_STRIP_PX, : _BITS * _BLOCK_PX] = 255 * strip[..., None]
        for tile, image in zip(self.tiles, images, strict=True):
            frame[_STRIP_PX : _STRIP_PX + tile.height, tile.x : tile.x + tile.width] = _resized(image, tile)
        return frame


def _shown_size(camera: Camera) -> tuple[int, int]:
    """Height and width in the video; even, as 4:2:0 requires."""
    longer = max(camera.height, camera.width)
    scale = 2.0 if longer <= _SMALL_PX else min(1.0, _MAX_PX / longer)
    height, width = (2 * max(1, round(scale * side / 2)) for side in (camera.height, camera.width))
    return height, width


def _resized(image: UInt8[np.ndarray, "_ _ 3"], tile: Tile) -> UInt8[np.ndarray, "_ _ 3"]:
    if image.shape[:2] == (tile.height, tile.width):
        return image
    smaller = tile.height < image.shape[0]
    method = Image.Resampling.BILINEAR if smaller else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(image).resize((tile.width, tile.height), method))
