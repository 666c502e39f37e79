"""Imports a source of another project, and compares the result with the source before it counts."""

import math
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from praxia.core.errors import DataError, PraxiaError
from praxia.core.files import sync_folder
from praxia.core.registry import lookup
from praxia.data.dataset import Dataset
from praxia.data.finalize import finalize
from praxia.data.layout import committed
from praxia.data.recording import begin_recording, recording_lock
from praxia.data.staging import stage_episode
from praxia.data.summary import count_outcomes, outcomes
from praxia.datatools.exchange import IMPORTERS
from praxia.datatools.exchange.source import ForeignDataset, ImportOptions, episode_columns, read_episode

__all__ = ["ImportProgress", "import_dataset", "open_source", "verify_import"]

# Called with the stage ("import", "verify"), episodes done, episodes planned, and a message.
ImportProgress = Callable[[str, int, int, str], None]

# Images compared per episode and camera: evenly spaced, including the first and the last.
NUM_SAMPLED = 8
# The quantizer bounds our codec's error: PSNR is above 40 dB even for noise. Below this it is another image.
LOWEST_PSNR_DB = 30.0
SAME_PSNR_DB = 100.0
# In levels: a change that the codec cannot skip, as it may with small changes.
CLEAR_LEVELS = 32


def open_source(format: str, path: str | Path, options: ImportOptions) -> ForeignDataset:
    """Inspect a source.

    Raises:
        UnknownName: no such format, or an array, camera or mask that the source does not have.
        DataError: names the file: unreadable, or not laid out as the format requires.
        PraxiaError: the source does not state something that must be given, or a package that reads it is missing.
    """
    open_format = lookup("importers", IMPORTERS, format, kind="format", listing="praxia data import --help")
    if options.mask is not None and format != "robomimic":
        raise PraxiaError(f"--mask names a filter key of robomimic; {format} has none")
    return open_format(Path(path), options)


def import_dataset(
    source: ForeignDataset,
    out: Path,
    *,
    resume: bool = False,
    report: ImportProgress = lambda stage, done, planned, text: None,
) -> dict[str, Any]:
    """Import every episode, one at a time, and compare the result with the source; `out` appears only after that.

    Until then it is the folder `.NAME.importing` beside `out`, where `resume` continues a killed import. Returns
    `{episodes, frames, successes, unknown_outcomes, recovered, assumed, left_out, content_sha256}` and the result of
    `verify_import`; `successes` and `unknown_outcomes` are those of `summary.info`.

    Raises:
        PraxiaError: `out` is not empty, holds an unfinished import without `resume`, or another process imports to it.
        MismatchError: `resume`, but the import was begun with another source or other options.
        DataError: the source cannot be read, or the result differs from it. Then nothing is left at `out`.
        RecordingError: the disk is full; complete episodes are kept.
    """
    out = out.absolute()
    folder = out if committed(out) else out.with_name(f".{out.name}.importing")
    with recording_lock(folder):
        if folder != out and out.exists() and not (out.is_dir() and not any(out.iterdir())):
            raise PraxiaError(f"expected an empty or new folder for the data set, got {out} with files in it")
        return _import(source, out, folder, resume, report)


def _import(source: ForeignDataset, out: Path, folder: Path, resume: bool, report: ImportProgress) -> dict[str, Any]:
    recovered = begin_recording(folder, source.plan, resume=resume)
    missing = sorted(set(range(len(source))) - set(recovered))
    for done, episode in enumerate(missing, len(recovered) + 1):
        stage_episode(folder, episode, read_episode(source, episode))
        report("import", done, len(source), f"{len(recovered)} episodes recovered" if recovered else "episodes")
    content_sha256 = finalize(folder, source.embodiment, source.plan)
    dataset = Dataset(folder)
    try:
        found = verify_import(source, dataset, lambda done, planned, text: report("verify", done, planned, text))
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


