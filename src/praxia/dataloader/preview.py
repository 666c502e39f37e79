"""What a training step will see of a mixture, before anything is trained."""

import math
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from praxia.core.embodiment import Field
from praxia.core.types import Samples, Window
from praxia.data.dataset import Dataset
from praxia.dataloader.mixture import Mixture
from praxia.dataloader.mixture_config import MixtureConfig
from praxia.dataloader.view import Resampling
from praxia.dataloader.windows import Windows

__all__ = ["default_window", "preview"]

# So many rows of the batch are named one by one.
NUM_NAMED = 5

# What becomes of an action in a step of another rate, by its field's kind.
BECOMES = {"delta": "summed", "velocity": "mean", "torque": "mean"}


def default_window(mix: MixtureConfig, horizon: int = 16) -> Window:
    """The present moment of the state and of every camera that all parts have or say that they have not."""
    had = [[one.name for one in part.view.embodiment(Dataset(part.data)).cameras] for part in mix.parts]
    known = [[*names, *part.view.cameras] for names, part in zip(had, mix.parts, strict=True)]
    shared = [name for name in dict.fromkeys(chain(*had)) if all(name in names for names in known)]
    return Window({"state": (0,), **{f"image.{name}": (0,) for name in shared}}, horizon)


def preview(
    mix: MixtureConfig,
    window: Window,
    *,
    steps: int,
    batch_size: int,
    seed: int = 0,
    successful: bool = True,
    images: bool = False,
) -> dict[str, Any]:
    """A JSON value: every part as it is read, and the first batch. Images are read only where `images` asks for it.

    Raises as `MixtureConfig.open` does.
    """
    mixture = mix.open(window, successful=successful)
    indices = mixture.batch(seed, 0, batch_size)
    rows = np.bincount(mixture.part_of(indices), minlength=len(mixture.parts))
    parts = [
        {**_part(part, share, steps * batch_size), "rows_of_first_batch": int(num)}
        for part, share, num in zip(mixture.parts, mixture.shares, rows, strict=True)
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
        "parts": parts,
        "batch": _batch(mixture, samples),
        "first_rows": [
            {"data": data, "episode": episode, "frame": frame, "instruction": instruction}
            for (data, episode, frame), instruction in where
        ],
    }


def _part(part: Windows, share: float, num_rows: int) -> dict[str, Any]:
    own, embodiment = part.dataset.embodiment, part.embodiment
    return {
        "data": str(part.root),
        "body": embodiment.name,
        "episodes": len(part.episodes),
        "windows": len(part),
        "share": share,
        "epochs": num_rows * share / len(part),
        "rate_hz": own.control_hz,
        "resampled": _resampled(part),
        "cameras": {name: _camera(part, name) for name in part.window.cameras},
        "state": _fields(own.state, embodiment.state),
        "action": _fields(own.action, embodiment.action),
    }


def _resampled(part: Windows) -> dict[str, Any] | None:
    steps = Resampling.between(part.dataset.embodiment.control_hz, part.embodiment.control_hz)
    if steps.same:
        return None
    actions = {one.name: BECOMES.get(one.kind, "in force at the end of the step") for one in part.embodiment.action}
    return {"to_hz": part.embodiment.control_hz, "frames_a_step": str(steps.ratio), "actions": actions}


def _camera(part: Windows, name: str) -> dict[str, Any] | None:
    """None: the data set has no such camera."""
    source = part.view.source_of(name)
    if source is None:
        return None
    (own,) = (camera for camera in part.dataset.embodiment.cameras if camera.name == source)
    (seen,) = (camera for camera in part.embodiment.cameras if camera.name == name)
    return {"from": source, "size": [own.height, own.width], "read_as": [seen.height, seen.width]}


def _fields(own: Sequence[Field], seen: Sequence[Field]) -> list[dict[str, Any]]:
    """The fields and their dims, [first, end), in the vector that is padded to the largest embodiment's."""
    names = [part.name for part in own] if len(own) == len(seen) else [None] * len(seen)
    ends = np.cumsum([part.size for part in seen])
    return [
        {"name": part.name, "from": name, "kind": part.kind, "dims": [int(end) - part.size, int(end)]}
        for part, name, end in zip(seen, names, ends, strict=True)
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
