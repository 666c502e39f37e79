"""Videos of evaluated episodes: which episodes, how the videos are made, and how the page shows them."""

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from jaxtyping import UInt8

from praxia.results.rows import Row
from praxia.studio.html import Markup, tag
from praxia.studio.mp4 import encode_mp4
from praxia.studio.replay import VIDEO_PX, EpisodeRow, ReplayedEpisode, ReplayRunner
from praxia.studio.sources import StoredResults

__all__ = [
    "ReplayVideo",
    "draw_by_task",
    "make_episode_videos",
    "make_pair_videos",
    "make_video",
    "paired_figure",
    "select_episodes",
    "side_by_side",
    "video_section",
]

Item = TypeVar("Item")

# The width of the gap between two images side by side; even, as 4:2:0 video needs.
_GAP_PX = 8


@dataclass(frozen=True)
class ReplayVideo:
    """One video of the episodes `rows`, which share a start, side by side from left to right.

    `mp4` plays at the robot's own speed; None if an episode could not be rendered. A shorter episode ends on its last
    image until the longest is over. `mismatches` explain how replays differed from their rows, or why there are none.
    """

    rows: tuple[Row, ...]
    instruction: str
    mp4: bytes | None
    mismatches: tuple[str, ...]


def draw_by_task(items: Sequence[Item], row_of: Callable[[Item], Row]) -> list[Item]:
    """All items in a reproducible random order that takes tasks in turn, so that its first few cover many tasks.

    In every turn tasks with more items come first; within a task items are ordered by start key. `row_of` gives an
    item's row. Start keys are hashes, so the first items are a random draw and not a choice by appearance.
    """
    tasks = [row_of(item).task for item in items]
    by_task = {task: [item for item in items if row_of(item).task == task] for task in dict.fromkeys(tasks)}
    ranked = [
        (turn, -len(members), row_of(item).start, item)
        for members in by_task.values()
        for turn, item in enumerate(sorted(members, key=lambda item: row_of(item).start))
    ]
    return [item for *_, item in sorted(ranked, key=lambda entry: entry[:3])]


def select_episodes(rows: Sequence[Row]) -> list[Row]:
    """One success and one failure per task, where there is one, each with the smallest start key.

    Start keys are hashes, so this is a reproducible random draw and not a choice by appearance.
    """
    selected = []
    for task in dict.fromkeys(row.task for row in rows):
        for status in ("success", "failure"):
            candidates = [row for row in rows if (row.task, row.status) == (task, status)]
            selected += sorted(candidates, key=lambda row: row.start)[:1]
    return selected


def make_video(*replayed: ReplayedEpisode) -> ReplayVideo:
    """One video of replayed episodes from one start."""
    return ReplayVideo(
        tuple(one.episode.row for one in replayed),
        replayed[0].instruction or replayed[-1].instruction,
        _encode(replayed) if all(one.images for one in replayed) else None,
        tuple(one.mismatch for one in replayed if one.mismatch is not None),
    )


def make_episode_videos(results: StoredResults, runner: ReplayRunner) -> list[ReplayVideo]:
    """A video of one success and one failure per task."""
    selected = [EpisodeRow(results, row) for row in select_episodes(results.rows)]
    videos = {index: make_video(one) for index, one in runner.replay(selected, images=True)}
    return [videos[index] for index in sorted(videos)]


def make_pair_videos(pairs: Sequence[tuple[EpisodeRow, EpisodeRow]], runner: ReplayRunner) -> list[ReplayVideo]:
    """One video per pair of episodes from the same start, side by side."""
    videos = {index: make_video(*pair) for index, pair in runner.replay_pairs(pairs, images=True)}
    return [videos[index] for index in sorted(videos)]


def video_section(videos: Sequence[ReplayVideo]) -> Markup:
    """All videos of single episodes, grouped by task."""
    tasks = dict.fromkeys(video.rows[0].task for video in videos)
    articles = [_task(task, [video for video in videos if video.rows[0].task == task]) for task in tasks]
    text = (
        "One success and one failure per task, where there is one: the episode whose start has the smallest hash, not "
        "the one that looks best. Each video replays the stored actions from the stored start, at the robot's own "
        "speed; the replay ended as the results say unless a red line says otherwise."
    )
    return tag("section", tag("h2", "Videos"), tag("p", text, class_="soft"), tag("div", *articles, class_="videos"))


def paired_figure(video: ReplayVideo, names: tuple[str, str], lines: Sequence[object] = ()) -> Markup:
    """A video of two policies with these `names`, above the outcomes of both episodes and further `lines`."""
    outcomes = [
        (f"{name}: {text}", class_) for name, (text, class_) in zip(names, map(_outcome, video.rows), strict=True)
    ]
    sides = [tag("span", text, class_=class_) for text, class_ in outcomes]
    return _figure(video, [tag("span", *sides, class_="sides"), *lines], "; ".join(text for text, _ in outcomes))


def _encode(replayed: Sequence[ReplayedEpisode]) -> bytes:
    longest = max(len(one.images) for one in replayed)
    padded = [[*one.images, *[one.images[-1]] * (longest - len(one.images))] for one in replayed]
    return encode_mp4([side_by_side(images) for images in zip(*padded, strict=True)], replayed[0].image_hz)


def side_by_side(images: Sequence[UInt8[np.ndarray, "Y X 3"]]) -> UInt8[np.ndarray, "Y W 3"]:
    """Images of one size in a row, with white gaps."""
    gap = np.full((len(images[0]), _GAP_PX, 3), 255, np.uint8)
    columns = [column for image in images for column in (gap, image)]
    return np.concatenate(columns[1:], axis=1)


def _task(task: str, videos: Sequence[ReplayVideo]) -> Markup:
    return tag("article", *(_single_figure(video) for video in videos), aria_label=task)


def _single_figure(video: ReplayVideo) -> Markup:
    text, class_ = _outcome(video.rows[0])
    return _figure(video, [tag("span", text, class_=class_)], text)


def _figure(video: ReplayVideo, lines: Sequence[object], label: str) -> Markup:
    """A video above its task, `lines` about its episodes, the instruction, the start and its mismatches.

    `label` describes the video for screen readers.
    """
    row = video.rows[0]
    caption = [
        tag("strong", row.task),
        *lines,
        tag("q", video.instruction) if video.instruction else None,
        tag("span", "start ", tag("code", row.start), class_="soft"),
        *(tag("span", text, class_="warning bad", role="note") for text in video.mismatches),
    ]
    return tag("figure", _video(video, f"{row.task}: {label}"), tag("figcaption", *caption))


def _outcome(row: Row) -> tuple[str, str]:
    """How an episode ended, and the CSS class for it: "good" or "bad"."""
    if row.status == "success":
        return f"success after {row.success_step} steps", "good"
    return f"{row.status}, {row.steps} steps", "bad"


def _video(video: ReplayVideo, label: str) -> Markup:
    if video.mp4 is None:
        return tag("p", "No video.", class_="soft")
    source = f"data:video/mp4;base64,{b64encode(video.mp4).decode()}"
    return tag(
        "video",
        src=source,
        controls=True,
        loop=True,
        muted=True,
        playsinline=True,
        preload="metadata",
        width=VIDEO_PX * len(video.rows),
        height=VIDEO_PX,
        aria_label=f"Video of {label}. Instruction: {video.instruction}",
    )
