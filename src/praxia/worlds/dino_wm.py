"""DINO-WM: what actions lead to, in the features of an encoder that is not trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from praxia.core.errors import MismatchError
from praxia.nn.layers import masked_mean
from praxia.nn.types import Batch, Context, Shapes
from praxia.worlds.frames import encoded, frame_shapes, frames_of, num_transitions, seen_frames
from praxia.worlds.latent import LatentConfig, LatentModel
from praxia.worlds.predictor import Predictor

__all__ = ["DinoWM", "DinoWMModel"]


@dataclass(frozen=True)
class DinoWM(LatentConfig):
    """A predictor of frozen features: all tokens of a frame, or their readout as one.

    The encoder is never trained, so its features cannot collapse, and a world costs only its predictor. The more tokens
    a frame has, the more it knows of small things, and the more a plan costs.

    DINO-WM (Zhou et al. 2024, arXiv 2411.04983): 196 patches of DINOv2-S, 6 layers, the mean squared error of the next
    frame's features. Deviations: any encoder, with the constant tokens that it adds for text and state; actions
    modulate the predictor's norms in place of 10 dims beside each patch; no proprioception; features are scaled by one
    LayerNorm without weights, because encoders differ in theirs.
    """

    tag: ClassVar[str] = "dino-wm"
    pooled: bool = False
    """One token per frame, the encoder's readout, in place of all tokens."""

    def build(self, shapes: Shapes) -> "DinoWMModel":
        return DinoWMModel(self, shapes)


class DinoWMModel(LatentModel):
    """See `DinoWM`. Satisfies `Trainable` and `WeighsShares`.

    Raises:
        MismatchError: a horizon that is no multiple of the stride, or an encoder without the readout that is asked for.
    """

    def __init__(self, config: DinoWM, shapes: Shapes):
        super().__init__()
        self.config = config
        self.cameras = shapes.cameras
        self.num_frames = shapes.num_images // len(shapes.cameras)
        self.encoder = config.encoder.build(frame_shapes(shapes)).requires_grad_(False)
        self.width = self.encoder.width
        if config.pooled and "readout" not in self.encoder.provides:
            raise MismatchError(f"expected an encoder with a readout to pool, got {config.encoder.tag!r}")
        if shapes.horizon % config.stride:
            raise MismatchError(f"expected a horizon of a multiple of {config.stride} steps, got {shapes.horizon}")
        self.predictor = Predictor(self.encoder.width, config.attention, config.stride * shapes.action_dim)

    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """The prediction error; metric: as a share of that of the baseline that nothing changes."""
        frames = frames_of(batch, self.cameras, self.config.stride)
        latents = self._latents(batch, frames.images, frames.valid)
        found = self.predict(latents[:, :-1], frames.valid[:, :-1], frames.blocks)
        error = masked_mean((found - latents[:, 1:]).square().mean((2, 3)), frames.transition_valid, batch.share)
        changes = (latents[:, 1:] - latents[:, :-1]).square().mean((2, 3))
        unchanged = masked_mean(changes, frames.transition_valid, batch.share)
        return error, {"of_unchanged": error.detach() / unchanged.clamp_min(1e-12)}

    def num_valid(self, batch: Batch) -> Int[Tensor, ""]:
        """The number of transitions that the loss is the mean of."""
        return num_transitions(batch, self.cameras, self.config.stride)

    def encode(self, batch: Batch) -> Float[Tensor, "B T N D"]:
        """See `LatentModel.encode`."""
        return self._latents(batch, *seen_frames(batch, self.cameras))

    def predict(
        self, latents: Float[Tensor, "B T N D"], valid: Bool[Tensor, "B T"], blocks: Float[Tensor, "B T E"]
    ) -> Float[Tensor, "B T N D"]:
        """See `LatentModel.predict`: what the predictor adds to the present features."""
        return latents + self.predictor(latents, valid, blocks)

    @torch.no_grad()
    def _latents(
        self, batch: Batch, images: Mapping[str, Tensor], valid: Bool[Tensor, "B T"]
    ) -> Float[Tensor, "B T N D"]:
        def latents_of(context: Context) -> Float[Tensor, "M N D"]:
            tokens = context.readout()[:, None] if self.config.pooled else context.tokens
            return torch.nn.functional.layer_norm(tokens, tokens.shape[-1:])

        return encoded(self.encoder, batch, images, valid, latents_of)
