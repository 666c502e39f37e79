"""A data set of ours -> the HDF5 of other projects."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from praxia.core.errors import PraxiaError, UnknownName
from praxia.core.files import sweep
from praxia.data.dataset import Dataset
from praxia.datatools.exchange.aloha import write_aloha
from praxia.datatools.exchange.episodes import Exported, Report
from praxia.datatools.exchange.robomimic import write_robomimic

__all__ = ["EXPORTERS", "export"]

EXPORTERS: dict[str, Callable[[Dataset, Path, Report], Exported]] = {
    "robomimic": write_robomimic,
    "aloha": write_aloha,
}


def export(
    root: str | Path,
    format: str,
    target: Path,
    report: Report = lambda done, planned, text: None,
) -> dict[str, Any]:
    """Write the data set at `root` to `target`, a file (robomimic) or a folder (aloha), whole or not at all.

    Returns `{episodes, frames, lost, filled}`: what the format has no place for, and what it needs that the data set
    does not have, with what was written instead. Both formats keep numbers to the bit and the decoded images.
    `robomimic` comes back through `praxia data import` as the same numbers, embodiment, instructions and outcomes; `aloha` as
    the same states, actions and images.

    Raises:
        UnknownName: no such format.
        PraxiaError: something is at `target`, another process is writing it, or h5py is not installed.
        DataError: a file of the data set that cannot be read.
    """
    if format not in EXPORTERS:
        raise UnknownName("format", format, EXPORTERS, "praxia data export --help")
    if target.exists():
        raise PraxiaError(f"{target} is there already; choose another --out")
    dataset = Dataset(root)
    target.absolute().parent.mkdir(parents=True, exist_ok=True)
    sweep(target.absolute().parent, target.name)
    found = EXPORTERS[format](dataset, target.absolute(), report)
    return {
        "episodes": dataset.num_episodes,
        "frames": dataset.num_frames,
        "lost": [*found.lost, *(f"{key} ({what})" for key, what in dataset.left_out.items())],
        "filled": dict(found.filled),
    }
