"""Encode images as a small video that every browser plays."""

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import repeat
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
from jaxtyping import UInt8

__all__ = ["encode_mp4"]

# Half a second more of the last image, so that a viewer sees the end before the video loops.
_LAST_IMAGE_S = 0.5

# No lookahead: with it x264 reads past the edge of small images, and the same images sometimes gave other bytes (see
# `data/video.py`).
_OPTIONS = {
    "crf": "24",
    "preset": "medium",
    "bf": "0",
    "x264-params": "mbtree=0:rc-lookahead=0:scenecut=0:weightp=0",
}


def encode_mp4(
    images: Iterable[UInt8[np.ndarray, "Y X 3"]], rate_hz: float, options: Mapping[str, str] | None = None
) -> bytes:
    """An H.264 mp4 file (yuv420p, index first) of at least one image; Y and X are even.

    The last image is shown half a second longer. Encoding is single-threaded: the same images give the same bytes.
    `options` override the default options of x264.
    """
    rate = Fraction(rate_hz).limit_denominator(1001)
    remaining = iter(images)
    first = next(remaining)
    # Moving the index to the front rereads the file, which a buffer in memory does not allow.
    with TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
            stream = container.add_stream("libx264", rate=rate, options={**_OPTIONS, **(options or {})})
            stream.height, stream.width = first.shape[:2]
            stream.pix_fmt = "yuv420p"
            stream.codec_context.thread_count = 1
            for image in _with_last_repeated(first, remaining, round(_LAST_IMAGE_S * rate_hz)):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode())
        return path.read_bytes()


def _with_last_repeated(first: np.ndarray, others: Iterable[np.ndarray], times: int) -> Iterator[np.ndarray]:
    """All images, then the last one `times` more."""
    last = first
    yield last
    for last in others:
        yield last
    yield from repeat(last, times)
