"""Images of one camera -> a journal of encoded packets -> an mp4 file, without encoding anything twice."""

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
from praxia.data.stats import Pixels, sampled_frames
from praxia.data.video import frame_rate, output_stream
from praxia.datatools.record.journal import Journal

__all__ = ["CameraEncoder", "write_film"]

# A record: whether it is a key frame, how often each level occurs in the image, and the packet. Levels are of the
# image as it came, and of each: which frames enter the statistics is known only when the episode's length is.
LEVELS = np.dtype(("<u4", (3, 256)))
KEY_FRAME, LATER_FRAME = b"\1", b"\0"


class CameraEncoder:
    """One camera's encoder, with the settings of `video.encode`, whose packets go to a journal.

    The encoder answers one image later. `taken` counts images that it was given and `written` those that are in the
    journal, both from the first record of the journal on; `busy_s` is how long it worked for the former.
    """

    def __init__(self, camera: Camera, fps: float, journal: Journal):
        self._journal = journal
        # The container gives the stream the flags that mp4 asks for; nothing is written to it.
        self._container = av.open(io.BytesIO(), "w", format="mp4")
        self._stream = output_stream(self._container, camera.height, camera.width, fps)
        self._levels: deque[bytes] = deque()
        self._unwritten: deque[tuple[bytes, bytes, Packet]] = deque()
        self.begun = self.taken = len(journal)
        self.ended = False
        self.busy_s = 0.0

    @property
    def written(self) -> int:
        return len(self._journal)

    @property
    def images_per_s(self) -> float | None:
        """How many images a second it manages while it has any."""
        return (self.taken - self.begun) / self.busy_s if self.busy_s else None

    def take(self, image: UInt8[np.ndarray, "Y X 3"] | None) -> None:
        """Encode the next image; None: there are no more."""
        began_s = time.perf_counter()
        if image is None:
            packets = self._stream.encode()
            self.ended = True
        else:
            packets = self._stream.encode(VideoFrame.from_ndarray(image, format="rgb24"))
            self._levels.append(_levels(image))
            self.taken += 1
        for packet in packets:
            mark = KEY_FRAME if packet.is_keyframe else LATER_FRAME
            self._unwritten.append((mark, self._levels.popleft(), packet))
        self.busy_s += time.perf_counter() - began_s

    def write(self) -> None:
        """Append to the journal what has been encoded.

        Raises:
            OSError: such as a full disk. Nothing is lost: call it again.
        """
        while self._unwritten:
            mark, levels, packet = self._unwritten[0]
            self._journal.append(mark, levels, memoryview(packet))
            self._unwritten.popleft()


def _levels(image: UInt8[np.ndarray, "Y X 3"]) -> bytes:
    # Pillow counts three times as fast as numpy, and lets other threads run meanwhile.
    return np.array(Image.fromarray(image).histogram(), LEVELS.base).tobytes()


def write_film(path: Path, camera: Camera, fps: float, journal: Journal, length: int) -> Pixels:
    """The first `length` images of `journal` as an mp4 file: the packets as they are, in the file of `video.encode`.

    Returns the levels of the images that enter statistics, before they were encoded.

    Raises:
        RecordingError: the file has not `length` frames. It must never happen; nothing is staged then.
        DataError: a packet no longer has its bytes.
    """
    with path.open("wb") as target, av.open(target, "w", format="mp4") as container:
        stream = output_stream(container, camera.height, camera.width, fps)
        tick = 1 / frame_rate(fps)
        container.start_encoding()
        for number in range(length):
            record = journal.read(number)
            packet = Packet(record[1 + LEVELS.itemsize :])
            packet.stream, packet.time_base, packet.pts, packet.dts = stream, tick, number, number
            packet.is_keyframe = record[:1] == KEY_FRAME
            container.mux(packet)
    with av.open(str(path)) as container:
        frames = container.streams.video[0].frames
    if frames != length:
        raise RecordingError(f"expected {length} frames of {camera.name!r} in the video, got {frames}")
    sampled = [
        np.frombuffer(journal.read(number), LEVELS, 1, offset=1)[0] for number in sampled_frames(length).tolist()
    ]
    return Pixels(len(sampled), np.stack(sampled).sum(axis=0, dtype=np.int64))
