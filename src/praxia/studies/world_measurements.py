"""What a world knows, measured on recorded episodes through its interface alone: a linear probe, open-loop error.

Axes: M frames, F numbers of a latent, P numbers of a state, B windows, K imagined timesteps.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64, UInt8

from praxia.core.embodiment import Embodiment
from praxia.core.errors import UnknownName
from praxia.core.window import Samples, Window
from praxia.data.dataset import Dataset
from praxia.dataloader.windows import Windows
from praxia.evaluation.imagination import frame_latents, frame_queries
from praxia.nn.world import World

__all__ = ["effective_rank", "linear_r2", "measure_world"]

# Windows of each data set, evenly spaced, and how many a world sees at once.
NUM_WINDOWS, BATCH = 1024, 128

# Keeps a probe of latents that have collapsed from dividing by their rounding errors.
RIDGE = 1e-6


def measure_world(world: World, train: Dataset, test: Dataset, field: str, num_blocks: int = 5) -> dict[str, Any]:
    """How well latents tell where something is, and how well they are foreseen.

    Returns {probe_r2, open_loop, latent_std, effective_rank}. `probe_r2` is the R^2 on `test` of a linear map, fitted
    on `train`, from the latent of an image to the state's `field`. `open_loop` has the mean squared error of the
    latents imagined after 1 to `num_blocks` strides of the executed actions, as a share of that of the baseline that
    nothing changes (None: nothing does, or no episode of `test` is that long). `latent_std` is the standard deviation
    of the latents of `test`, averaged over their numbers, and `effective_rank` in how many directions they differ.

    Raises:
        UnknownName: the state has no such field.
    """
    dims = _dims(world.embodiment, field)
    fitted, seen = (_read(world, one, num_blocks) for one in (train, test))
    fit_x, test_x = (_latents(world, one.images, 0) for one in (fitted, seen))
    fit_y, test_y = (one.state[:, -1, dims].astype(np.float64) for one in (fitted, seen))
    later = np.stack([_latents(world, seen.target_images, at) for at in range(num_blocks)], axis=1)
    within = np.stack(list(seen.target_image_valid.values())).all((0, 2))
    open_loop: list[float | None] = [None] * num_blocks
    if within.any():
        guesses = _imagined(world, seen), test_x[:, None]
        error, unchanged = (((one - later)[within] ** 2).mean((0, 2)) for one in guesses)
        open_loop = [float(a / b) if b > 0 else None for a, b in zip(error, unchanged, strict=True)]
    return {
        "probe_r2": linear_r2(fit_x, fit_y, test_x, test_y),
        "open_loop": open_loop,
        "latent_std": float(test_x.std(0).mean()),
        "effective_rank": effective_rank(test_x),
    }


def effective_rank(x: Float64[np.ndarray, "M F"]) -> float:
    """In how many directions rows differ: 1 to F, F where they differ as much in all; 1 where they are all equal.

    The exponential of the entropy of the singular values, as shares of their sum (Roy and Vetterli 2007), of the rows
    minus their mean. It does not depend on the scale, so small latents need not have a low one.
    """
    singular = np.linalg.svd(x - x.mean(0), compute_uv=False)
    shares = singular / max(singular.sum(), np.finfo(np.float64).tiny)
    shares = shares[shares > 0]
    return float(np.exp(-(shares * np.log(shares)).sum()))


def linear_r2(
    x: Float64[np.ndarray, "M F"],
    y: Float64[np.ndarray, "M P"],
    test_x: Float64[np.ndarray, "L F"],
    test_y: Float64[np.ndarray, "L P"],
) -> float:
    """The share of the variance of `test_y`, all numbers together, that a linear map fitted on (x, y) explains."""
    mean_x, mean_y = x.mean(0), y.mean(0)
    centred = x - mean_x
    gram = centred.T @ centred / len(x) + RIDGE * np.eye(x.shape[1])
    weights = np.linalg.solve(gram, centred.T @ (y - mean_y) / len(x))
    residual = test_y - mean_y - (test_x - mean_x) @ weights
    return float(1 - (residual**2).sum() / ((test_y - test_y.mean(0)) ** 2).sum())


def _dims(embodiment: Embodiment, field: str) -> list[int]:
    first = 0
    for one in embodiment.state:
        if one.name == field:
            return list(range(first, first + one.size))
        first += one.size
    raise UnknownName("state field", field, [one.name for one in embodiment.state], "praxia info --benchmarks")


def _read(world: World, dataset: Dataset, num_blocks: int) -> Samples:
    """Windows with the present, the actions that follow, and the frames at every stride."""
    images = {name: at for name, at in world.window.observation_steps.items() if name.startswith("image.")}
    later = tuple(world.stride * (block + 1) for block in range(num_blocks))
    window = Window(
        {**dict.fromkeys(images, (0,)), "state": (0,)}, later[-1], dict.fromkeys(images, later), executed=True
    )
    windows = Windows(dataset, window, range(dataset.num_episodes))
    return windows.read(np.linspace(0, len(windows) - 1, min(len(windows), NUM_WINDOWS)).astype(np.int64))


def _latents(world: World, images: Mapping[str, UInt8[np.ndarray, "B _ Y X 3"]], at: int) -> Float64[np.ndarray, "B F"]:
    """The latents of each window's image number `at`, all tokens as one vector."""
    return frame_latents(world, {name: one[:, at] for name, one in images.items()})


@torch.no_grad()
def _imagined(world: World, samples: Samples) -> Float64[np.ndarray, "B K F"]:
    """What the world imagines of the executed actions from each window's present."""
    assert samples.action is not None
    found, present = [], {name: one[:, 0] for name, one in samples.images.items()}
    for rows in _parts(len(samples.action)):
        state = world.start(frame_queries(world, present, rows))
        actions = torch.from_numpy(samples.action[rows]).to(state.latent.device)
        found.append(world.imagine(state, actions).latents.flatten(2))
    return torch.cat(found).double().cpu().numpy()


def _parts(number: int) -> list[list[int]]:
    return [list(range(first, min(first + BATCH, number))) for first in range(0, number, BATCH)]
