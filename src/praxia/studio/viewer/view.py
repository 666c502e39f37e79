"""The door: a data set -> a page of some of its episodes."""

import io
from base64 import b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from praxia.core.errors import PraxiaError
from praxia.core.files import write_whole
from praxia.data.dataset import Dataset
from praxia.data.summary import outcomes
from praxia.studio.pages import expect_room
from praxia.studio.viewer.page import Shown, page
from praxia.studio.viewer.plots import Plot, numbers, plots_of, successes
from praxia.studio.viewer.reel import Reel

__all__ = ["view"]

_FIRST_EPISODES = 5
_MOST_BYTES = 30_000_000
_THUMBNAIL_PX = 112


def view(
    dataset: Dataset,
    out: Path,
    cameras: Sequence[str],
    episodes: Sequence[int] | None = None,
    report: Callable[[int, int, str], None] = lambda done, planned, text: None,
) -> list[int]:
    """Write the page at `out`, whole or not at all, and return the episodes on it.

    `episodes` None: the first five, or fewer, but at least one, where the page would come to more than 30 MB. `report`
    is called with how many are done of how many, and a word on it.

    Raises:
        PraxiaError: `out` lies within the data set, or something is there that is no page.
        DataError: a file of the data set that cannot be read.
    """
    if dataset.root.resolve() in out.resolve().parents:
        raise PraxiaError(f"expected --out outside the data set {dataset.root}, got {out}")
    expect_room(out)
    plots, reached = plots_of(dataset), outcomes(dataset)
    known = {camera.name: camera for camera in dataset.embodiment.cameras}
    reel = Reel(tuple(known[name] for name in cameras)) if cameras else None
    asked = list(episodes if episodes is not None else range(min(_FIRST_EPISODES, dataset.num_episodes)))
    shown: list[Shown] = []
    size = 0
    for episode in asked:
        report(len(shown), len(asked), f"episode {episode}")
        one = _shown(dataset, episode, reached[episode], plots, reel)
        size += _size(one)
        if episodes is None and shown and size > _MOST_BYTES:
            break
        shown.append(one)
    report(len(shown), len(asked), "writing")
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, page(dataset, shown, plots, reel))
    return asked[: len(shown)]


def _shown(dataset: Dataset, episode: int, success: bool | None, plots: Sequence[Plot], reel: Reel | None) -> Shown:
    about: dict[str, Any] = {
        "index": episode,
        "task": dataset.episodes.task[episode],
        "instruction": dataset.episodes.instruction[episode],
        "length": int(dataset.episodes.length[episode]),
        "success": success,
        "successes": None if success is None else successes(dataset, episode),
        "thumbnail": reel and _thumbnail(dataset, episode, reel.cameras[0].name),
        "numbers": numbers(dataset, plots, episode),
    }
    return Shown(about, reel and reel.video(dataset, episode))


def _thumbnail(dataset: Dataset, episode: int, camera: str) -> str:
    """The image in the middle of the episode, by which it differs from others more than by its first."""
    middle = dataset.episodes.first[episode] + dataset.episodes.length[episode] // 2
    image = Image.fromarray(dataset.decode(camera, np.array([middle]))[0])
    image.thumbnail((_THUMBNAIL_PX, _THUMBNAIL_PX))
    target = io.BytesIO()
    image.save(target, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{b64encode(target.getvalue()).decode()}"


def _size(one: Shown) -> int:
    """About how many bytes an episode adds to the page."""
    texts = [*one.about["numbers"].values(), one.about["thumbnail"] or ""]
    return len(one.mp4 or b"") * 4 // 3 + sum(map(len, texts))
