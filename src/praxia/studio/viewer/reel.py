"""The images of an episode as one film: all cameras side by side, and the frame's number written above them.

A browser says when a film is at a time, not which frame it has drawn, and several films drift apart. So the cameras
share one film, and every frame of it says its own number in black and white blocks: `video.js` draws a frame, reads the
number, and moves the plots there. Whatever a browser does, images and plots cannot be of different frames.

H.264 4:2:0, which every browser plays: what the data set holds may be AV1, HEVC or 4:4:4.
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

__all__ = ["Reel", "Tile"]

# The number's blocks: a row of bits, least first, and a row of their opposites, by which a reader knows what it reads.
_BITS = 20
_BLOCK_PX = 8
_STRIP_PX = 2 * _BLOCK_PX

# Larger images are shown smaller. Smaller ones twice as large: 4:2:0 would halve the resolution of their colours.
_MOST_PX = 384
_SMALL_PX = 128

# A key frame every 24th: to step to any frame takes a few milliseconds of decoding. (A slower preset makes no smaller
# films: 4.4 kB a frame of two cameras of 384 px either way, in 2.4 times the time.)
_CODING = {"crf": "22", "preset": "veryfast", "g": "24"}
_DECODED_AT_ONCE = 64


@dataclass(frozen=True)
class Tile:
    """Where one camera's images are in the film, in pixels."""

    camera: str
    x: int
    width: int
    height: int


@dataclass(frozen=True)
class Reel:
    """How films of these cameras are laid out. At least one camera."""

    cameras: tuple[Camera, ...]

    @property
    def tiles(self) -> tuple[Tile, ...]:
        sizes = [_shown(camera) for camera in self.cameras]
        across = np.cumsum([0, *(width for _, width in sizes)]).tolist()
        return tuple(
            Tile(camera.name, x, width, height)
            for camera, x, (height, width) in zip(self.cameras, across, sizes, strict=False)
        )

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the film."""
        last = self.tiles[-1]
        return _STRIP_PX + max(tile.height for tile in self.tiles), max(last.x + last.width, _BITS * _BLOCK_PX)

    def to_json(self) -> dict[str, Any]:
        """What the page needs to take a frame apart."""
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
        """The mp4 of one episode, at the data set's own rate.

        Raises:
            DataError: a video that cannot be read, naming its episodes.
        """
        return encode_mp4(self._frames(dataset, episode), dataset.fps, _CODING)

    def _frames(self, dataset: Dataset, episode: int) -> Iterator[UInt8[np.ndarray, "Y X 3"]]:
        first, length = int(dataset.episodes.first[episode]), int(dataset.episodes.length[episode])
        for start in range(0, length, _DECODED_AT_ONCE):
            numbers = np.arange(start, min(start + _DECODED_AT_ONCE, length))
            images = [dataset.decode(camera.name, first + numbers) for camera in self.cameras]
            for number, *beside in zip(numbers.tolist(), *images, strict=True):
                yield self._frame(number, beside)

    def _frame(self, number: int, images: Sequence[UInt8[np.ndarray, "_ _ 3"]]) -> UInt8[np.ndarray, "Y X 3"]:
        frame = np.zeros((*self.size, 3), np.uint8)
        bits = np.array([(number >> bit) & 1 for bit in range(_BITS)], np.uint8)
        strip = np.stack([bits, 1 - bits]).repeat(_BLOCK_PX, axis=0).repeat(_BLOCK_PX, axis=1)
        frame[:_STRIP_PX, : _BITS * _BLOCK_PX] = 255 * strip[..., None]
        for tile, image in zip(self.tiles, images, strict=True):
            frame[_STRIP_PX : _STRIP_PX + tile.height, tile.x : tile.x + tile.width] = _resized(image, tile)
        return frame


def _shown(camera: Camera) -> tuple[int, int]:
    """Height and width in the film: even, as 4:2:0 needs it."""
    longer = max(camera.height, camera.width)
    scale = 2.0 if longer <= _SMALL_PX else min(1.0, _MOST_PX / longer)
    height, width = (2 * max(1, round(scale * side / 2)) for side in (camera.height, camera.width))
    return height, width


def _resized(image: UInt8[np.ndarray, "_ _ 3"], tile: Tile) -> UInt8[np.ndarray, "_ _ 3"]:
    if image.shape[:2] == (tile.height, tile.width):
        return image
    smaller = tile.height < image.shape[0]
    how = Image.Resampling.BILINEAR if smaller else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(image).resize((tile.width, tile.height), how))
