"""A source of another project -> a data set of ours, read back and compared before it counts."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from praxia.core.errors import PraxiaError, UnknownName
from praxia.core.files import sync_folder
from praxia.data.dataset import Dataset
from praxia.data.finalize import finalize
from praxia.data.layout import committed
from praxia.data.outcomes import outcomes
from praxia.data.recording import begin_recording, recording_lock
from praxia.data.staging import stage_episode
from praxia.data.summary import count_outcomes
from praxia.datatools.exchange.aloha import open_aloha
from praxia.datatools.exchange.diffusion_policy import open_diffusion_policy
from praxia.datatools.exchange.episodes import episode_of
from praxia.datatools.exchange.robomimic import open_robomimic
from praxia.datatools.exchange.source import Choice, ForeignDataset
from praxia.datatools.exchange.verify import verify

__all__ = ["IMPORTERS", "Report", "import_dataset", "open_source"]

# Called with the stage ("import", "verify"), episodes done, episodes planned, and a text for people.
Report = Callable[[str, int, int, str], None]

IMPORTERS: dict[str, Callable[[Path, Choice], ForeignDataset]] = {
    "aloha": open_aloha,
    "robomimic": open_robomimic,
    "diffusion-policy": open_diffusion_policy,
}


def open_source(format: str, path: str | Path, choice: Choice) -> ForeignDataset:
    """Look through a source.

    Raises:
        UnknownName: no such format, or an array, camera or mask that the source does not have.
        DataError: naming the file: not readable, or not laid out as that format is.
        PraxiaError: the source does not say something that must be given; a package that reads it is missing.
    """
    if format not in IMPORTERS:
        raise UnknownName("format", format, IMPORTERS, "praxia data import --help")
    if choice.mask is not None and format != "robomimic":
        raise PraxiaError(f"--mask names a filter key of robomimic; {format} has none")
    return IMPORTERS[format](Path(path), choice)


def import_dataset(
    source: ForeignDataset,
    out: Path,
    *,
    resume: bool = False,
    report: Report = lambda stage, done, planned, text: None,
) -> dict[str, Any]:
    """Bring every episode in, one at a time, and compare the result with the source; `out` appears only after that.

    Until then it is the folder `.NAME.importing` beside `out`; a killed import goes on there with `resume`. Returns
    `{episodes, frames, successes, unknown_outcomes, recovered, assumed, left_out, content_sha256}` and what `verify`
    returns; `successes` and `unknown_outcomes` are those of `summary.info`.

    Raises:
        PraxiaError: `out` holds something, or an unfinished import and `resume` was not asked for, or another process
            imports to it.
        MismatchError: `resume`, but the import was begun with another source or other options.
        DataError: the source cannot be read, or what came out is not what went in. Then nothing is left at `out`.
        RecordingError: the disk is full; whole episodes are kept.
    """
    out = out.absolute()
    folder = out if committed(out) else out.with_name(f".{out.name}.importing")
    with recording_lock(folder):
        if folder != out and out.exists() and not (out.is_dir() and not any(out.iterdir())):
            raise PraxiaError(f"expected an empty or new folder for the data set, got {out} with something in it")
        return _import(source, out, folder, resume, report)


def _import(source: ForeignDataset, out: Path, folder: Path, resume: bool, report: Report) -> dict[str, Any]:
    recovered = begin_recording(folder, source.plan, resume=resume)
    missing = sorted(set(range(len(source))) - set(recovered))
    for done, episode in enumerate(missing, len(recovered) + 1):
        stage_episode(folder, episode, episode_of(source, episode))
        report("import", done, len(source), f"{len(recovered)} episodes recovered" if recovered else "episodes")
    content_sha256 = finalize(folder, source.embodiment, source.plan)
    dataset = Dataset(folder)
    try:
        found = verify(source, dataset, lambda done, planned, text: report("verify", done, planned, text))
    except PraxiaError:
        if folder != out:
            shutil.rmtree(folder)
        raise
    result = {
        "episodes": dataset.num_episodes,
        "frames": dataset.num_frames,
        **count_outcomes(outcomes(dataset)),
        "recovered": len(recovered),
        **found,
        "assumed": {name: text for record in dataset.records for name, text in record["provenance"]["assumed"].items()},
        "left_out": list(source.left_out),
        "content_sha256": content_sha256,
    }
    if folder != out:
        folder.rename(out)
        sync_folder(out.parent)
    return result
