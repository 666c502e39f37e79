"""Augmentation on the device, a pure function of (seed, step)."""

from dataclasses import replace

import torch
from jaxtyping import UInt8
from torch import Tensor

from praxia.nn.types import Batch

__all__ = ["random_shift", "shift_images"]


def random_shift(batch: Batch, pixels: int, generator: torch.Generator) -> Batch:
    """Shift each row's images by up to `pixels` in x and y, the same for all its moments, repeating the edge.

    DrQ's augmentation (Kostrikov et al. 2021, arXiv 2004.13649), without its interpolation.
    """
    images = {name: shift_images(value, pixels, generator) for name, value in batch.images.items()}
    return replace(batch, images=images)


def shift_images(
    images: UInt8[Tensor, "B T C Y X"], pixels: int, generator: torch.Generator
) -> UInt8[Tensor, "B T C Y X"]:
    """One camera's images, shifted."""
    num, (height, width), device = len(images), images.shape[-2:], images.device
    offset = torch.randint(-pixels, pixels + 1, (2, num, 1), generator=generator, device=device)
    rows = (torch.arange(height, device=device) + offset[0]).clamp(0, height - 1)
    columns = (torch.arange(width, device=device) + offset[1]).clamp(0, width - 1)
    row = torch.arange(num, device=device)[:, None, None]
    channels_last = images.permute(0, 3, 4, 1, 2)
    return channels_last[row, rows[:, :, None], columns[:, None, :]].permute(0, 3, 4, 1, 2)
