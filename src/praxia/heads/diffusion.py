"""Denoising diffusion over action chunks (Diffusion Policy)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int
from torch import Tensor

from praxia.core.errors import PraxiaError
from praxia.heads.denoisers.denoiser import DenoiserConfig, repeated_rows
from praxia.heads.denoisers.unet import UNet
from praxia.heads.real_time import (
    RealTimeConfig,
    RealTimeHead,
    count_remaining,
    draw_prefix,
    expect_real_time,
    with_prefix,
)
from praxia.nn.diffusion import cosine_alphas_bar, ddim, noised
from praxia.nn.embodiment_linear import mask_dims
from praxia.nn.guidance import Guide
from praxia.nn.layers import masked_mean
from praxia.nn.types import Batch, Context, PreviousChunk, Shapes

__all__ = ["Diffusion", "DiffusionHead"]

# The denoising step of what has no noise: that before the first.
CLEAN = -1


@dataclass(frozen=True)
class Diffusion(RealTimeConfig):
    """A network predicts the noise in a chunk; `num_steps` DDIM steps out of `train_steps` sample it.

    Chi et al. 2023 (arXiv 2303.04137): cosine schedule, 100 steps, 16 at run time. `clip` bounds the predicted actions
    at every step; theirs is 1, because they scale by minimum and maximum; here -1 and 1 are quantiles, which the data
    exceed. `repeats` noise draws share one pass of the encoder, as in `Flow`. What it does about a delay is in
    `RealTimeConfig`.

    Raises:
        PraxiaError: `num_steps` is below 1 or above `train_steps`.
    """

    tag: ClassVar[str] = "diffusion"
    denoiser: DenoiserConfig = field(default_factory=UNet)
    repeats: int = 4
    """Noise draws that share one pass of the encoder in training."""
    train_steps: int = 100
    """Denoising steps in training."""
    num_steps: int = 16
    """Denoising steps when a chunk is sampled."""
    clip: float = 2.0
    """Largest normalised action that is sampled."""

    def __post_init__(self) -> None:
        expect_real_time(self)
        if not 1 <= self.num_steps <= self.train_steps:
            raise PraxiaError(
                f"head 'diffusion' expects 1 to {self.train_steps} steps, as many as it is trained with, got"
                f" {self.num_steps}"
            )

    def clips(self, chunks: Float32[np.ndarray, "B H A"]) -> Bool[np.ndarray, "B H A"]:
        """Which entries of normalised chunks are beyond `clip`, the largest action that is ever sampled."""
        return np.abs(chunks) > self.clip

    def build(self, shapes: Shapes, context_width: int) -> "DiffusionHead":
        return DiffusionHead(self, shapes, context_width)


class DiffusionHead(RealTimeHead[Diffusion]):
    """See `Diffusion`. Dims that a row's embodiment lacks enter neither the network nor the loss."""

    alphas_bar: Tensor

    def __init__(self, config: Diffusion, shapes: Shapes, context_width: int):
        super().__init__(config, config.denoiser, shapes, context_width)
        self.register_buffer("alphas_bar", cosine_alphas_bar(config.train_steps).float(), persistent=False)

    def loss(
        self, context: Context, batch: Batch, generator: torch.Generator
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Mean squared error of the noise over valid steps, the embodiment's dims and `repeats` draws of (noise, step).

        With a trained prefix it is over the steps of the chunk after it. "clipped" is the share of all entries beyond
        `clip`, which are never sampled.
        """
        rows = repeated_rows(self.denoiser, context, batch, self.action_mask, self.config.repeats)
        action, loss_mask, embodiment, condition = rows
        noise = batch.share.normal(action.shape, generator)
        step = batch.share.integers(0, self.config.train_steps, [len(action)], generator)
        prefix = draw_prefix(self.config, action, batch.share, generator)
        step = step if prefix is None else torch.where(prefix, CLEAN, step[:, None])
        x = noised(action, noise, torch.where(step == CLEAN, 1.0, self.alphas_bar[step]))
        error = (self._noise(x, step, condition, embodiment) - noise).square()
        loss = masked_mean(count_remaining(error, prefix, self.config), loss_mask, batch.share)
        clipped = masked_mean((action.abs() > self.config.clip).float(), loss_mask, batch.share)
        return loss, {"diffusion": loss.detach(), "clipped": clipped}

    def sample(
        self, context: Context, noise: Float[Tensor, "B H A"], embodiment: Int[Tensor, " B"]
    ) -> Float[Tensor, "B H A"]:
        """The chunk denoised from `noise`; dims that a row's embodiment lacks have no meaning."""
        return self._guided(context, noise, embodiment, None)

    def _guided(
        self, context: Context, noise: Float[Tensor, "B H A"], embodiment: Int[Tensor, " B"], guide: Guide | None
    ) -> Float[Tensor, "B H A"]:
        condition = self.denoiser.condition(context)
        return self._denoised(lambda x, step: self._noise(x, step, condition, embodiment), noise, guide)

    def _continued(
        self,
        context: Context,
        noise: Float[Tensor, "B H A"],
        embodiment: Int[Tensor, " B"],
        previous: PreviousChunk,
    ) -> Float[Tensor, "B H A"]:
        condition = self.denoiser.condition(context)

        def predict_noise(x: Tensor, step: Tensor) -> Tensor:
            step = torch.where(previous.committed, CLEAN, step[:, None])
            return self._noise(with_prefix(x, previous), step, condition, embodiment)

        return with_prefix(self._denoised(predict_noise, noise, None), previous)

    def _denoised(
        self, predict_noise: Callable[[Tensor, Tensor], Tensor], noise: Float[Tensor, "B H A"], guide: Guide | None
    ) -> Float[Tensor, "B H A"]:
        return ddim(predict_noise, noise, self.alphas_bar, self.config.num_steps, self.config.clip, guide)

    def _noise(
        self,
        x: Float[Tensor, "B H A"],
        step: Int[Tensor, "B *H"],
        condition: tuple[Tensor, ...],
        embodiment: Int[Tensor, " B"],
    ) -> Float[Tensor, "B H A"]:
        time = (step + 1) / self.config.train_steps
        return self.denoiser(mask_dims(x, self.action_mask, embodiment), time, condition, embodiment)
