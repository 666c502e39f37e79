"""`praxia data view DIR`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from praxia.cli.arguments import parse
from praxia.studio.console import STDERR, counting

__all__ = ["run"]


@dataclass(frozen=True)
class ViewArguments:
    """Write a self-contained HTML page of a data set's episodes: synchronized images, actions and states."""

    root: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DIR")]
    """The data set's folder."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="PAGE")] = None
    """The page to write. Default: the data set's name with .html, in the current folder."""
    episodes: Annotated[str | None, tyro.conf.arg(metavar="LIST")] = None
    """Such as 0-4 or 3,7,10-12. Default: the first five, or as many of them as fit into a page of 30 MB."""
    cameras: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME [NAME ...]")] = ()
    """Cameras to show. Default: all."""
    rerun: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Also write the same episodes as a rerun recording (.rrd). Needs `pip install 'praxia[rerun]'`."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Write the page; returns where it is and what is on it."""
    options = parse(ViewArguments, arguments, "praxia data view", example="praxia data view my/dataset --episodes 0-4")

    from praxia.data.dataset import Dataset
    from praxia.data.episode import parse_episodes
    from praxia.studio.viewer.rerun_recording import require_rerun, write_rerun
    from praxia.studio.viewer.view import select_cameras, write_viewer

    if options.rerun is not None:
        require_rerun()
    dataset = Dataset(options.root)
    cameras = select_cameras(dataset, options.cameras)
    requested = None if options.episodes is None else parse_episodes(options.episodes, dataset.num_episodes)
    out = options.out or Path(f"{dataset.root.resolve().name}.html")
    with counting("page") as report:
        episodes = write_viewer(dataset, out, cameras, requested, report)
    if options.rerun is not None:
        with counting("rerun") as report:
            write_rerun(dataset, options.rerun, cameras, episodes, report)
    result = {
        "page": str(out),
        "bytes": out.stat().st_size,
        "episodes": episodes,
        "episodes_in_all": dataset.num_episodes,
        "frames": int(dataset.episodes.length[episodes].sum()),
        "cameras": list(cameras),
        "rerun": None if options.rerun is None else str(options.rerun),
    }
    others = "" if len(episodes) == dataset.num_episodes else "; others with --episodes, such as 3,7,10-12"
    text = f"{len(episodes)} of {dataset.num_episodes} episodes, {result['bytes'] / 1e6:.1f} MB{others}"
    STDERR.print(text, highlight=False, markup=False)
    if not options.json:
        print(out)
    return result
