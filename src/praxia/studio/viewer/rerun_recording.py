"""Episodes as a recording for rerun's viewer (https://rerun.io)."""

import importlib.util
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from praxia.core.errors import MissingPackage, PraxiaError
from praxia.core.files import staged_file
from praxia.data.dataset import Dataset
from praxia.studio.viewer.plots import FieldPlot, plots_of

__all__ = ["require_rerun", "write_rerun"]

_DECODED_AT_ONCE = 64


def require_rerun() -> None:
    """Check that rerun is installed.

    Raises:
        MissingPackage: it is not; the message has the command that installs it.
    """
    if importlib.util.find_spec("rerun") is None:
        raise MissingPackage("a rerun recording", "rerun-sdk", "rerun")


def write_rerun(
    dataset: Dataset,
    out: Path,
    cameras: Sequence[str],
    episodes: Sequence[int],
    report: Callable[[int, int, str], None] = lambda done, planned, text: None,
) -> None:
    """Write `out` atomically: below episode_N one entity per camera and field, and the instruction.

    Every episode begins at 0 on the timelines "frame" and "time", and has its own tab. Images are high-quality JPEG at
    their recorded size; numbers are as in the data set. `report` receives the number of finished episodes, the planned
    number, and a short text.

    Raises:
        PraxiaError: rerun is not installed, `out` lies within the data set, or another process is writing it.
        DataError: a file of the data set cannot be read.
    """
    require_rerun()
    import rerun as rr

    if dataset.root.resolve() in out.resolve().parents:
        raise PraxiaError(f"expected --rerun outside the data set {dataset.root}, got {out}")
    plots = plots_of(dataset)
    out.parent.mkdir(parents=True, exist_ok=True)
    # Without properties, which would contain the time of creation.
    stream = rr.RecordingStream("praxia", recording_id=dataset.root.resolve().name, send_properties=False)
    with staged_file(out) as partial:
        try:
            stream.save(partial, default_blueprint=_layout(dataset, plots, cameras, episodes))
            for number, episode in enumerate(episodes):
                report(number, len(episodes), f"episode {episode}")
                _write(stream, dataset, plots, cameras, episode)
            report(len(episodes), len(episodes), "writing")
        finally:
            stream.disconnect()


def _write(stream: Any, dataset: Dataset, plots: Sequence[FieldPlot], cameras: Sequence[str], episode: int) -> None:
    import rerun as rr

    first, length = int(dataset.episodes.first[episode]), int(dataset.episodes.length[episode])
    name = _entity(episode)
    stream.log(f"{name}/instruction", rr.TextDocument(dataset.episodes.instruction[episode]), static=True)
    for plot in plots:
        path = f"{name}/{_path(plot)}"
        stream.log(path, rr.SeriesLines(names=list(plot.names)), static=True)
        values = plot.rows(dataset)[first : first + length].astype(np.float64)
        stream.send_columns(path, _times(np.arange(length), dataset.fps), rr.Scalars.columns(scalars=values))
    for camera in cameras:
        for start in range(0, length, _DECODED_AT_ONCE):
            steps = np.arange(start, min(start + _DECODED_AT_ONCE, length))
            images = [_jpeg(image) for image in dataset.decode(camera, first + steps)]
            columns = rr.EncodedImage.columns(blob=images, media_type=["image/jpeg"] * len(images))
            stream.send_columns(f"{name}/camera/{camera}", _times(steps, dataset.fps), columns)


def _layout(dataset: Dataset, plots: Sequence[FieldPlot], cameras: Sequence[str], episodes: Sequence[int]) -> Any:
    """One tab per episode: the instruction, its cameras side by side, and one plot per field."""
    import rerun.blueprint as rb

    tabs = []
    for episode in episodes:
        name = _entity(episode)
        camera_views = [rb.Spatial2DView(origin=f"{name}/camera/{camera}", name=camera) for camera in cameras]
        plot_views = [rb.TimeSeriesView(origin=f"{name}/{_path(plot)}", name=_title(plot)) for plot in plots]
        instruction = rb.TextDocumentView(origin=f"{name}/instruction", name="instruction")
        rows = [instruction, *([rb.Horizontal(*camera_views)] if camera_views else []), rb.Grid(*plot_views)]
        shares = [1, *([4] if camera_views else []), 6]
        tabs.append(rb.Vertical(*rows, row_shares=shares, name=f"episode {episode}"))
    return rb.Blueprint(rb.Tabs(*tabs), collapse_panels=True)


def _entity(episode: int) -> str:
    return f"episode_{episode}"


def _path(plot: FieldPlot) -> str:
    return plot.group if plot.field.name == plot.group else f"{plot.group}/{plot.field.name}"


def _title(plot: FieldPlot) -> str:
    return f"{_path(plot)} [{plot.unit}]" if plot.unit else _path(plot)


def _times(steps: np.ndarray, fps: float) -> list[Any]:
    import rerun as rr

    return [rr.TimeColumn("frame", sequence=steps), rr.TimeColumn("time", duration=steps / fps)]


def _jpeg(image: UInt8[np.ndarray, "Y X 3"]) -> bytes:
    target = io.BytesIO()
    Image.fromarray(image).save(target, "JPEG", quality=85, subsampling=0)
    return target.getvalue()
