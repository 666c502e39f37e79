"""Readers of images in one file: a video, or a data file that holds encoded images.

They decode only the requested images, in one pass. An image that is not at its position is an error, never replaced by
its neighbour.
"""

import io
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import av
import numpy as np
import pyarrow as pa
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from jaxtyping import Bool, Int64, UInt8
from PIL import Image, UnidentifiedImageError

from praxia.core.files import AnyPath
from praxia.data.images import Size, letterbox, to_rgb
from praxia.data.parquet import open_groups
from praxia.data.video import frame_rate

__all__ = ["FrameReader", "ParquetImages", "Unreadable", "VideoReader"]

# How many frames to decode forward before a seek to the key frame is cheaper.
STRIDE = 4
# What PyAV raises for damaged files: no stream, a stream without a codec, tags that are not text,
# sizes beyond all memory.
FAULTS = (FFmpegError, OSError, EOFError, ValueError, IndexError, AttributeError, MemoryError)


class Unreadable(ValueError):
    """A file that cannot be read, or the image at `position` in it."""

    def __init__(self, reason: str, position: int | None = None):
        super().__init__(reason if position is None else f"image {position}: {reason}")
        self.position = position


@runtime_checkable
class FrameReader(Protocol):
    """Images by their position in a file."""

    def key_frames(self, positions: Int64[np.ndarray, " K"]) -> Int64[np.ndarray, " K"]:
        """The position of the image that must be decoded before each."""
        ...

    def read(self, positions: Int64[np.ndarray, " K"]) -> Iterator[UInt8[np.ndarray, "Y X 3"]]:
        """The images at the given positions, which are in rising order."""
        ...

    def close(self) -> None:
        """Close the file."""


class VideoReader:
    """A video in any codec that FFmpeg decodes; its frames are 1/fps apart. One thread.

    `size` is the (height, width) that info.json declares, `scaled` that of the images returned: the complete image in
    its own proportions between black bars (openpi's `resize_with_pad`).

    Raises:
        Unreadable: not a complete video, another frame rate or size, or damage that the decoder notices.
    """

    def __init__(self, path: AnyPath, fps: float, size: Size, scaled: Size):
        self._rate = frame_rate(fps)
        self._size, self._scaled = size, scaled
        try:
            opened = str(path) if isinstance(path, Path) else path.open("rb")
            if not isinstance(opened, str):
                weakref.finalize(self, opened.close)
            self._container = av.open(opened, "r")
            self._stream = self._container.streams.video[0]
            context = self._stream.codec_context
            context.thread_count = 1  # threads delay frames and gain nothing on small images
            # Otherwise the decoder conceals damage, and the image is silently wrong.
            context.options = {"err_detect": "explode"}
            if (context.height, context.width) != size:
                raise Unreadable(f"expected images of {size[0]}x{size[1]}, got {context.height}x{context.width}")
            self._converter = VideoReformatter()  # one for all frames: setting one up costs more than a small image
            self._frames: Iterator[VideoFrame] = iter(())
            self._at: int | None = None
            self._index()
        except Unreadable:
            raise
        except FAULTS as error:
            raise Unreadable(f"not a complete video: {type(error).__name__} {error}") from error

    def _index(self) -> None:
        """Find the key frames in the container's own index; nothing is decoded."""
        stream = self._stream
        base = stream.time_base
        times, keys = _read_index(stream) if hasattr(stream, "index_entries") else _read_packets(stream)
        if base is None or len(times) == 0:
            raise Unreadable("it has no index of frames")
        self.num_frames, begin = len(times), stream.start_time or 0
        spacing = np.median(np.diff(np.sort(times))) * float(base * self._rate) if len(times) > 1 else 1.0
        if abs(spacing - 1) > 0.05:
            raise Unreadable(f"expected frames 1/{float(self._rate):g} s apart, got {spacing / self._rate:.4g} s")
        # Frames per tick of the container's clock. In float64 a frame's number is exact to a millionth for centuries.
        self._tick, self._begin = float(base * self._rate), begin
        # Entries are in decoding order with decoding times: a constant delay before the times of presentation.
        shown = np.round((times[keys] - times[0]) * self._tick).astype(np.int64)
        order = np.argsort(shown, kind="stable")
        self._keys, self._key_times = shown[order], times[keys][order]
        if len(self._keys) == 0:
            raise Unreadable("it has no key frame")

    def expect_at_most(self, count: int) -> None:
        """Refuse a video with more frames.

        Raises:
            Unreadable: the video has more frames.
        """
        if self.num_frames > count:
            raise Unreadable(f"it has {self.num_frames} frames, its episodes have {count}; see `praxia data check`")

    def key_frames(self, positions: Int64[np.ndarray, " K"]) -> Int64[np.ndarray, " K"]:
        at = np.searchsorted(self._keys, positions, side="right") - 1
        return self._keys[np.maximum(at, 0)]

    def read(self, positions: Int64[np.ndarray, " K"]) -> Iterator[UInt8[np.ndarray, "Y X 3"]]:
        keys = self.key_frames(positions)
        for position, key in zip(positions.tolist(), keys.tolist(), strict=True):
            yield self._image(self._frame(position, key))

    def close(self) -> None:
        self._frames = iter(())
        self._container.close()

    def _frame(self, position: int, key: int) -> VideoFrame:
        at = int(np.searchsorted(self._keys, key))
        try:
            if self._at is not None and self._at < position and key <= self._at + STRIDE:
                found = self._forward(position)
                if found is not None:
                    return found
            # A frame shown before the key frame it follows needs an earlier key frame (open groups of pictures).
            for back in sorted({max(back, 0) for back in (at, at - 1, at - 2, 0)}, reverse=True):
                try:
                    self._seek(back)
                    found = self._forward(position)
                except (
                    FFmpegError
                ):  # some decoders raise it for frames after a key frame that refer to frames before it
                    if back == 0:
                        raise
                    continue
                if found is not None:
                    return found
        except Unreadable:
            self._at = None
            raise
        except FAULTS as error:
            self._at = None
            raise Unreadable(f"{type(error).__name__} {error}", position) from error
        raise Unreadable("the video does not have it", position)

    def _seek(self, key: int) -> None:
        self._container.seek(int(self._key_times[key]), stream=self._stream)
        self._frames = self._container.decode(self._stream)
        self._at = None

    def _forward(self, position: int) -> VideoFrame | None:
        """Decode up to the frame at `position`; None if it does not come."""
        for frame in self._frames:
            if frame.pts is None:
                raise Unreadable("a frame without a time", position)
            shown = (frame.pts - self._begin) * self._tick
            self._at = round(shown)
            if abs(shown - self._at) > 0.25:
                raise Unreadable(f"a frame at {shown:.2f} frames from the start", position)
            if self._at >= position:
                if frame.is_corrupt and self._at == position:
                    raise Unreadable("damaged", position)
                return frame if self._at == position else None
        self._at = None
        return None

    def _image(self, frame: VideoFrame) -> UInt8[np.ndarray, "Y X 3"]:
        if (frame.height, frame.width) != self._size:
            raise Unreadable(f"expected images of {self._size}, got one of {frame.height}x{frame.width}")
        # Not scaled by FFmpeg too, which is faster and gives other pixels than `letterbox`, as a robot's images are.
        return letterbox(self._converter.reformat(frame, format="rgb24").to_ndarray(), self._scaled)


