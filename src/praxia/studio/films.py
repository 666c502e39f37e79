"""The films on the page: for each task a success and a failure."""

from base64 import b64encode
from collections.abc import Sequence

from praxia.studio.film import Film
from praxia.studio.markup import Markup, tag

__all__ = ["film_wall"]


def film_wall(films: Sequence[Film]) -> Markup:
    """All films, task after task."""
    tasks = dict.fromkeys(film.row.task for film in films)
    articles = [_task(task, [film for film in films if film.row.task == task]) for task in tasks]
    text = (
        "One success and one failure of each task, where there is one: those whose start has the smallest hash, not "
        "those that look best. Made by executing the stored actions again from the stored start, at the robot's own "
        "speed; each repetition ended as its row says unless a red line says otherwise."
    )
    return tag("section", tag("h2", "Films"), tag("p", text, class_="soft"), tag("div", *articles, class_="films"))


def _task(task: str, films: Sequence[Film]) -> Markup:
    return tag("article", *(_figure(film) for film in films), aria_label=task)


def _figure(film: Film) -> Markup:
    row = film.row
    succeeded = row.status == "success"
    outcome = f"success after {row.success_step} steps" if succeeded else f"failure, {row.steps} steps"
    caption = [
        tag("strong", row.task),
        tag("span", outcome, class_="good" if succeeded else "bad"),
        tag("q", film.instruction) if film.instruction else None,
        tag("span", "start ", tag("code", row.start), class_="soft"),
        tag("span", film.mismatch, class_="warning bad", role="note") if film.mismatch else None,
    ]
    return tag("figure", _video(film, f"{row.task}: {outcome}"), tag("figcaption", *caption))


def _video(film: Film, label: str) -> Markup:
    if film.mp4 is None:
        return tag("p", "No film.", class_="soft")
    source = f"data:video/mp4;base64,{b64encode(film.mp4).decode()}"
    return tag(
        "video",
        src=source,
        controls=True,
        loop=True,
        muted=True,
        playsinline=True,
        preload="metadata",
        width=256,
        height=256,
        aria_label=f"Film of {label}. Instruction: {film.instruction}",
    )
