"""A finished import beside its source: every number, every length, and a sample of the images."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from praxia.core.errors import DataError
from praxia.data.dataset import Dataset
from praxia.datatools.exchange.episodes import columns_of
from praxia.datatools.exchange.source import ForeignDataset

__all__ = ["verify"]

# Images of one episode and camera that are compared: evenly spaced, with the first and the last.
SAMPLED = 8
# Our codec's error is bounded by its quantiser, above 40 dB even for noise. Below this it is another image.
LOWEST_PSNR_DB = 30.0
SAME_PSNR_DB = 100.0
# Changes that the codec cannot swallow, in levels: it may skip a pixel that changes by a few.
CLEAR_LEVELS = 32


def verify(source: ForeignDataset, dataset: Dataset, report: Callable[[int, int, str], None]) -> dict[str, Any]:
    """Compare, and return what was found, as JSON.

    `numbers_equal` is True (else an error is raised): each equals the source's, as float32. `largest_rounding` is the
    greatest distance between a number of the source and that. `psnr_db` and `psnr_mean_db` are the lowest and the mean
    PSNR of the sampled images of a camera; equal images count as 100 dB.

    Raises:
        DataError: naming episode and array or camera, what was expected and what came.
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
        expected = columns_of(steps)
        _same_numbers(expected, dataset, first, where)
        rounding = max(rounding, *(_rounding(values) for values in expected.values()))
        for camera, levels in found.items():
            levels += _same_images(source, dataset, episode, camera, first, len(steps), where)
        report(episode + 1, len(source), "episodes compared with the source")
    return {
        "numbers_equal": True,
        "largest_rounding": rounding,
        "images_compared": sum(map(len, found.values())),
        "psnr_db": {camera: round(min(levels), 2) for camera, levels in found.items()},
        "psnr_mean_db": {camera: round(float(np.mean(levels)), 2) for camera, levels in found.items()},
    }


def _same_numbers(expected: Mapping[str, np.ndarray], dataset: Dataset, first: int, where: str) -> None:
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


def _same_images(
    source: ForeignDataset, dataset: Dataset, episode: int, camera: str, first: int, length: int, where: str
) -> list[float]:
    """The PSNR of each sampled image, in dB.

    Where the source's image clearly differs from the one before or after it, ours must be like the image it stands
    for: so a step too early or too late shows in a finger's edge, and what the codec may swallow decides nothing.
    """
    sampled = np.unique(np.round(np.linspace(0, length - 1, SAMPLED)).astype(np.int64))
    got = dataset.decode(camera, first + sampled)
    levels = []
    for step, image in zip(sampled.tolist(), got, strict=True):
        begin = max(0, step - 1)
        near = source.images(episode, camera, slice(begin, step + 2)).astype(np.int64)
        own = near[step - begin]
        error = float(((image - own) ** 2).mean())
        levels.append(min(SAME_PSNR_DB, 10 * math.log10(255**2 / max(error, 1e-9))))
        for number, neighbour in enumerate(near, begin):
            clear = np.abs(own - neighbour) > CLEAR_LEVELS
            if ((image - own)[clear] ** 2).sum() > ((image - neighbour)[clear] ** 2).sum():
                raise DataError(
                    f"{where}, camera {camera}: expected image {step} of the source, but it is more like {number}"
                )
        if levels[-1] < LOWEST_PSNR_DB:
            raise DataError(
                f"{where}, camera {camera}: expected image {step} of the source to come back with at least "
                f"{LOWEST_PSNR_DB:.0f} dB, got {levels[-1]:.1f} dB"
            )
    return levels
