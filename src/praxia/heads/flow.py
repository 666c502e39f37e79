"""Flow matching over action chunks."""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from praxia.heads.denoisers.denoiser import DenoiserConfig, repeated_rows
from praxia.heads.denoisers.residual_mlp import ResidualMLP
from praxia.heads.real_time import (
    RealTimeConfig,
    count_remaining,
    draw_prefix,
    expect_horizon,
    expect_real_time,
    expect_trained,
    guide_of,
)
from praxia.nn.embodiment_linear import dim_masks, mask_dims
from praxia.nn.flow import beta_times, euler, interpolate
from praxia.nn.guidance import Guide
from praxia.nn.layers import masked_mean
from praxia.nn.types import Batch, Context, Head, PreviousChunk, Shapes

__all__ = ["Flow", "FlowHead"]


@dataclass(frozen=True)
class Flow(RealTimeConfig):
    """A network predicts the velocity of the whole chunk; `num_steps` Euler steps sample it.

    `repeats` noise draws share one pass of the encoder, which is most of the cost (the repeated diffusion steps of
    CogACT, arXiv 2411.19650). Times follow pi0's shifted Beta. What it does about a delay is in `RealTimeConfig`.
    """

    tag: ClassVar[str] = "flow"
    denoiser: DenoiserConfig = field(default_factory=ResidualMLP)
    repeats: int = 4
    """Noise draws that share one pass of the encoder in training."""
    num_steps: int = 10
    """Euler steps when a chunk is sampled."""

    def __post_init__(self) -> None:
        expect_real_time(self)

    def build(self, shapes: Shapes, context_width: int) -> "FlowHead":
        expect_horizon(self, shapes.horizon)
        return FlowHead(self, shapes, context_width)


class FlowHead(Head):
    """See `Flow`. `Inpaints`. Dims that a row's embodiment lacks enter neither the network nor the loss."""

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
        """Mean squared velocity error over valid steps, the embodiment's dims and `repeats` draws of (noise, time).

        With a trained prefix it is over the steps after it.
        """
        rows = repeated_rows(self.denoiser, context, batch, self.action_mask, self.config.repeats)
        action, loss_mask, embodiment, condition = rows
        noise = batch.share.normal(action.shape, generator)
        time = beta_times(batch.share.uniform([len(action)], generator))
        prefix = draw_prefix(self.config, action, batch.share, generator)
        time = time if prefix is None else torch.where(prefix, 1.0, time[:, None])
        x, target = interpolate(noise, action, time)
        error = (self._velocity(x, time, condition, embodiment) - target).square()
        loss = masked_mean(count_remaining(error, prefix, self.config), loss_mask, batch.share)
        return loss, {"flow": loss.detach()}

    def num_valid(self, batch: Batch) -> Int[Tensor, ""]:
        return batch.loss_mask(self.action_mask).sum()

    def sample(
        self, context: Context, noise: Float[Tensor, "B H A"], embodiment: Int[Tensor, " B"]
    ) -> Float[Tensor, "B H A"]:
        """The chunk that `noise` flows to; dims that a row's embodiment lacks have no meaning."""
        condition = self.denoiser.condition(context)
        return euler(lambda x, time: self._velocity(x, time, condition, embodiment), noise, self.config.num_steps)

    def inpaint(
        self,
        context: Context,
        noise: Float[Tensor, "B H A"],
        embodiment: Int[Tensor, " B"],
        previous: PreviousChunk,
    ) -> Float[Tensor, "B H A"]:
        """`sample`, guided to the chunk before or after a trained prefix, as the config says; it may say neither."""
        if self.config.guidance is not None:
            guide = guide_of(self.config, previous, self.action_mask[embodiment])
            return self._guided(context, noise, embodiment, guide)
        if self.config.trained_delay:
            expect_trained(self.config, previous)
            return self._continued(context, noise, embodiment, previous)
        return self.sample(context, noise, embodiment)

    def _guided(
        self, context: Context, noise: Float[Tensor, "B H A"], embodiment: Int[Tensor, " B"], guide: Guide
    ) -> Float[Tensor, "B H A"]:
        condition = self.denoiser.condition(context)

        def velocity(x: Tensor, time: Tensor) -> Tensor:
            left = 1 - time[:, None, None]
            data = guide(lambda x: x + left * self._velocity(x, time, condition, embodiment), x, time)
            return (data - x) / left

        return euler(velocity, noise, self.config.num_steps)

    def _continued(
        self,
        context: Context,
        noise: Float[Tensor, "B H A"],
        embodiment: Int[Tensor, " B"],
        previous: PreviousChunk,
    ) -> Float[Tensor, "B H A"]:
        """What is committed, at time 1 from the beginning, and what follows it."""
        condition, prefix = self.denoiser.condition(context), previous.committed

        def with_prefix(x: Tensor) -> Tensor:
            return torch.where(prefix[..., None], previous.action, x)

        def velocity(x: Tensor, time: Tensor) -> Tensor:
            return self._velocity(with_prefix(x), torch.where(prefix, 1.0, time[:, None]), condition, embodiment)

        return with_prefix(euler(velocity, noise, self.config.num_steps))

    def _velocity(
        self,
        x: Float[Tensor, "B H A"],
        time: Float[Tensor, "B *H"],
        condition: tuple[Tensor, ...],
        embodiment: Int[Tensor, " B"],
    ) -> Float[Tensor, "B H A"]:
        return self.denoiser(mask_dims(x, self.action_mask, embodiment), time, condition, embodiment)
