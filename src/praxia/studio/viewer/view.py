"""Write the page of a data set's episodes."""

import io
from base64 import b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from praxia.core.errors import PraxiaError, UnknownName
from praxia.core.files import write_atomic
from praxia.data.dataset import Dataset
from praxia.data.summary import outcomes
from praxia.studio.html import check_page_path
from praxia.studio.viewer.episode_video import VideoLayout
from praxia.studio.viewer.page import PageEpisode, render_viewer
from praxia.studio.viewer.plots import FieldPlot, encode_numbers, plots_of, success_frames

__all__ = ["select_cameras", "write_viewer"]

_DEFAULT_EPISODES = 5
_MAX_BYTES = 30_000_000
_THUMBNAIL_PX = 112


def select_cameras(dataset: Dataset, names: Sequence[str]) -> tuple[str, ...]:
    """The named cameras without duplicates, or all cameras if no name is given.

    Raises:
        UnknownName: the data set has no camera of this name.
    """
    for name in names:
        if name not in dataset.cameras:
            raise UnknownName("camera", name, dataset.cameras, f"praxia data info {dataset.root}")
    return tuple(dict.fromkeys(names)) or dataset.cameras


def write_viewer(
    dataset: Dataset,
    out: Path,
    cameras: Sequence[str],
    episodes: Sequence[int] | None = None,
    report: Callable[[int, int, str], None] = lambda done, planned, text: None,
) -> list[int]:
    """Write the page to `out` atomically and return the episodes on it.

    With `episodes` None these are the first five, or fewer (at least one) if the page would exceed 30 MB. `report`
    receives the number of finished episodes, the planned number, and a short text.

    Raises:
        PraxiaError: `out` lies within the data set, or is a file that is not a page.
        DataError: a file of the data set cannot be read.
    """
    if dataset.root.resolve() in out.resolve().parents:
        raise PraxiaError(f"expected --out outside the data set {dataset.root}, got {out}")
    check_page_path(out)
    plots, reached = plots_of(dataset), outcomes(dataset)
    known = {camera.name: camera for camera in dataset.embodiment.cameras}
    layout = VideoLayout(tuple(known[name] for name in cameras)) if cameras else None
    planned = list(episodes if episodes is not None else range(min(_DEFAULT_EPISODES, dataset.num_episodes)))
    shown: list[PageEpisode] = []
    size = 0
    for episode in planned:
        report(len(shown), len(planned), f"episode {episode}")
        one = _page_episode(dataset, episode, reached[episode], plots, layout)
        size += _size(one)
        if episodes is None and shown and size > _MAX_BYTES:
            break
        shown.append(one)
    report(len(shown), len(planned), "writing")
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(out, render_viewer(dataset, shown, plots, layout))
    return planned[: len(shown)]


def _page_episode(
    dataset: Dataset, episode: int, success: bool | None, plots: Sequence[FieldPlot], layout: VideoLayout | None
) -> PageEpisode:
    about: dict[str, Any] = {
        "index": episode,
        "task": dataset.episodes.task[episode],
        "instruction": dataset.episodes.instruction[episode],
        "length": int(dataset.episodes.length[episode]),
        "success": success,
        "successes": None if success is None else success_frames(dataset, episode),
        "thumbnail": layout and _thumbnail(dataset, episode, layout.cameras[0].name),
        "numbers": encode_numbers(dataset, plots, episode),
    }
    return PageEpisode(about, layout and layout.video(dataset, episode))


def _thumbnail(dataset: Dataset, episode: int, camera: str) -> str:
    """The image in the middle of the episode: first images are often alike."""
    middle = dataset.episodes.first[episode] + dataset.episodes.length[episode] // 2
    image = Image.fromarray(dataset.decode(camera, np.array([middle]))[0])
    image.thumbnail((_THUMBNAIL_PX, _THUMBNAIL_PX))
    target = io.BytesIO()
    image.save(target, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{b64encode(target.getvalue()).decode()}"


def _size(one: PageEpisode) -> int:
    """The approximate number of bytes that an episode adds to the page."""
    texts = [*one.about["numbers"].values(), one.about["thumbnail"] or ""]
    return len(one.mp4 or b"") * 4 // 3 + sum(map(len, texts))
