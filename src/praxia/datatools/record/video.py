"""Encodes images of one camera into a journal of packets, and packets into an mp4 file without re-encoding."""

import io
import time
from collections import deque
from pathlib import Path

import av
import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from jaxtyping import UInt8
from PIL import Image

from praxia.core.embodiment import Camera
from praxia.core.errors import RecordingError
from praxia.data.video import frame_rate, output_stream
from praxia.datatools.record.journal import Journal
from praxia.statistics.images import ImageHistogram, sampled_frames

__all__ = ["CameraEncoder", "write_video"]

# A record: key-frame mark, histogram of the raw image, packet. Every image has a histogram, because which frames enter
# the statistics depends on the length of the episode.
HISTOGRAM = np.dtype(("<u4", (3, 256)))
KEY_FRAME, DELTA_FRAME = b"\1", b"\0"


class CameraEncoder:
    """The encoder of one camera, with the settings of `video.encode`, whose packets go to a journal.

    The encoder answers one image later. `taken` counts images passed to it and `written` those in the journal, both
    from the first record of the journal on; `busy_s` is the time spent on images of this process.
    """

    def __init__(self, camera: Camera, fps: float, journal: Journal):
        self._journal = journal
        # The container gives the stream the flags that mp4 requires; nothing is written to it.
        self._container = av.open(io.BytesIO(), "w", format="mp4")
        self._stream = output_stream(self._container, camera.height, camera.width, fps)
        self._histograms: deque[bytes] = deque()
        self._unwritten: deque[tuple[bytes, bytes, Packet]] = deque()
        self.num_initial = self.taken = len(journal)
        self.ended = False
        self.busy_s = 0.0

    @property
    def written(self) -> int:
        return len(self._journal)

    @property
    def images_per_s(self) -> float | None:
        """Images per second while it has any."""
        return (self.taken - self.num_initial) / self.busy_s if self.busy_s else None

    def take(self, image: UInt8[np.ndarray, "Y X 3"] | None) -> None:
        """Encode the next image; None: there are no more."""
        began_s = time.perf_counter()
        if image is None:
            packets = self._stream.encode()
            self.ended = True
        else:
            packets = self._stream.encode(VideoFrame.from_ndarray(image, format="rgb24"))
            self._histograms.append(_histogram(image))
            self.taken += 1
        for packet in packets:
            mark = KEY_FRAME if packet.is_keyframe else DELTA_FRAME
            self._unwritten.append((mark, self._histograms.popleft(), packet))
        self.busy_s += time.perf_counter() - began_s

    def write(self) -> None:
        """Append encoded packets to the journal.

        Raises:
            OSError: such as a full disk. Nothing is lost: call it again.
        """
        while self._unwritten:
            mark, histogram, packet = self._unwritten[0]
            self._journal.append(mark, histogram, memoryview(packet))
            self._unwritten.popleft()


def _histogram(image: UInt8[np.ndarray, "Y X 3"]) -> bytes:
    # Pillow counts three times as fast as numpy and releases the interpreter's lock.
    return np.array(Image.fromarray(image).histogram(), HISTOGRAM.base).tobytes()


def write_video(path: Path, camera: Camera, fps: float, journal: Journal, length: int) -> ImageHistogram:
    """Write the first `length` images of `journal` as an mp4 file: the same bytes as `video.encode` of the same images.

    Returns the levels of the images that enter statistics, from before encoding.

    Raises:
        RecordingError: the file does not have `length` frames. It must never happen; nothing is staged then.
        DataError: the bytes of a packet were altered.
    """
    with path.open("wb") as target, av.open(target, "w", format="mp4") as container:
        stream = output_stream(container, camera.height, camera.width, fps)
        tick = 1 / frame_rate(fps)
        container.start_encoding()
        for number in range(length):
            record = journal.read(number)
            packet = Packet(record[1 + HISTOGRAM.itemsize :])
            packet.stream, packet.time_base, packet.pts, packet.dts = stream, tick, number, number
            packet.is_keyframe = record[:1] == KEY_FRAME
            container.mux(packet)
    with av.open(str(path)) as container:
        frames = container.streams.video[0].frames
    if frames != length:
        raise RecordingError(f"expected {length} frames of {camera.name!r} in the video, got {frames}")
    sampled = [
        np.frombuffer(journal.read(number), HISTOGRAM, 1, offset=1)[0] for number in sampled_frames(length).tolist()
    ]
    return ImageHistogram(len(sampled), np.stack(sampled).sum(axis=0, dtype=np.int64))
