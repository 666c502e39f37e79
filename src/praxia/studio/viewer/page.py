"""The viewer's page: one HTML file that asks for nothing else."""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from shlex import quote
from typing import Any

from praxia.data.dataset import Dataset
from praxia.studio.markup import Markup, tag
from praxia.studio.viewer.overview import overview
from praxia.studio.viewer.plots import Plot, not_drawn
from praxia.studio.viewer.reel import Reel

__all__ = ["Shown", "page"]

_SCRIPTS = ("list.js", "film.js", "plots.js", "viewer.js")


@dataclass(frozen=True)
class Shown:
    """One episode as the page holds it: what `viewer.js` is told, and its film, None in a data set without cameras."""

    about: Mapping[str, Any]
    mp4: bytes | None


def page(dataset: Dataset, shown: Sequence[Shown], plots: Sequence[Plot], reel: Reel | None) -> str:
    """The HTML of the given episodes, and of the overview of all."""
    command = f"praxia data view {quote(str(dataset.root))}"
    contents = {
        "fps": dataset.fps,
        "command": command,
        "film": reel and reel.to_json(),
        "plots": [plot.to_json(dataset) for plot in plots],
        "episodes": [one.about for one in shown],
    }
    videos = [_inert(f"film-{one.about['index']}", b64encode(one.mp4).decode()) for one in shown if one.mp4]
    script = "\n".join(_resource(name) for name in _SCRIPTS)
    title = f"{dataset.root.resolve().name}: {len(shown):,} of {dataset.num_episodes:,} episodes"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(script)),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Markup(files("praxia.studio").joinpath("style.css").read_text() + _resource("viewer.css"))),
    )
    main = tag("main", _header(dataset, shown, command), _viewer(shown), overview(dataset, plots))
    data = [_inert("contents", json.dumps(contents, allow_nan=False)), *videos]
    embodiment = tag("body", main, *data, tag("script", Markup(script)))
    return f"<!DOCTYPE html>\n{tag('html', head, embodiment, lang='en')}\n"


def _policy(script: str) -> str:
    """The browser itself refuses every request, and every script but ours, whatever a data set's text may hold."""
    digest = b64encode(sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; media-src blob:; img-src data:"
    )


def _inert(name: str, text: str) -> Markup:
    """Text that a script finds by its id. Nothing in it can end the element."""
    return tag("script", Markup(text.replace("<", "\\u003c")), type="application/json", id=name)


def _resource(name: str) -> str:
    return files("praxia.studio.viewer").joinpath(name).read_text()


def _header(dataset: Dataset, shown: Sequence[Shown], command: str) -> Markup:
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
    absent = [f"{name}, of which not all numbers are there and finite" for name in not_drawn(dataset)]
    absent += [f"{key}, which is {what}" for key, what in dataset.unsupported_images.items()]
    without = tag("p", f"Not shown: {'; '.join(absent)}.", class_="soft") if absent else None
    return tag("header", tag("h1", dataset.root.resolve().name), tag("p", about, others), without)


def _viewer(shown: Sequence[Shown]) -> Markup:
    outcomes = None
    if any(one.about["success"] is not None for one in shown):
        options = [tag("option", name, value=name) for name in ("all", "success", "failure")]
        outcomes = tag("label", "outcome ", tag("select", *options, id="outcome"))
    listed = tag(
        "nav",
        tag("input", type="search", id="filter", placeholder="filter by text or #number", aria_label="filter episodes"),
        outcomes,
        tag("div", id="episodes"),
        tag("p", "No episode fits.", id="none", class_="soft", hidden=True),
        id="list",
        aria_label="episodes",
    )
    shown_here = tag(
        "div",
        tag("p", id="instruction"),
        tag("p", id="about"),
        tag("p", id="said", class_="warning", role="status"),
        tag("div", id="cameras"),
        _controls(),
        tag("div", id="plots"),
        _help(),
    )
    return tag("div", listed, shown_here, id="viewer")


def _controls() -> Markup:
    return tag(
        "div",
        tag("button", "‹", type="button", id="back", aria_label="one frame back"),
        tag("button", "Play", type="button", id="play"),
        tag("button", "›", type="button", id="on", aria_label="one frame on"),
        tag("select", id="speed", aria_label="speed"),
        tag("span", id="frame"),
        tag("span", id="time", class_="soft"),
        tag("span", id="hovered"),
        tag("input", type="range", id="scrubber", min=0, value=0, step=1, aria_label="frame"),
        tag("div", id="successes", title="green: the step was a success"),
        id="controls",
    )


def _help() -> Markup:
    keys = [("space", "play or pause"), ("← →", "one frame, with shift ten"), ("↑ ↓", "previous and next episode")]
    keys += [("home end", "first and last frame")]
    shown = [part for key, text in keys for part in (tag("kbd", key), f" {text}; ")]
    text = "a click in a plot goes there, a click on a dim hides it. Pale ground is the declared range."
    return tag("p", *shown, text, id="help")
