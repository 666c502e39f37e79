"""Pictures -> a small video that every browser plays."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
from jaxtyping import UInt8

__all__ = ["encode_mp4"]

# Half a second of the last picture, so that the end can be seen before the film begins again.
_LAST_PICTURE_S = 0.5

# Without looking ahead: there x264 reads past the edge of small pictures, and the same ones gave other bytes from time
# to time (see `data/video.py`).
_OPTIONS = {
    "crf": "24",
    "preset": "medium",
    "bf": "0",
    "x264-params": "mbtree=0:rc-lookahead=0:scenecut=0:weightp=0",
}


def encode_mp4(pictures: Sequence[UInt8[np.ndarray, "Y X 3"]], rate_hz: float) -> bytes:
    """An H.264 mp4 file (yuv420p, index first) of at least one picture; Y and X are even.

    The last picture stands half a second longer. Single-threaded: the same pictures give the same bytes.
    """
    rate = Fraction(rate_hz).limit_denominator(1001)
    held = round(_LAST_PICTURE_S * rate_hz)
    # The index goes first by reading the file again, which a buffer in memory does not allow.
    with TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
            stream = container.add_stream("libx264", rate=rate, options=_OPTIONS)
            stream.height, stream.width = pictures[0].shape[:2]
            stream.pix_fmt = "yuv420p"
            stream.codec_context.thread_count = 1
            for picture in [*pictures, *[pictures[-1]] * held]:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
        return path.read_bytes()
