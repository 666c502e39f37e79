"""What a world imagined beside what was recorded: videos, a table for the terminal, and a section of the report."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import UInt8
from rich.box import SIMPLE_HEAD
from rich.table import Table

from praxia.studio.charts import Series, line_chart
from praxia.studio.html import Markup, tag
from praxia.studio.mp4 import encode_mp4
from praxia.studio.sources import IMAGINED, ImaginedResults
from praxia.studio.tables import html_table
from praxia.studio.videos import side_by_side

__all__ = ["IMAGINED", "encode_video", "imagined_section", "imagined_table"]

# Small images are enlarged to at least half as many rows.
HEIGHT_PX = 256

SHOWN = {
    "decoded": "what its decoder draws of the imagined latents",
    "nearest": "frames of other episodes, those with the nearest latents, because the world has no decoder",
}
HEADS = ("after", "starts", "latent error", "95% interval", "pixels", "pixels if unchanged")


def encode_video(real: UInt8[np.ndarray, "K Y X 3"], imagined: UInt8[np.ndarray, "K Y X 3"], rate_hz: float) -> bytes:
    """An mp4 of the real future on the left and the imagined one on the right, pixels enlarged by a whole number."""
    factor = max(1, HEIGHT_PX // real.shape[1])
    pairs = [side_by_side(pair) for pair in zip(real, imagined, strict=True)]
    large = [one.repeat(factor, axis=0).repeat(factor, axis=1) for one in pairs]
    odd = [(0, side % 2) for side in large[0].shape[:2]]
    return encode_mp4([np.pad(one, [*odd, (0, 0)], mode="edge") for one in large], rate_hz)


def imagined_table(result: Mapping[str, Any]) -> Table:
    """A row for each number of blocks."""
    table = Table(*HEADS, box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.title = f"imagined beside real, episodes {result['episodes']}"
    table.caption = "latent error: a share of that if nothing changed; pixels: root mean square, out of 255"
    table.title_justify = table.caption_justify = "left"
    for row in _rows(result):
        table.add_row(*row)
    return table


def imagined_section(source: ImaginedResults) -> Markup:
    """Errors over time as a chart and a table, and the videos."""
    result = source.result
    blocks = [one for one in result["blocks"] if one["of_unchanged"] is not None]
    seconds = [one["seconds"] for one in blocks]
    charts = []
    if blocks:
        title = "Error of imagined latents (1: that of the baseline that nothing changes)"
        charts.append(
            line_chart(title, "seconds", [Series("latents", seconds, [one["of_unchanged"] for one in blocks])])
        )
    if blocks and result["decoder_rmse"] is not None:
        lines = {"imagined": "pixel_rmse", "nothing changes": "pixel_rmse_unchanged"}
        series = [Series(label, seconds, [one[name] for one in blocks]) for label, name in lines.items()]
        series.append(Series("the decoder alone", seconds, [result["decoder_rmse"]] * len(blocks)))
        charts.append(line_chart("Error of pixels, root mean square of 255", "seconds", series))
    text = (
        f"Episodes {result['episodes']}, imagined from every frame at a stride of {result['stride']} steps with the"
        " recorded actions."
    )
    if result["shows"] is not None:
        text += f" Left in each video: what was recorded; right: {SHOWN[result['shows']]}."
    columns = [(name, None if at == 0 else "n") for at, name in enumerate(HEADS)]
    table = html_table("Errors by the time that was imagined. Intervals are over episodes.", columns, _rows(result))
    title = tag("h2", "Imagined ", tag("span", source.path.parent.resolve().name, class_="soft"))
    figures = [_figure(source, video) for video in result["videos"]]
    videos = tag("div", tag("article", *figures), class_="videos") if figures else None
    return tag("section", title, tag("p", text), tag("div", *charts, class_="charts"), table, videos)


def _figure(source: ImaginedResults, video: Mapping[str, Any]) -> Markup:
    label = f"episode {video['episode']}, camera {video['camera']}"
    data = b64encode((source.path.parent / video["file"]).read_bytes()).decode()
    player = tag(
        "video",
        src=f"data:video/mp4;base64,{data}",
        controls=True,
        loop=True,
        muted=True,
        playsinline=True,
        preload="metadata",
        aria_label=f"Real and imagined future of {label}",
    )
    return tag("figure", player, tag("figcaption", tag("strong", label)))


def _rows(result: Mapping[str, Any]) -> list[list[str]]:
    return [
        [
            f"{one['seconds']:g} s",
            f"{one['starts']:,}",
            "–" if one["of_unchanged"] is None else f"{one['of_unchanged']:.2%}",
            "–" if one["ci95"] is None else "–".join(f"{value:.2%}" for value in one["ci95"]),
            *("–" if one[name] is None else f"{one[name]:.1f}" for name in ("pixel_rmse", "pixel_rmse_unchanged")),
        ]
        for one in result["blocks"]
    ]
