"""Films on the page: for each task a success and a failure, and the frame that every film has."""

from base64 import b64encode
from collections.abc import Sequence

from praxia.results.rows import Row
from praxia.studio.markup import Markup, tag
from praxia.studio.repetition import VIDEO_PX
from praxia.studio.videos import Video

__all__ = ["side_by_side", "video_wall"]


def video_wall(videos: Sequence[Video]) -> Markup:
    """All films, task after task."""
    tasks = dict.fromkeys(video.rows[0].task for video in videos)
    articles = [_task(task, [video for video in videos if video.rows[0].task == task]) for task in tasks]
    text = (
        "One success and one failure of each task, where there is one: those whose start has the smallest hash, not "
        "those that look best. Made by executing the stored actions again from the stored start, at the robot's own "
        "speed; each repetition ended as its row says unless a red line says otherwise."
    )
    return tag("section", tag("h2", "Films"), tag("p", text, class_="soft"), tag("div", *articles, class_="films"))


def side_by_side(video: Video, names: tuple[str, str], lines: Sequence[object] = ()) -> Markup:
    """A film of two episodes, which policies of these `names` made, over what became of both and more `lines`."""
    said = [(f"{name}: {text}", class_) for name, (text, class_) in zip(names, map(_outcome, video.rows), strict=True)]
    sides = [tag("span", text, class_=class_) for text, class_ in said]
    return _figure(video, [tag("span", *sides, class_="sides"), *lines], "; ".join(text for text, _ in said))


def _task(task: str, videos: Sequence[Video]) -> Markup:
    return tag("article", *(_single(video) for video in videos), aria_label=task)


def _single(video: Video) -> Markup:
    text, class_ = _outcome(video.rows[0])
    return _figure(video, [tag("span", text, class_=class_)], text)


def _figure(video: Video, lines: Sequence[object], label: str) -> Markup:
    """A film over its task, `lines` of what it shows, the instruction, the start, and what went wrong with it.

    `label` says what it shows to those who cannot see it.
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
    """How an episode ended, and the class of that: "good" or "bad"."""
    if row.status == "success":
        return f"success after {row.success_step} steps", "good"
    return f"{row.status}, {row.steps} steps", "bad"


def _video(video: Video, label: str) -> Markup:
    if video.mp4 is None:
        return tag("p", "No film.", class_="soft")
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
        aria_label=f"Film of {label}. Instruction: {video.instruction}",
    )
