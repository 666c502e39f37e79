"""Augmented images: colours, sharpness, blur, crop and rotation, drawn per row and camera, on the batch's device.

Values are floats in [0, 1] between the functions here; uint8 goes in and comes out.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from praxia.core.config import Config
from praxia.core.errors import PraxiaError
from praxia.nn.share import WHOLE, Share
from praxia.nn.types import Batch

__all__ = ["Augmentation", "augment", "expect_augmentation"]

Images = Float[Tensor, "B T 3 Y X"]
PerRow = Float[Tensor, " B"]

# ITU-R 601, as PIL and torchvision have it.
GREY = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Augmentation(Config):
    """Random changes of every image; each strength can be 0, which leaves it out.

    Colours and sharpness are LeRobot's `ImageTransforms` (its ranges are the defaults) and openpi's `ColorJitter`, the
    crop is openpi's, rotation and translation LeRobot's `RandomAffine`. All images of a row from one camera change
    equally; cameras and rows are independent. Deviations: all of them apply to every row, as in openpi, where LeRobot
    takes three; the order is fixed, geometry before colour; wrist cameras are cropped and rotated too; the share of a
    crop is drawn, from all of the image down to `crop`, where openpi's is constant; what lies beyond an edge repeats
    it, where theirs is black. Questions' images stay as they are, and so do those of validation.
    """

    tag: ClassVar[str] = "augmentation"
    enable: bool = False
    """Augment the images of training, beside the shift of --train.shift-px."""
    brightness: float = 0.2
    """Factor of brightness, within 1 - this and 1 + this."""
    contrast: float = 0.2
    """Factor of contrast, within 1 - this and 1 + this."""
    saturation: float = 0.5
    """Factor of saturation, within 1 - this and 1 + this."""
    hue: float = 0.05
    """Turn of the colours, at most this share of the circle (up to 0.5)."""
    sharpness: float = 0.5
    """Factor of sharpness, within 1 - this and 1 + this."""
    blur_px: float = 0.0
    """Largest standard deviation of a Gaussian blur, in pixels."""
    crop: float = 0.95
    """Smallest share of each side that is cropped and scaled back; 1: no crop."""
    degrees: float = 5.0
    """Largest rotation in degrees."""
    translate: float = 0.05
    """Largest translation as a share of each side."""


def expect_augmentation(config: Augmentation) -> None:
    """Refuse strengths that have no meaning.

    Raises:
        PraxiaError: names the option, its value and its range.
    """
    ranges = {"crop": (0.05, 1.0), "hue": (0.0, 0.5), "degrees": (0.0, 180.0), "translate": (0.0, 1.0)}
    for name in ("brightness", "contrast", "saturation", "hue", "sharpness", "blur_px", "crop", "degrees", "translate"):
        low, high = ranges.get(name, (0.0, math.inf))
        if not low <= (value := getattr(config, name)) <= high:
            option = f"--train.augmentation.{name.replace('_', '-')}"
            upper = "" if high == math.inf else f" and at most {high}"
            raise PraxiaError(f"expected {option} of at least {low}{upper}, got {value}")


def augment(batch: Batch, config: Augmentation, generator: torch.Generator) -> Batch:
    """The batch with every camera's images augmented, its targets as the others."""
    return batch.map_images(lambda images: augment_images(images, config, generator, batch.share))


def augment_images(
    images: UInt8[Tensor, "B T 3 Y X"], config: Augmentation, generator: torch.Generator, share: Share = WHOLE
) -> UInt8[Tensor, "B T 3 Y X"]:
    """One camera's images, augmented. What is drawn for one strength does not depend on which others are 0."""
    drawn = share.uniform([12, len(images)], generator, axis=1)
    either = 2 * drawn - 1  # in [-1, 1)
    x = images.float() / 255
    if config.crop < 1 or config.degrees or config.translate:
        side = 1 - (1 - config.crop) * drawn[0]
        offset = config.translate * either[1:3] + (1 - side) / 2 * either[3:5]
        x = affine(x, side, either[5] * math.radians(config.degrees), offset)
    if config.brightness:
        x = blend(x, torch.zeros_like(x), _factor(config.brightness, either[6]))
    if config.contrast:
        x = blend(x, grey(x).mean((2, 3, 4), keepdim=True), _factor(config.contrast, either[7]))
    if config.saturation:
        x = blend(x, grey(x), _factor(config.saturation, either[8]))
    if config.hue:
        x = turn_hue(x, config.hue * either[9])
    if config.sharpness:
        x = blend(x, smooth(x), _factor(config.sharpness, either[10]))
    if config.blur_px:
        x = blur(x, config.blur_px * drawn[11], config.blur_px)
    return (x * 255).round().to(torch.uint8)