def verify_import(source: ForeignDataset, dataset: Dataset, report: Callable[[int, int, str], None]) -> dict[str, Any]:
    """Compare a finished import with its source: every number, every length, and a sample of the images. Returns JSON.

    `numbers_equal` is True (else an error is raised): each number equals the source's as float32. `largest_rounding` is
    the largest difference between a number of the source and its float32. `psnr_db` and `psnr_mean_db` are the lowest
    and the mean PSNR of the sampled images of each camera; equal images count as 100 dB.

    Raises:
        DataError: names episode and array or camera, what was expected and what was found.
    """
    episodes = dataset.episodes
    if len(episodes) != len(source):
        raise DataError(f"expected {len(source)} episodes after the import, got {len(episodes)}")
    rounding = 0.0
    found: dict[str, list[float]] = {camera.name: [] for camera in source.embodiment.cameras}
    for episode in range(len(source)):
        first, steps = int(episodes.first[episode]), source.steps(episode)
        where = f"episode {episode} ({steps.origin['episode']} of {steps.origin['file']})"
        if int(episodes.length[episode]) != len(steps):
            raise DataError(f"{where}: expected {len(steps)} steps after the import, got {episodes.length[episode]}")
        if episodes.instruction[episode] != steps.instruction or episodes.task[episode] != steps.task:
            raise DataError(f"{where}: expected {steps.instruction!r}, got {episodes.instruction[episode]!r}")
        expected = episode_columns(steps)
        _compare_numbers(expected, dataset, first, where)
        rounding = max(rounding, *(_rounding(values) for values in expected.values()))
        for camera, levels in found.items():
            levels += _compare_images(source, dataset, episode, camera, first, len(steps), where)
        report(episode + 1, len(source), "episodes compared with the source")
    return {
        "numbers_equal": True,
        "largest_rounding": rounding,
        "images_compared": sum(map(len, found.values())),
        "psnr_db": {camera: round(min(levels), 2) for camera, levels in found.items()},
        "psnr_mean_db": {camera: round(float(np.mean(levels)), 2) for camera, levels in found.items()},
    }


def _compare_numbers(expected: Mapping[str, np.ndarray], dataset: Dataset, first: int, where: str) -> None:
    for feature, values in expected.items():
        wanted = values.astype(np.float32).reshape(len(values), -1)
        got = dataset.column(feature)[first : first + len(values)]
        different = np.argwhere(got != wanted)
        if len(different):
            step, dim = different[0].tolist()
            raise DataError(
                f"{where}: expected {feature}[{dim}] to be {wanted[step, dim]} in step {step}, got {got[step, dim]}"
            )


def _rounding(values: np.ndarray) -> float:
    return float(np.abs(values.astype(np.float64) - values.astype(np.float32)).max())


def _compare_images(
    source: ForeignDataset, dataset: Dataset, episode: int, camera: str, first: int, length: int, where: str
) -> list[float]:
    """The PSNR of each sampled image, in dB.

    Where the source's image clearly differs from its neighbors in time, ours must be closer to its own image: a shift
    by one step then shows at the edge of a finger, and small changes that the codec may skip decide nothing.
    """
    sampled = np.unique(np.round(np.linspace(0, length - 1, NUM_SAMPLED)).astype(np.int64))
    got = dataset.decode(camera, first + sampled)
    levels = []
    for step, image in zip(sampled.tolist(), got, strict=True):
        begin = max(0, step - 1)
        near = source.images(episode, camera, slice(begin, step + 2)).astype(np.int64)
        expected = near[step - begin]
        error = float(((image - expected) ** 2).mean())
        levels.append(min(SAME_PSNR_DB, 10 * math.log10(255**2 / max(error, 1e-9))))
        for number, neighbor in enumerate(near, begin):
            clear = np.abs(expected - neighbor) > CLEAR_LEVELS
            if ((image - expected)[clear] ** 2).sum() > ((image - neighbor)[clear] ** 2).sum():
                raise DataError(
                    f"{where}, camera {camera}: expected image {step} of the source, but it is closer to {number}"
                )
        if levels[-1] < LOWEST_PSNR_DB:
            raise DataError(
                f"{where}, camera {camera}: expected image {step} of the source to come back with at least "
                f"{LOWEST_PSNR_DB:.0f} dB, got {levels[-1]:.1f} dB"
            )
    return levels
