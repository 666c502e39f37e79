"""Flow matching over action chunks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from praxia.heads.denoisers.denoiser import DenoiserConfig, repeated_rows
from praxia.heads.denoisers.residual_mlp import ResidualMLP
from praxia.nn.embodiment_linear import dim_masks, mask_dims
from praxia.nn.flow import beta_times, euler, interpolate
from praxia.nn.layers import masked_mean
from praxia.nn.types import Batch, Context, Head, HeadConfig, Shapes

__all__ = ["Flow", "FlowHead"]


@dataclass(frozen=True)
class Flow(HeadConfig):
    """A network predicts the velocity of the whole chunk; `num_steps` Euler steps sample it.

    `repeats` noise draws share one pass of the encoder, which is most of the cost (the repeated diffusion steps of
    CogACT, arXiv 2411.19650). Times follow pi0's shifted Beta.
    """

    tag: ClassVar[str] = "flow"
    sampling: ClassVar[Mapping[str, str]] = {"steps": "num_steps"}
    denoiser: DenoiserConfig = field(default_factory=ResidualMLP)
    repeats: int = 4
    """Noise draws that share one pass of the encoder in training."""
    num_steps: int = 10
    """Euler steps when a chunk is sampled."""

    def build(self, shapes: Shapes, context_width: int) -> "FlowHead":
        return FlowHead(self, shapes, context_width)


class FlowHead(Head):
    """See `Flow`. Dims that a row's embodiment lacks enter neither the network nor the loss."""

    action_mask: Tensor

    def __init__(self, config: Flow, shapes: Shapes, context_width: int):
        super().__init__()
        self.config = config
        self.noise_shape = (shapes.horizon, shapes.action_dim)
        self.denoiser = config.denoiser.build(shapes, context_width)
        self.requires = self.denoiser.requires
        self.register_buffer("action_mask", dim_masks(shapes.action_dims), persistent=False)

    def loss(
        self, context: Context, batch: Batch, generator: torch.Generator
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Mean squared velocity error over valid steps, the embodiment's dims and `repeats` draws of (noise, time)."""
        rows = repeated_rows(self.denoiser, context, batch, self.action_mask, self.config.repeats)
        action, loss_mask, embodiment, condition = rows
        noise = batch.share.normal(action.shape, generator)
        time = beta_times(batch.share.uniform([len(action)], generator))
        x, target = interpolate(noise, action, time)
        loss = masked_mean((self._velocity(x, time, condition, embodiment) - target).square(), loss_mask, batch.share)
        return loss, {"flow": loss.detach()}

    def num_valid(self, batch: Batch) -> Int[Tensor, ""]:
        return batch.loss_mask(self.action_mask).sum()

    def sample(
        self, context: Context, noise: Float[Tensor, "B H A"], embodiment: Int[Tensor, " B"]
    ) -> Float[Tensor, "B H A"]:
        """The chunk that `noise` flows to; dims that a row's embodiment lacks have no meaning."""
        condition = self.denoiser.condition(context)
        return euler(lambda x, time: self._velocity(x, time, condition, embodiment), noise, self.config.num_steps)

    def _velocity(
        self,
        x: Float[Tensor, "B H A"],
        time: Float[Tensor, " B"],
        condition: tuple[Tensor, ...],
        embodiment: Int[Tensor, " B"],
    ) -> Float[Tensor, "B H A"]:
        return self.denoiser(mask_dims(x, self.action_mask, embodiment), time, condition, embodiment)
