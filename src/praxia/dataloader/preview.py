"""What a training step sees of a mixture, before anything is trained."""

import math
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from praxia.core.embodiment import Field
from praxia.core.window import Samples, Window
from praxia.data.dataset import Dataset
from praxia.dataloader.mixture import Mixture
from praxia.dataloader.mixture_config import MixtureConfig
from praxia.dataloader.view import Resampling
from praxia.dataloader.windows import Windows

__all__ = ["default_window", "preview"]

# Rows of the batch that are listed one by one.
NUM_NAMED = 5

# How actions become one action of a step at another rate, by their field's kind.
BECOMES = {"delta": "summed", "velocity": "mean", "torque": "mean"}


def default_window(config: MixtureConfig, horizon: int = 16) -> Window:
    """The current timestep of the state and of every camera that all entries have or declare as absent."""
    present = [[one.name for one in entry.view.embodiment(Dataset(entry.data)).cameras] for entry in config.entries]
    known = [[*names, *entry.view.cameras] for names, entry in zip(present, config.entries, strict=True)]
    shared = [name for name in dict.fromkeys(chain(*present)) if all(name in names for names in known)]
    return Window({"state": (0,), **{f"image.{name}": (0,) for name in shared}}, horizon)


def preview(
    config: MixtureConfig,
    window: Window,
    *,
    steps: int,
    batch_size: int,
    seed: int = 0,
    successful: bool = True,
    images: bool = False,
) -> dict[str, Any]:
    """A JSON value: every entry as it is read, and the first batch. Images are read only if `images` is set.

    Raises as `MixtureConfig.open` does.
    """
    mixture = config.open(window, successful=successful)
    indices = mixture.batch(seed, 0, batch_size)
    rows = np.bincount(mixture.entry_of(indices), minlength=len(mixture.entries))
    entries = [
        {**_entry(entry, share, steps * batch_size), "rows_of_first_batch": int(num)}
        for entry, share, num in zip(mixture.entries, mixture.shares, rows, strict=True)
    ]
    samples = mixture.read(indices, with_images=images)
    where = zip(mixture.frames_of(indices[:NUM_NAMED]), samples.instruction, strict=False)
    return {
        "window": window.to_json(),
        "rate_hz": mixture.embodiments[0].control_hz,
        "steps": steps,
        "batch_size": batch_size,
        "windows": len(mixture),
        "embodiments": [embodiment.name for embodiment in mixture.embodiments],
        "parts": entries,
        "batch": _batch(mixture, samples),
        "first_rows": [
            {"data": data, "episode": episode, "frame": frame, "instruction": instruction}
            for (data, episode, frame), instruction in where
        ],
    }


def _entry(entry: Windows, share: float, num_rows: int) -> dict[str, Any]:
    own, embodiment = entry.dataset.embodiment, entry.embodiment
    return {
        "data": str(entry.root),
        "embodiment": embodiment.name,
        "episodes": len(entry.episodes),
        "windows": len(entry),
        "share": share,
        "epochs": num_rows * share / len(entry),
        "rate_hz": own.control_hz,
        "resampled": _resampled(entry),
        "cameras": {name: _camera(entry, name) for name in entry.window.cameras},
        "state": _fields(own.state, embodiment.state),
        "action": _fields(own.action, embodiment.action),
    }


def _resampled(entry: Windows) -> dict[str, Any] | None:
    steps = Resampling.between(entry.dataset.embodiment.control_hz, entry.embodiment.control_hz)
    if steps.is_identity:
        return None
    actions = {one.name: BECOMES.get(one.kind, "in force at the end of the step") for one in entry.embodiment.action}
    return {"to_hz": entry.embodiment.control_hz, "frames_a_step": str(steps.ratio), "actions": actions}


def _camera(entry: Windows, name: str) -> dict[str, Any] | None:
    """The camera that is read and its sizes; None: the data set has no such camera."""
    source = entry.source_of(name)
    if source is None:
        return None
    (own,) = (camera for camera in entry.dataset.embodiment.cameras if camera.name == source)
    (seen,) = (camera for camera in entry.embodiment.cameras if camera.name == name)
    return {"from": source, "size": [own.height, own.width], "read_as": [seen.height, seen.width]}


def _fields(own: Sequence[Field], seen: Sequence[Field]) -> list[dict[str, Any]]:
    """The fields and their dims, [first, end), in the vector that is padded to the largest embodiment's."""
    names = [one.name for one in own] if len(own) == len(seen) else [None] * len(seen)
    ends = np.cumsum([one.size for one in seen])
    return [
        {"name": one.name, "from": name, "kind": one.kind, "dims": [int(end) - one.size, int(end)]}
        for one, name, end in zip(seen, names, ends, strict=True)
    ]


def _batch(mixture: Mixture, samples: Samples) -> dict[str, Any]:
    assert samples.action is not None
    assert samples.action_valid is not None
    shapes = {f"image.{name}": _images_shape(mixture, name, valid) for name, valid in samples.image_valid.items()}
    numbers = {"state": samples.state, "action": samples.action}
    valid = {
        **{f"image.{name}": valid for name, valid in samples.image_valid.items()},
        "state": samples.state_valid,
        "action": samples.action_valid,
    }
    found: dict[str, Any] = {
        "shapes": {**shapes, **{name: list(value.shape) for name, value in numbers.items()}},
        "valid": {name: [int(value.sum()), value.size] for name, value in valid.items()},
        "rows_without_valid_action": int((~samples.action_valid.any(axis=1)).sum()),
        "bytes": sum(map(math.prod, shapes.values())) + sum(value.nbytes for value in numbers.values()),
    }
    if samples.images:
        found["mean_level"] = {name: float(images.mean()) for name, images in samples.images.items()}
    return found


def _images_shape(mixture: Mixture, camera: str, valid: np.ndarray) -> list[int]:
    cameras = (one for embodiment in mixture.embodiments for one in embodiment.cameras)
    height, width = next((one.height, one.width) for one in cameras if one.name == camera)
    return [*valid.shape, height, width, 3]
