"""Images -> a small video that every browser plays."""

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import repeat
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
from jaxtyping import UInt8

__all__ = ["encode_mp4"]

# Half a second of the last image, so that the end can be seen before the film begins again.
_LAST_IMAGE_S = 0.5

# Without looking ahead: there x264 reads past the edge of small images, and the same ones gave other bytes from time
# to time (see `data/video.py`).
_OPTIONS = {
    "crf": "24",
    "preset": "medium",
    "bf": "0",
    "x264-params": "mbtree=0:rc-lookahead=0:scenecut=0:weightp=0",
}


def encode_mp4(
    images: Iterable[UInt8[np.ndarray, "Y X 3"]], rate_hz: float, coding: Mapping[str, str] | None = None
) -> bytes:
    """An H.264 mp4 file (yuv420p, index first) of at least one image; Y and X are even.

    The last image stands half a second longer. Single-threaded: the same images give the same bytes. `coding` are
    options of x264 in place of our own.
    """
    rate = Fraction(rate_hz).limit_denominator(1001)
    waiting = iter(images)
    first = next(waiting)
    # The index goes first by reading the file again, which a buffer in memory does not allow.
    with TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
            stream = container.add_stream("libx264", rate=rate, options={**_OPTIONS, **(coding or {})})
            stream.height, stream.width = first.shape[:2]
            stream.pix_fmt = "yuv420p"
            stream.codec_context.thread_count = 1
            for image in _held(first, waiting, round(_LAST_IMAGE_S * rate_hz)):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode())
        return path.read_bytes()


def _held(first: np.ndarray, others: Iterable[np.ndarray], times: int) -> Iterator[np.ndarray]:
    """All images, and the last one so many times more."""
    last = first
    yield last
    for last in others:
        yield last
    yield from repeat(last, times)
