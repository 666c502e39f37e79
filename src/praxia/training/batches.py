"""Batches as a function of the step: windows of the data sets, and questions for a language model beside them.

Reading, normalising and tokenising run in a thread of their own (`prefetch`); augmentation runs on the device.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError
from praxia.core.keys import generator
from praxia.core.window import Samples, Window
from praxia.dataloader.loader import Loader
from praxia.dataloader.mixture import Mixture
from praxia.dataloader.order import batch_indices
from praxia.dataloader.vqa import VQAData
from praxia.nn.queries import to_batch
from praxia.nn.share import WHOLE, Share
from praxia.nn.types import Batch, Shapes
from praxia.policies.roll_forward import expect_rolled, shifted, state_dims
from praxia.transforms.chain import Transforms
from praxia.transforms.relative import RelativeActions
from praxia.transforms.tokenizer import PromptTokenizer

__all__ = ["BatchSource", "VQABatches", "model_shapes", "prefetch", "random_shift", "shift_images"]

T = TypeVar("T")


def model_shapes(window: Window, embodiments: Sequence[Embodiment], transforms: Transforms) -> Shapes:
    """The sizes that a model is built from, for batches of `window` on data of `embodiments`."""
    return Shapes(
        cameras=window.cameras,
        num_images=window.num_images,
        num_states=len(window.observation_steps.get("state", ())),
        embodiment_dims=tuple((embodiment.state_dim, embodiment.action_dim) for embodiment in embodiments),
        horizon=window.horizon,
        vocab_size=transforms.tokenizer.vocab_size,
        streams={one.name: (len(window.observation_steps[one.name]), *one.shape) for one in embodiments[0].streams},
    )


@dataclass(frozen=True)
class VQABatches:
    """`batch_size` questions about images per step; images are squares of `image_px` pixels."""

    data: VQAData
    batch_size: int
    image_px: int

    def batch(self, seed: int, step: int, share: Share, tokenizer: PromptTokenizer, shapes: Shapes) -> Batch:
        """The share of the questions of `step`.

        Their images take the place of the first camera's; states are zero and not valid.
        """
        rows = batch_indices(seed, step, self.batch_size, len(self.data))[share.number :: share.count]
        items = [self.data.items[row] for row in rows]
        text, text_valid = tokenizer.encode_questions([one.text for one in items])
        answer, answer_valid = tokenizer.encode_answers([one.answer for one in items])
        images = self.data.images(rows, self.image_px)
        return Batch(
            images={shapes.cameras[0]: torch.from_numpy(images).permute(0, 1, 4, 2, 3)},
            image_valid={shapes.cameras[0]: torch.ones(len(rows), 1, dtype=torch.bool)},
            state=torch.zeros(len(rows), shapes.num_states, shapes.state_dim),
            state_valid=torch.zeros(len(rows), shapes.num_states, dtype=torch.bool),
            text=torch.from_numpy(text),
            text_valid=torch.from_numpy(text_valid),
            embodiment=torch.zeros(len(rows), dtype=torch.int64),
            answer=torch.from_numpy(answer),
            answer_valid=torch.from_numpy(answer_valid),
            share=share,
        )


@dataclass(frozen=True)
class BatchSource:
    """Windows of the data sets through the policy's transforms, with `vqa` batches beside them if there are any.

    Up to `roll_forward` control steps, drawn for each window, states and actions are ahead of the images
    (`policies.roll_forward`).

    Raises:
        MismatchError: windows that do not go with questions, or that cannot be rolled forward.
    """

    windows: Mixture
    transforms: Transforms
    shapes: Shapes
    seed: int
    batch_size: int
    vqa: VQABatches | None = None
    roll_forward: int = 0

    def __post_init__(self) -> None:
        if self.roll_forward:
            expect_rolled(self.windows.window, self.roll_forward)
            _ = self._state_dims
        if self.vqa is None:
            return
        if not isinstance(self.transforms.tokenizer, PromptTokenizer):
            raise MismatchError("questions need an encoder with a public language model, such as 'public-vlm'")
        if not self.shapes.cameras:
            raise MismatchError("questions need a window with a camera, whose place their images take")

    def rows(self, step: int) -> np.ndarray:
        """The window numbers of the batch at `step`: a pure function of (seed, step)."""
        return self.windows.batch(self.seed, step, self.batch_size)

    def loader(self, workers: int, share: tuple[int, int]) -> Loader:
        """A loader of a process's `share` (rank, number of processes) of each batch."""
        return Loader(self.windows, seed=self.seed, batch_size=self.batch_size, workers=workers, share=share)

    def batch(self, loader: Loader, step: int) -> tuple[Batch, Batch | None]:
        """This process's share of the batch at `step`, and of its questions where there are any."""
        share = Share(*loader.share)
        samples = self._shifted(loader.take(step), step, share)
        batch = replace(to_batch(self.transforms.encode(samples), self.transforms), share=share)
        if self.vqa is None:
            return batch, None
        assert isinstance(self.transforms.tokenizer, PromptTokenizer)
        return batch, self.vqa.batch(self.seed, step, share, self.transforms.tokenizer, self.shapes)

    def _shifted(self, samples: Samples, step: int, share: Share) -> Samples:
        """Delays are a pure function of (seed, step, row), equally often each."""
        if not self.roll_forward:
            return samples
        drawn = generator("roll-forward", self.seed, step).integers(0, self.roll_forward + 1, self.batch_size)
        return shifted(samples, drawn[share.number :: share.count], self._state_dims)

    @property
    def _state_dims(self) -> list[RelativeActions]:
        both = zip(self.windows.embodiments, self.transforms.embodiments, strict=True)
        return [state_dims(embodiment, transforms.relative) for embodiment, transforms in both]


def prefetch(make: Callable[[int], T], first: int, end: int) -> Iterator[tuple[int, T]]:
    """Yield (step, make(step)) for each step from `first`; a thread makes the next one while this one is used.

    An error of `make` is raised at its own step.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches") as thread:
        pending = thread.submit(make, first) if first < end else None
        for step in range(first, end):
            assert pending is not None
            batch = pending.result()
            pending = thread.submit(make, step + 1) if step + 1 < end else None
            yield step, batch


def random_shift(batch: Batch, pixels: int, generator: torch.Generator) -> Batch:
    """Shift each row's images by up to `pixels` in x and y, equally at all its timesteps, repeating the edge pixels.

    Targets are shifted as the camera's other images. DrQ's augmentation (Kostrikov et al. 2021, arXiv 2004.13649),
    without its interpolation.
    """
    return batch.map_images(lambda images: shift_images(images, pixels, generator, batch.share))


def shift_images(
    images: UInt8[Tensor, "B T C Y X"], pixels: int, generator: torch.Generator, share: Share = WHOLE
) -> UInt8[Tensor, "B T C Y X"]:
    """One camera's images, shifted."""
    num, (height, width), device = len(images), images.shape[-2:], images.device
    offset = share.integers(-pixels, pixels + 1, [2, num, 1], generator, axis=1)
    rows = (torch.arange(height, device=device) + offset[0]).clamp(0, height - 1)
    columns = (torch.arange(width, device=device) + offset[1]).clamp(0, width - 1)
    row = torch.arange(num, device=device)[:, None, None]
    channels_last = images.permute(0, 3, 4, 1, 2)
    return channels_last[row, rows[:, :, None], columns[:, None, :]].permute(0, 3, 4, 1, 2)
