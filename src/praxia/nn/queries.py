"""Queries as batches: what a policy was asked, as its model takes it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError
from praxia.core.types import Observation, Query
from praxia.core.window import Samples, Window
from praxia.nn.types import Batch
from praxia.transforms.chain import Transforms

__all__ = ["fill_missing_cameras", "stack_queries", "to_batch", "with_intents"]


def stack_queries(queries: Sequence[Query], window: Window, embodiment: int) -> Samples:
    """Queries as a batch of windows of the embodiment numbered `embodiment`.

    A history shorter than the window repeats its oldest observation, marked not valid.
    """

    def steps_of(query: Query, offsets: tuple[int, ...]) -> tuple[list[Observation], list[bool]]:
        last = len(query.history) - 1
        return [query.history[max(last + at, 0)] for at in offsets], [last + at >= 0 for at in offsets]

    images, image_valid = {}, {}
    for camera in window.cameras:
        chosen = [steps_of(query, window.observation_steps[f"image.{camera}"]) for query in queries]
        images[camera] = np.stack([np.stack([one.images[camera] for one in row]) for row, _ in chosen])
        image_valid[camera] = np.array([valid for _, valid in chosen])
    streams, stream_valid = {}, {}
    for name in window.streams:
        chosen = [steps_of(query, window.observation_steps[name]) for query in queries]
        streams[name] = np.stack([np.stack([one.streams[name] for one in row]) for row, _ in chosen])
        stream_valid[name] = np.array([valid for _, valid in chosen])
    offsets = window.observation_steps.get("state", ())
    chosen = [steps_of(query, offsets) for query in queries]
    shape = (len(queries), len(offsets), len(queries[0].history[-1].state))
    return Samples(
        images=images,
        image_valid=image_valid,
        state=np.array([[one.state for one in row] for row, _ in chosen], np.float32).reshape(shape),
        state_valid=np.array([valid for _, valid in chosen], bool).reshape(shape[:2]),
        instruction=tuple(_instruction(query) for query in queries),
        embodiment=np.full(len(queries), embodiment, dtype=np.int64),
        action=None,
        action_valid=None,
        streams=streams,
        stream_valid=stream_valid,
    )


def _instruction(query: Query) -> str:
    """What to do: the text that a thinker wrote for this policy, or else what its robot was told."""
    text = None if query.intent is None else query.intent.text
    return query.history[-1].instruction if text is None else text


def fill_missing_cameras(samples: Samples, window: Window, embodiments: Sequence[Embodiment]) -> Samples:
    """Samples with black, invalid images of the window's missing cameras, in the sizes that `embodiments` declare."""
    sizes = {camera.name: (camera.height, camera.width) for embodiment in embodiments for camera in embodiment.cameras}
    images, image_valid = {}, {}
    for camera in window.cameras:
        if camera in samples.images:
            images[camera], image_valid[camera] = samples.images[camera], samples.image_valid[camera]
        else:
            shape = (len(samples.state), len(window.observation_steps[f"image.{camera}"]))
            images[camera] = np.zeros((*shape, *sizes[camera], 3), dtype=np.uint8)
            image_valid[camera] = np.zeros(shape, dtype=bool)
    return replace(samples, images=images, image_valid=image_valid)


def with_intents(batch: Batch, queries: Sequence[Query]) -> Batch:
    """The batch of `queries` with the latent intents that they have, on the CPU; without any, the same batch.

    Raises:
        MismatchError: only some of them have one, or they are of different sizes.
    """
    latents = [None if query.intent is None else query.intent.latent for query in queries]
    found = [latent for latent in latents if latent is not None]
    if not found:
        return batch
    shapes = sorted({latent.shape for latent in found})
    if len(shapes) > 1 or len(found) < len(latents):
        raise MismatchError(
            f"expected a latent intent of one size for each of {len(latents)} queries, got {len(found)} of {shapes}"
        )
    ages = [query.intent.age(query.step) for query in queries if query.intent is not None]
    return replace(
        batch, intent=torch.from_numpy(np.stack(found).astype(np.float32, copy=False)), intent_age=torch.tensor(ages)
    )


def to_batch(samples: Samples, transforms: Transforms) -> Batch:
    """Encoded samples as CPU tensors; images share their memory and are viewed as channels first."""
    text, text_valid = transforms.text(samples)

    def tensor(value: np.ndarray | None) -> Tensor | None:
        return None if value is None else torch.from_numpy(value)

    def by_camera(images: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
        return {name: torch.from_numpy(value).permute(0, 1, 4, 2, 3) for name, value in images.items()}

    return Batch(
        images=by_camera(samples.images),
        image_valid={name: torch.from_numpy(value) for name, value in samples.image_valid.items()},
        state=torch.from_numpy(samples.state),
        state_valid=torch.from_numpy(samples.state_valid),
        text=torch.from_numpy(text),
        text_valid=torch.from_numpy(text_valid),
        embodiment=torch.from_numpy(samples.embodiment),
        action=tensor(samples.action),
        action_valid=tensor(samples.action_valid),
        target_images=by_camera(samples.target_images),
        target_image_valid={name: torch.from_numpy(value) for name, value in samples.target_image_valid.items()},
        target_state=tensor(samples.target_state),
        target_state_valid=tensor(samples.target_state_valid),
        past_action=tensor(samples.past_action),
        past_action_valid=tensor(samples.past_action_valid),
        reward=tensor(samples.reward),
        terminated=tensor(samples.terminated),
        extras={name: torch.from_numpy(value) for name, value in samples.extras.items()},
        is_first=tensor(samples.is_first),
        streams={name: torch.from_numpy(value) for name, value in samples.streams.items()},
        stream_valid={name: torch.from_numpy(value) for name, value in samples.stream_valid.items()},
    )
