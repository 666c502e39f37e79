"""Checks that a video holds the images of its episodes and that they can be decoded.

Packets are counted before anything is decoded, and both passes end after as many packets as the file could hold: a
damaged index may promise any number. Decoding stops at errors (`err_detect=explode`); otherwise FFmpeg's H.264 decoder
silently fills damaged regions with pixels of other images.
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
from praxia.datatools.check.meta import LenientMetadata
from praxia.datatools.check.problems import Problems

__all__ = ["check_video"]

# What PyAV raises on damaged bytes, such as tags that are not text or a stream without a codec.
DAMAGED_VIDEO = (FFmpegError, OSError, ValueError, IndexError, AttributeError, MemoryError, TypeError, OverflowError)
MIN_PACKET_BYTES = 4  # the size field of an MP4 sample alone takes as much
TOLERANCE_FRAMES = 0.25


@dataclass(frozen=True)
class _VideoFile:
    """A file that should hold images `first[k]` to `first[k] + length[k]` of K episodes, in increasing order.

    `num_after` is the number of images that the table assigns to each episode after its last row.
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
    num_after: Int64[np.ndarray, " K"]

    @classmethod
    def of(
        cls,
        meta: LenientMetadata,
        key: str,
        name: str,
        episodes: Int64[np.ndarray, " K"],
        first: Int64[np.ndarray, " K"],
    ) -> "_VideoFile":
        """The file `name` of the feature `key`, in which `episodes` begin at the images `first`."""
        feature = meta.features[key]
        codec_info = feature.get("info") or feature.get("video_info") or {}
        codec = codec_info.get("video.codec") if isinstance(codec_info, dict) else None
        lengths = meta.episodes["length"][episodes]
        ends = np.round(meta.episodes[f"videos/{key}/to_timestamp"][episodes] * meta.fps).astype(np.int64)
        num_after = np.maximum(ends - first - lengths, 0)
        order = np.argsort(first, kind="stable")
        return cls(
            meta.root / name,
            name,
            key,
            meta.fps,
            image_size(feature),
            codec,
            episodes[order],
            first[order],
            lengths[order],
            num_after[order],
        )

    @property
    def num_expected(self) -> int:
        """The number of images that the episode table assigns to the file."""
        return int((self.first + self.length + self.num_after).max(initial=0))

    def missing_frames(self, numbers: Int64[np.ndarray, " N"]) -> Iterator[tuple[int, int]]:
        """The episodes with images that are not among `numbers`, and how many each lacks."""
        present = np.unique(numbers)
        ends = np.searchsorted(present, [self.first, self.first + self.length])
        missing = self.length - (ends[1] - ends[0])
        return zip(self.episodes[missing > 0].tolist(), missing[missing > 0].tolist(), strict=True)


def check_video(
    meta: LenientMetadata,
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
    """Check the file `name` of the feature `key`, in which `episodes` begin at the images `first`.

    `surplus`: whether to report images after the last episode's as a problem. In v2.1 they are a note, because a file
    holds one episode and they follow its last row.
    """
    path = meta.root / name
    if not path.is_file():
        problems.add(name, "missing-file", "the images in it are lost", episodes)
        return
    video = _VideoFile.of(meta, key, name, episodes, first)
    try:
        times = _read_times(video, problems)
    except DAMAGED_VIDEO as error:
        kind = "truncated" if path.stat().st_size == 0 else "unreadable"
        problems.add(name, kind, f"{type(error).__name__}: {error}", episodes)
        return
    numbers = np.round(times).astype(np.int64)
    for episode, count in video.missing_frames(numbers):
        problems.add(name, "missing-frames", f"the video has {len(numbers)} images", [episode], count)
    _check_times(video, times, problems)
    num_surplus = int((numbers >= _max_frames(meta, video)).sum())
    if num_surplus and surplus:
        detail = f"the video has {len(numbers)} images, the episode table expects {video.num_expected}"
        if meta.info["codebase_version"] == CODEBASE_VERSION:
            problems.add(name, "surplus-frames", detail, episodes, num_surplus)
        else:
            notes.add(
                name, "surplus-frames", f"{detail}: the last ones follow the end of the episode", episodes, num_surplus
            )
    for episode, num_after in zip(video.episodes.tolist(), video.num_after.tolist(), strict=True):
        if num_after > 0:
            notes.add(name, "surplus-frames", "images follow the last row of the episode", [episode], num_after)
    if decode:
        _decode(video, numbers, problems)


def _max_frames(meta: LenientMetadata, video: _VideoFile) -> float:
    """The largest number of images allowed. An edit leaves unused images and records how many there are."""
    count = meta.info.get(VIDEO_FRAMES, {}).get(video.name, 0)
    return np.inf if count is None else float(max(count, video.num_expected))


def _packets(container: InputContainer, video: _VideoFile) -> Iterator[Packet]:
    return islice(container.demux(container.streams.video[0]), video.path.stat().st_size // MIN_PACKET_BYTES)


def _read_times(video: _VideoFile, problems: Problems) -> Float64[np.ndarray, " N"]:
    """The presentation time of each image in frames, in increasing order; checks size and codec of the stream."""
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


def _check_times(video: _VideoFile, times: Float64[np.ndarray, " N"], problems: Problems) -> None:
    """Check that an image's position and its timestamp lead to the same frame."""
    wrong = np.flatnonzero(np.abs(times - np.arange(len(times))) > TOLERANCE_FRAMES)
    if len(wrong) == 0:
        return
    at = int(wrong[0])
    detail = f"image {at} is shown after {times[at]:.4g} frames of {video.fps:g} fps"
    kind = "wrong-timestamp" if abs(np.median(np.diff(times)) - 1) < TOLERANCE_FRAMES else "camera"
    problems.add(video.name, kind, detail, video.episodes[video.first + video.length > min(at, times[at])])


def _decode(video: _VideoFile, numbers: Int64[np.ndarray, " N"], problems: Problems) -> None:
    decoded, tick, reason = [], None, "images are lost"
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
                    usable, reason = False, str(error)
                    continue
                decoded += [frame.pts for frame in frames if usable and _is_intact(frame, size)]
    except DAMAGED_VIDEO as error:
        reason = f"{type(error).__name__}: {error}"
    lost = np.setdiff1d(numbers, np.round(_in_frames(decoded, tick, video)).astype(np.int64))
    for episode, count in _episodes_with(video, lost):
        problems.add(video.name, "undecodable", reason, [episode], count)


def _in_frames(times: list[int], tick: Fraction | None, video: _VideoFile) -> Float64[np.ndarray, " N"]:
    """Presentation timestamps in frames."""
    return np.array(times, dtype=np.float64) * float((tick or 0) * frame_rate(video.fps))


def _is_intact(frame: VideoFrame, size: tuple[int, int]) -> bool:
    return not frame.is_corrupt and frame.pts is not None and (frame.height, frame.width) == size


def _episodes_with(video: _VideoFile, lost: Int64[np.ndarray, " N"]) -> Iterator[tuple[int, int]]:
    """The episodes that own some of the `lost` images, and how many each owns."""
    ends = np.searchsorted(lost, [video.first, video.first + video.length])
    counts = ends[1] - ends[0]
    return zip(video.episodes[counts > 0].tolist(), counts[counts > 0].tolist(), strict=True)