def _factor(strength: float, either: PerRow) -> PerRow:
    """Uniform within 1 - strength, but not below 0, and 1 + strength."""
    low = max(0.0, 1 - strength)
    return low + (1 + strength - low) * (either + 1) / 2


def blend(x: Images, other: Float[Tensor, "B T #c #y #x"], factor: PerRow) -> Images:
    """`other` at factor 0, `x` at 1 and beyond it above, clamped."""
    return (other + factor.view(-1, 1, 1, 1, 1) * (x - other)).clamp(0, 1)


def grey(x: Images) -> Float[Tensor, "B T 1 Y X"]:
    """The luma of each pixel."""
    return (x * x.new_tensor(GREY)[:, None, None]).sum(2, keepdim=True)


def smooth(x: Images) -> Images:
    """PIL's SMOOTH: a mean of 3 x 3 pixels in which the middle one counts five times. Pixels at the edge stay."""
    columns = x[..., :-2, :] + x[..., 1:-1, :] + x[..., 2:, :]
    nine = columns[..., :-2] + columns[..., 1:-1] + columns[..., 2:]
    smoothed = x.clone()
    smoothed[..., 1:-1, 1:-1] = (nine + 4 * x[..., 1:-1, 1:-1]) / 13
    return smoothed


def blur(x: Images, sigma_px: PerRow, largest_px: float) -> Images:
    """A Gaussian blur of each row's own standard deviation, up to three of the largest; edge pixels repeat."""
    radius = math.ceil(3 * largest_px)
    at = torch.arange(-radius, radius + 1, device=x.device)
    weights = (-(at**2) / (2 * sigma_px[:, None].clamp_min(1e-3) ** 2)).exp()
    weights = (weights / weights.sum(1, keepdim=True))[:, :, None, None, None]
    flat = x.flatten(1, 2)  # [B, T 3, Y, X]
    for axis, padding in ((-1, (radius, radius, 0, 0)), (-2, (0, 0, radius, radius))):
        padded = functional.pad(flat, padding, mode="replicate")
        size, flat = flat.shape[axis], torch.zeros_like(flat)
        for k in range(len(at)):
            flat.addcmul_(padded.narrow(axis, k, size), weights[:, k])
    return flat.reshape(x.shape).clamp(0, 1)


def turn_hue(x: Images, turn: PerRow) -> Images:
    """The hue of HSV turned by a share of the circle; greys stay."""
    red, green, blue = x.unbind(2)
    value, low = x.amax(2), x.amin(2)
    chroma = value - low
    safe = torch.where(chroma > 0, chroma, 1.0)
    sixth = torch.where(
        value == red,
        (green - blue) / safe,
        torch.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    sixth = sixth + 6 * turn.view(-1, 1, 1, 1)
    # Each channel is the value less a share of the chroma that depends on its distance from the hue.
    channels = []
    for first in (5, 3, 1):
        distance = (first + sixth) % 6
        channels.append(value - chroma * torch.minimum(distance, 4 - distance).clamp(0, 1))
    return torch.stack(channels, dim=2)


def affine(x: Images, share: PerRow, angle_rad: PerRow, offset: Float[Tensor, "2 B"]) -> Images:
    """Images of the part that is `share` as large, turned by `angle_rad` about the image's centre.

    `offset` is where the part's centre lies, in shares of the width and the height. Bilinear; edge pixels repeat.
    """
    height, width = x.shape[-2:]
    cos, sin = share * angle_rad.cos(), share * angle_rad.sin()
    # From the result's coordinates to the image's, both in [-1, 1] from edge to edge.
    rows = [
        torch.stack([cos, -sin * height / width, 2 * offset[0]], dim=1),
        torch.stack([sin * width / height, cos, 2 * offset[1]], dim=1),
    ]
    flat = x.flatten(1, 2)
    grid = functional.affine_grid(torch.stack(rows, dim=1), list(flat.shape), align_corners=False)
    found = functional.grid_sample(flat, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return found.reshape(x.shape).clamp(0, 1)
