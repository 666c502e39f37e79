"""Exports a data set to the HDF5 of other projects."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from praxia.core.errors import PraxiaError, UnknownName
from praxia.core.files import remove_leftovers
from praxia.data.dataset import Dataset
from praxia.datatools.exchange.aloha_export import write_aloha
from praxia.datatools.exchange.episodes import ExportProgress, ExportResult
from praxia.datatools.exchange.robomimic_export import write_robomimic

__all__ = ["EXPORTERS", "export"]

EXPORTERS: dict[str, Callable[[Dataset, Path, ExportProgress], ExportResult]] = {
    "robomimic": write_robomimic,
    "aloha": write_aloha,
}


def export(
    root: str | Path,
    format: str,
    target: Path,
    report: ExportProgress = lambda done, planned, text: None,
) -> dict[str, Any]:
    """Write the data set at `root` to `target`, a file (robomimic) or a folder (aloha), completely or not at all.

    Returns `{episodes, frames, lost, filled}`: what has no counterpart in the format, and what the format needs but the
    data set lacks, with what was written instead. Both formats keep exact numbers and the decoded images. `praxia data
    import` reads `robomimic` back with the same numbers, embodiment, instructions and outcomes, and `aloha` with the
    same states, actions and images.

    Raises:
        UnknownName: no such format.
        PraxiaError: `target` exists, another process is writing it, or h5py is not installed.
        DataError: a file of the data set that cannot be read.
    """
    if format not in EXPORTERS:
        raise UnknownName("format", format, EXPORTERS, "praxia data export --help")
    if target.exists():
        raise PraxiaError(f"{target} already exists; choose another --out")
    dataset = Dataset(root)
    target.absolute().parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(target.absolute().parent, target.name)
    found = EXPORTERS[format](dataset, target.absolute(), report)
    return {
        "episodes": dataset.num_episodes,
        "frames": dataset.num_frames,
        "lost": [*found.lost, *(f"{key} ({what})" for key, what in dataset.unsupported_images.items())],
        "filled": dict(found.filled),
    }
