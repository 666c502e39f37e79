"""The HTML of the viewer's page: one self-contained file."""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from shlex import quote
from typing import Any

from praxia.data.dataset import Dataset
from praxia.studio.html import Markup, tag
from praxia.studio.viewer.episode_video import VideoLayout
from praxia.studio.viewer.overview import overview_section
from praxia.studio.viewer.plots import FieldPlot, incomplete_features

__all__ = ["PageEpisode", "render_viewer"]

_SCRIPTS = ("list.js", "video.js", "plots.js", "viewer.js")


@dataclass(frozen=True)
class PageEpisode:
    """One episode on the page: the values for `viewer.js`, and its video, None in a data set without cameras."""

    about: Mapping[str, Any]
    mp4: bytes | None


def render_viewer(
    dataset: Dataset, shown: Sequence[PageEpisode], plots: Sequence[FieldPlot], layout: VideoLayout | None
) -> str:
    """The HTML of the given episodes, and of the overview of the whole data set."""
    command = f"praxia data view {quote(str(dataset.root))}"
    contents = {
        "fps": dataset.fps,
        "command": command,
        "video": layout and layout.to_json(),
        "plots": [plot.to_json(dataset) for plot in plots],
        "episodes": [one.about for one in shown],
    }
    videos = [_inert(f"video-{one.about['index']}", b64encode(one.mp4).decode()) for one in shown if one.mp4]
    script = "\n".join(_resource(name) for name in _SCRIPTS)
    title = f"{dataset.root.resolve().name}: {len(shown):,} of {dataset.num_episodes:,} episodes"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_content_security(script)),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Markup(files("praxia.studio").joinpath("style.css").read_text() + _resource("viewer.css"))),
    )
    main = tag("main", _header(dataset, shown, command), _viewer(shown), overview_section(dataset, plots))
    data = [_inert("contents", json.dumps(contents, allow_nan=False)), *videos]
    body = tag("body", main, *data, tag("script", Markup(script)))
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _content_security(script: str) -> str:
    """The browser itself refuses every request, and every script but ours, whatever text the data set contains."""
    digest = b64encode(sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; media-src blob:; img-src data:"
    )


def _inert(name: str, text: str) -> Markup:
    """Data that a script finds by its id. No text in it can close the element."""
    return tag("script", Markup(text.replace("<", "\\u003c")), type="application/json", id=name)


def _resource(name: str) -> str:
    return files("praxia.studio.viewer").joinpath(name).read_text()


def _header(dataset: Dataset, shown: Sequence[PageEpisode], command: str) -> Markup:
    about = (
        f"{dataset.num_episodes:,} episodes, {dataset.num_frames:,} frames at {dataset.fps:g} Hz; "
        f"robot {dataset.embodiment.name}."
    )
    others = None
    if len(shown) < dataset.num_episodes:
        after = (max(one.about["index"] for one in shown) + 1) % dataset.num_episodes
        range_of_others = f"--episodes {after}-{min(after + 4, dataset.num_episodes - 1)}"
        text = f" {len(shown):,} of them are on this page; others: "
        others = tag("span", text, tag("code", f"{command} {range_of_others}"), class_="soft")
    omitted = [f"{name}, which has missing or non-finite numbers" for name in incomplete_features(dataset)]
    omitted += [f"{key}, which is {what}" for key, what in dataset.unsupported_images.items()]
    note = tag("p", f"Not shown: {'; '.join(omitted)}.", class_="soft") if omitted else None
    return tag("header", tag("h1", dataset.root.resolve().name), tag("p", about, others), note)


def _viewer(shown: Sequence[PageEpisode]) -> Markup:
    outcomes = None
    if any(one.about["success"] is not None for one in shown):
        options = [tag("option", name, value=name) for name in ("all", "success", "failure")]
        outcomes = tag("label", "outcome ", tag("select", *options, id="outcome"))
    episode_list = tag(
        "nav",
        tag("input", type="search", id="filter", placeholder="filter by text or #number", aria_label="filter episodes"),
        outcomes,
        tag("div", id="episodes"),
        tag("p", "No matching episode.", id="no-match", class_="soft", hidden=True),
        id="list",
        aria_label="episodes",
    )
    player = tag(
        "div",
        tag("p", id="instruction"),
        tag("p", id="about"),
        tag("p", id="message", class_="warning", role="status"),
        tag("div", id="cameras"),
        _controls(),
        tag("div", id="plots"),
        _help(),
    )
    return tag("div", episode_list, player, id="viewer")


def _controls() -> Markup:
    return tag(
        "div",
        tag("button", "‹", type="button", id="back", aria_label="one frame back"),
        tag("button", "Play", type="button", id="play"),
        tag("button", "›", type="button", id="forward", aria_label="one frame forward"),
        tag("select", id="speed", aria_label="speed"),
        tag("span", id="frame"),
        tag("span", id="time", class_="soft"),
        tag("span", id="hovered"),
        tag("input", type="range", id="scrubber", min=0, value=0, step=1, aria_label="frame"),
        tag("div", id="successes", title="green: the step was a success"),
        id="controls",
    )


def _help() -> Markup:
    keys = [("space", "play or pause"), ("← →", "one frame, ten with shift"), ("↑ ↓", "previous and next episode")]
    keys += [("home end", "first and last frame")]
    shown = [part for key, text in keys for part in (tag("kbd", key), f" {text}; ")]
    text = "click in a plot to go there, click on a dim to hide it. The shaded area is the declared range."
    return tag("p", *shown, text, id="help")