def _read_index(stream: VideoStream) -> tuple[Int64[np.ndarray, " N"], Bool[np.ndarray, " N"]]:
    """The decoding time of each frame and whether it is a key frame, in decoding order, from the container's index."""
    entries = stream.index_entries
    return (
        np.array([entry.timestamp for entry in entries], np.int64),
        np.array([entry.is_keyframe for entry in entries], bool),
    )


def _read_packets(stream: VideoStream) -> tuple[Int64[np.ndarray, " N"], Bool[np.ndarray, " N"]]:
    """The same for PyAV before 17, which does not show the index: from the packets, so the file is read to its end."""
    container = stream.container
    assert isinstance(container, InputContainer)
    packets = [packet for packet in container.demux(stream) if packet.dts is not None]  # the last is an end marker
    return (
        np.array([packet.dts for packet in packets], np.int64),
        np.array([packet.is_keyframe for packet in packets], bool),
    )


class ParquetImages:
    """The images of one feature in a data file, each encoded separately (PNG, as LeRobot writes; JPEG).

    Raises:
        Unreadable: not a complete data file, or an image that cannot be decoded or has another size.
    """

    def __init__(self, path: AnyPath, feature: str, size: Size, scaled: Size, folder: AnyPath):
        self._feature, self._size, self._scaled, self._folder = feature, size, scaled, folder
        try:
            self._file = open_groups(path)
            groups = [self._file.metadata.row_group(group).num_rows for group in range(self._file.num_row_groups)]
        except (pa.ArrowException, OSError, ValueError) as error:
            raise Unreadable(str(error)) from error
        self._ends = np.cumsum(groups)
        self._group: tuple[int, list[Any]] = (-1, [])

    def key_frames(self, positions: Int64[np.ndarray, " K"]) -> Int64[np.ndarray, " K"]:
        return positions

    def read(self, positions: Int64[np.ndarray, " K"]) -> Iterator[UInt8[np.ndarray, "Y X 3"]]:
        for position in positions.tolist():
            yield self._image(self._cell(position), position)

    def close(self) -> None:
        self._file.close()

    def _cell(self, position: int) -> Any:
        group = int(np.searchsorted(self._ends, position, side="right"))
        if group >= len(self._ends):
            raise Unreadable("the file has no such row", position)
        if self._group[0] != group:
            try:
                rows = self._file.read_row_group(group, columns=[self._feature], use_threads=False)
                self._group = (group, rows[self._feature].to_pylist())
            except (pa.ArrowException, OSError, ValueError, KeyError) as error:
                raise Unreadable(str(error), position) from error
        first = int(self._ends[group - 1]) if group else 0
        return self._group[1][position - first]

    def _image(self, cell: Any, position: int) -> UInt8[np.ndarray, "Y X 3"]:
        try:
            content = cell["bytes"] if cell["bytes"] is not None else (self._folder / cell["path"]).read_bytes()
            with Image.open(io.BytesIO(content)) as opened:
                image = to_rgb(opened)
        except (
            OSError,
            ValueError,
            TypeError,
            KeyError,
            SyntaxError,  # what Pillow raises for a damaged PNG
            UnidentifiedImageError,
            Image.DecompressionBombError,
        ) as error:
            raise Unreadable(f"{type(error).__name__} {error}", position) from error
        if image.shape[:2] != self._size:
            got = "x".join(map(str, image.shape[:2]))
            raise Unreadable(f"expected images of {self._size}, got {got} (upright, as EXIF says)", position)
        return letterbox(image, self._scaled)
