"""Whether one video holds the images that its episodes speak of, and whether they can be decoded.

Packets are counted before anything is decoded, and both passes end after as many packets as the file could hold: a
damaged index may promise any number. Decoding stops at errors (`err_detect=explode`): left alone, FFmpeg's H.264
decoder fills damaged places with pixels of other images and says nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from jaxtyping import Float64, Int64

from praxia.data.features import image_size
from praxia.data.layout import CODEBASE_VERSION, VIDEO_FRAMES
from praxia.data.video import frame_rate
from praxia.datatools.check.meta import Described
from praxia.datatools.check.problems import Problems

__all__ = ["check_video"]

# What PyAV raises on damaged bytes: some come from tags that are no text, or from streams without a codec.
DAMAGED_VIDEO = (FFmpegError, OSError, ValueError, IndexError, AttributeError, MemoryError, TypeError, OverflowError)
BYTES_A_PACKET = 4  # at least: its size alone takes as much
TOLERANCE = 0.25  # of a frame


@dataclass(frozen=True)
class _Video:
    """A file that should hold images `first[k]` to `first[k] + length[k]` of K episodes, in rising order.

    `more` are the images that the table gives to each episode after its last row.
    """

    path: Path
    name: str
    key: str
    fps: float
    size: tuple[int, int]
    codec: str | None
    episodes: Int64[np.ndarray, " K"]
    first: Int64[np.ndarray, " K"]
    length: Int64[np.ndarray, " K"]
    more: Int64[np.ndarray, " K"]

    @property
    def given(self) -> int:
        """How many images the episode table gives to the file."""
        return int((self.first + self.length + self.more).max(initial=0))

    def lacking(self, numbers: Int64[np.ndarray, " N"]) -> Iterator[tuple[int, int]]:
        """The episodes that need other images than these, and how many more each does."""
        present = np.unique(numbers)
        ends = np.searchsorted(present, [self.first, self.first + self.length])
        missing = self.length - (ends[1] - ends[0])
        return zip(self.episodes[missing > 0].tolist(), missing[missing > 0].tolist(), strict=True)


def check_video(
    described: Described,
    key: str,
    name: str,
    episodes: Int64[np.ndarray, " K"],
    first: Int64[np.ndarray, " K"],
    problems: Problems,
    notes: Problems,
    *,
    decode: bool,
    surplus: bool,
) -> None:
    """Note what is wrong with the file `name` of the feature `key`, in which `episodes` begin at the images `first`.

    `surplus`: whether images that follow the last episode's are a problem. Of v2.1 they are noted: a file is an
    episode there, so that they come after its last row.
    """
    path, feature = described.root / name, described.features[key]
    if not path.is_file():
        problems.add(name, "missing-file", "its images are lost", episodes)
        return
    declared = feature.get("info") or feature.get("video_info") or {}
    order = np.argsort(first, kind="stable")
    lengths = described.episodes["length"][episodes]
    ends = np.round(described.episodes[f"videos/{key}/to_timestamp"][episodes] * described.fps).astype(np.int64)
    video = _Video(
        path,
        name,
        key,
        described.fps,
        image_size(feature),
        declared.get("video.codec") if isinstance(declared, dict) else None,
        episodes[order],
        first[order],
        lengths[order],
        np.maximum(ends - first - lengths, 0)[order],
    )
    try:
        times = _counted(video, problems)
    except DAMAGED_VIDEO as error:
        kind = "truncated" if path.stat().st_size == 0 else "unreadable"
        problems.add(name, kind, f"{type(error).__name__}: {error}", episodes)
        return
    numbers = np.round(times).astype(np.int64)
    for episode, count in video.lacking(numbers):
        problems.add(name, "missing-frames", f"the video has {len(numbers)} images", [episode], count)
    _clock(video, times, problems)
    beyond = int((numbers >= _end(described, video)).sum())
    if beyond and surplus:
        detail = f"the video has {len(numbers)} images, the episode table gives it {video.given}"
        if described.info["codebase_version"] == CODEBASE_VERSION:
            problems.add(name, "surplus-frames", detail, episodes, beyond)
        else:
            notes.add(name, "surplus-frames", f"{detail}: its last ones follow the episode's end", episodes, beyond)
    for episode, more in zip(video.episodes.tolist(), video.more.tolist(), strict=True):
        if more > 0:
            notes.add(name, "surplus-frames", "images follow the episode's last row", [episode], more)
    if decode:
        _decode(video, numbers, problems)


def _end(described: Described, video: _Video) -> float:
    """How many images the file may have. An edit leaves some that no episode has, and says how many there are."""
    count = described.info.get(VIDEO_FRAMES, {}).get(video.name, 0)
    return np.inf if count is None else float(max(count, video.given))


def _packets(container: InputContainer, video: _Video) -> Iterator[Packet]:
    return islice(container.demux(container.streams.video[0]), video.path.stat().st_size // BYTES_A_PACKET)


def _counted(video: _Video, problems: Problems) -> Float64[np.ndarray, " N"]:
    """When each image of the file is shown, in frames and in rising order; what the stream says is compared."""
    with av.open(str(video.path)) as container:
        stream = container.streams.video[0]
        tick = stream.time_base
        size, codec = (stream.height, stream.width), stream.codec_context.codec.canonical_name
        packets = (packet for packet in _packets(container, video) if not packet.is_discard)
        times = [packet.pts for packet in packets if packet.pts is not None]
    if size != video.size:
        problems.add(video.name, "camera", f"expected images of {video.size}, got {size}", video.episodes)
    if video.codec is not None and video.codec != codec:
        problems.add(video.name, "camera", f"expected the codec {video.codec}, got {codec}", video.episodes)
    return np.sort(_in_frames(times, tick, video))


def _clock(video: _Video, times: Float64[np.ndarray, " N"], problems: Problems) -> None:
    """An image is found by counting and by its time: both must lead to the same one."""
    wrong = np.flatnonzero(np.abs(times - np.arange(len(times))) > TOLERANCE)
    if len(wrong) == 0:
        return
    at = int(wrong[0])
    detail = f"image {at} is shown after {times[at]:.4g} frames of {video.fps:g} fps"
    kind = "wrong-timestamp" if abs(np.median(np.diff(times)) - 1) < TOLERANCE else "camera"
    problems.add(video.name, kind, detail, video.episodes[video.first + video.length > min(at, times[at])])


def _decode(video: _Video, numbers: Int64[np.ndarray, " N"], problems: Problems) -> None:
    decoded, tick, said = [], None, "images are lost"
    try:
        with av.open(str(video.path)) as container:
            stream = container.streams.video[0]
            tick = stream.time_base
            stream.codec_context.thread_count = 1
            stream.codec_context.options = {"err_detect": "explode"}
            size, usable = (stream.height, stream.width), True
            for packet in _packets(container, video):
                usable = usable or packet.is_keyframe
                try:
                    frames = packet.decode()
                except FFmpegError as error:
                    usable, said = False, str(error)
                    continue
                decoded += [frame.pts for frame in frames if usable and _fits(frame, size)]
    except DAMAGED_VIDEO as error:
        said = f"{type(error).__name__}: {error}"
    lost = np.setdiff1d(numbers, np.round(_in_frames(decoded, tick, video)).astype(np.int64))
    for episode, count in _holding(video, lost):
        problems.add(video.name, "undecodable", said, [episode], count)


def _in_frames(times: list[int], tick: Fraction | None, video: _Video) -> Float64[np.ndarray, " N"]:
    """Times of a video's clock in frames."""
    return np.array(times, dtype=np.float64) * float((tick or 0) * frame_rate(video.fps))


def _fits(frame: VideoFrame, size: tuple[int, int]) -> bool:
    return not frame.is_corrupt and frame.pts is not None and (frame.height, frame.width) == size


def _holding(video: _Video, lost: Int64[np.ndarray, " N"]) -> Iterator[tuple[int, int]]:
    """The episodes to which some of the images belong, and how many."""
    ends = np.searchsorted(lost, [video.first, video.first + video.length])
    counts = ends[1] - ends[0]
    return zip(video.episodes[counts > 0].tolist(), counts[counts > 0].tolist(), strict=True)
