"""LeWM: a world model that learns its latents and what follows them together, from images alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from praxia.core.errors import MismatchError
from praxia.nn.layers import masked_mean
from praxia.nn.types import Batch, Context, Shapes
from praxia.worlds.frames import encoded, frame_shapes, frames_of, num_transitions, seen_frames
from praxia.worlds.latent import LatentConfig, LatentModel
from praxia.worlds.predictor import Predictor
from praxia.worlds.sigreg import sigreg

__all__ = ["LeWM", "LeWMModel"]


@dataclass(frozen=True)
class LeWM(LatentConfig):
    """A joint-embedding predictive architecture from pixels: one latent per frame, whose successor is predicted.

    The loss is the mean squared error of the predicted latents, through which gradients flow into both sides, and
    SIGReg, without which every latent would become the same. Projectors with BatchNorm follow encoder and predictor.

    LeWM (Maes et al. 2026, arXiv 2603.19312): ViT-tiny with patches of 14 px, 192 dims, 6 layers of 16 heads of 64,
    weight .09, AdamW 5e-5. Deviations: any encoder; the readout in place of the CLS token; rotary positions and gated
    MLPs (`nn.stack`); frames before an episode's beginning are hidden and not trained on.
    """

    tag: ClassVar[str] = "lewm"
    width: int = 192
    """Width of the latent."""
    projector_width: int = 512
    """Width of the hidden layer of the projectors."""
    sigreg_weight: float = 0.09
    """Weight of SIGReg beside the prediction error; 0: latents collapse."""
    num_projections: int = 1024
    """Random directions along which latents are compared with a Gaussian."""

    def build(self, shapes: Shapes) -> "LeWMModel":
        return LeWMModel(self, shapes)


class LeWMModel(LatentModel):
    """See `LeWM`. Satisfies `Trainable` and `WeighsShares`.

    BatchNorm has the statistics of the valid frames of its share of the batch.

    Raises:
        MismatchError: an encoder without a readout, or a horizon that is no multiple of the stride.
    """

    def __init__(self, config: LeWM, shapes: Shapes):
        super().__init__()
        self.config = config
        self.width = config.width
        self.cameras = shapes.cameras
        self.num_frames = shapes.num_images // len(shapes.cameras)
        self.encoder = config.encoder.build(frame_shapes(shapes))
        if "readout" not in self.encoder.provides:
            raise MismatchError(f"expected an encoder with a readout for model 'lewm', got {config.encoder.tag!r}")
        if shapes.horizon % config.stride:
            raise MismatchError(f"expected a horizon of a multiple of {config.stride} steps, got {shapes.horizon}")
        self.projector = Projector(self.encoder.width, config.projector_width, config.width)
        self.predictor = Predictor(config.width, config.attention, config.stride * shapes.action_dim)
        self.predicted = Projector(config.width, config.projector_width, config.width)

    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """The prediction error and SIGReg; metrics: both, and the standard deviation of the latents over the batch."""
        frames = frames_of(batch, self.cameras, self.config.stride)
        latents = self._latents(batch, frames.images, frames.valid)
        found = self.predict(latents[:, :-1], frames.valid[:, :-1], frames.blocks)
        errors = (found - latents[:, 1:]).square().mean((2, 3))
        prediction = masked_mean(errors, frames.transition_valid, batch.share)
        spread = sigreg(latents[:, :, 0], frames.valid, self.config.num_projections, generator)
        seen = latents[frames.valid].detach()
        metrics = {
            "prediction": prediction.detach(),
            "sigreg": spread.detach(),
            "latent_std": seen.std(0, correction=0).mean(),
        }
        return prediction + self.config.sigreg_weight * spread, metrics

    def num_valid(self, batch: Batch) -> Int[Tensor, ""]:
        """The number of transitions that the prediction error is the mean of."""
        return num_transitions(batch, self.cameras, self.config.stride)

    def encode(self, batch: Batch) -> Float[Tensor, "B T 1 D"]:
        """See `LatentModel.encode`."""
        return self._latents(batch, *seen_frames(batch, self.cameras))

    def predict(
        self, latents: Float[Tensor, "B T 1 D"], valid: Bool[Tensor, "B T"], blocks: Float[Tensor, "B T E"]
    ) -> Float[Tensor, "B T 1 D"]:
        """See `LatentModel.predict`. What follows a frame that is not valid is zero."""
        found = self.predictor(latents, valid, blocks)
        chosen = valid.nonzero(as_tuple=True)
        projected = self.predicted(found[chosen][:, 0])[:, None]
        return torch.zeros_like(latents, dtype=projected.dtype).index_put(chosen, projected)

    def _latents(
        self, batch: Batch, images: Mapping[str, Tensor], valid: Bool[Tensor, "B T"]
    ) -> Float[Tensor, "B T 1 D"]:
        def latents_of(context: Context) -> Float[Tensor, "M 1 D"]:
            return self.projector(context.readout())[:, None]

        return encoded(self.encoder, batch, images, valid, latents_of)


class Projector(nn.Module):
    """Two linear layers with BatchNorm and GELU between them. A single row has no statistics and gets the running
    ones.
    """

    def __init__(self, num_in: int, width: int, num_out: int):
        super().__init__()
        self.inner = nn.Linear(num_in, width)
        self.norm = nn.BatchNorm1d(width)
        self.outer = nn.Linear(width, num_out)

    def forward(self, x: Float[Tensor, "M I"]) -> Float[Tensor, "M O"]:
        h, norm = self.inner(x), self.norm
        if norm.training and len(h) > 1:
            h = norm(h)
        else:
            h = functional.batch_norm(h, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
        return self.outer(functional.gelu(h))
