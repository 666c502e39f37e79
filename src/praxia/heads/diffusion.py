"""Denoising diffusion over action chunks (Diffusion Policy)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int
from torch import Tensor, nn

from praxia.core.config import Config
from praxia.core.errors import PraxiaError
from praxia.heads.denoisers.denoiser import repeated_rows
from praxia.heads.denoisers.unet import UNet
from praxia.nn.diffusion import cosine_alphas_bar, ddim, noised
from praxia.nn.embodiment_linear import dim_masks, mask_dims
from praxia.nn.masking import masked_mean
from praxia.nn.types import Batch, Context, Shapes

__all__ = ["Diffusion", "DiffusionHead"]


@dataclass(frozen=True)
class Diffusion(Config):
    """A network predicts the noise in a chunk; `num_steps` DDIM steps out of `train_steps` sample it.

    Chi et al. 2023 (arXiv 2303.04137): cosine schedule, 100 steps, 16 at run time. `clip` bounds the predicted actions
    at every step; theirs is 1 because they scale by minimum and maximum, here 1 and -1 are quantiles that data exceed.
    `repeats` noise draws share one pass of the encoder, as in `Flow`.

    Raises:
        PraxiaError: more steps than were trained, or none.
    """

    tag: ClassVar[str] = "diffusion"
    sampling: ClassVar[Mapping[str, str]] = {"steps": "num_steps"}
    denoiser: Config = field(default_factory=UNet)
    repeats: int = 4
    train_steps: int = 100
    num_steps: int = 16
    clip: float = 2.0

    def __post_init__(self) -> None:
        if not 1 <= self.num_steps <= self.train_steps:
            raise PraxiaError(
                f"head 'diffusion' expects 1 to {self.train_steps} steps, as many as it is trained with, got"
                f" {self.num_steps}"
            )

    def clips(self, chunks: Float32[np.ndarray, "B H A"]) -> Bool[np.ndarray, "B H A"]:
        """Which entries of normalised chunks are beyond what is ever sampled."""
        return np.abs(chunks) > self.clip

    def build(self, shapes: Shapes, context_width: int) -> "DiffusionHead":
        return DiffusionHead(self, shapes, context_width)


class DiffusionHead(nn.Module):
    """See `Diffusion`. Dims that a row's embodiment does not have enter neither the network nor the loss."""

    own: Tensor
    alphas_bar: Tensor

    def __init__(self, config: Diffusion, shapes: Shapes, context_width: int):
        super().__init__()
        self.config = config
        self.noise_shape = (shapes.horizon, shapes.action_dim)
        self.denoiser = config.denoiser.build(shapes, context_width)  # pyright: ignore[reportAttributeAccessIssue]
        self.needs = self.denoiser.needs
        self.register_buffer("own", dim_masks([action for _, action in shapes.embodiments]), persistent=False)
        self.register_buffer("alphas_bar", cosine_alphas_bar(config.train_steps).float(), persistent=False)

    def loss(
        self, context: Context, batch: Batch, generator: torch.Generator
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Mean squared error of the noise over valid steps and own dims, over `repeats` draws of (noise, step).

        "clipped" is the share of these entries that are beyond `clip`, which is never sampled.
        """
        rows = repeated_rows(self.denoiser, context, batch, self.own, self.config.repeats)
        action, counts, embodiment, condition = rows
        noise = torch.randn(action.shape, generator=generator, device=action.device)
        step = torch.randint(self.config.train_steps, (len(action),), generator=generator, device=action.device)
        x = noised(action, noise, self.alphas_bar[step])
        loss = masked_mean((self._noise(x, step, condition, embodiment) - noise).square(), counts)
        clipped = masked_mean((action.abs() > self.config.clip).float(), counts)
        return loss, {"diffusion": loss.detach(), "clipped": clipped}

    def sample(
        self, context: Context, noise: Float[Tensor, "B H A"], embodiment: Int[Tensor, " B"]
    ) -> Float[Tensor, "B H A"]:
        """The chunk that is left of `noise`; dims that a row's embodiment does not have mean nothing."""
        condition = self.denoiser.condition(context)
        return ddim(
            lambda x, step: self._noise(x, step, condition, embodiment),
            noise,
            self.alphas_bar,
            self.config.num_steps,
            self.config.clip,
        )

    def _noise(
        self,
        x: Float[Tensor, "B H A"],
        step: Int[Tensor, " B"],
        condition: tuple[Tensor, ...],
        embodiment: Int[Tensor, " B"],
    ) -> Float[Tensor, "B H A"]:
        time = (step + 1) / self.config.train_steps
        return self.denoiser(mask_dims(x, self.own, embodiment), time, condition, embodiment)
