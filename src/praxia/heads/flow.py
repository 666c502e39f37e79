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
    RealTimeHead,
    count_remaining,
    draw_prefix,
    expect_real_time,
    with_prefix,
)
from praxia.nn.embodiment_linear import mask_dims
from praxia.nn.flow import beta_times, euler, interpolate
from praxia.nn.guidance import Guide
from praxia.nn.layers import masked_mean
from praxia.nn.types import Batch, Context, PreviousChunk, Shapes

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
        return FlowHead(self, shapes, context_width)


class FlowHead(RealTimeHead[Flow]):
    """See `Flow`. Dims that a row's embodiment lacks enter neither the network nor the loss."""

    def __init__(self, config: Flow, shapes: Shapes, context_width: int):
        super().__init__(config, config.denoiser, shapes, context_width)

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

    def sample(
        self, context: Context, noise: Float[Tensor, "B H A"], embodiment: Int[Tensor, " B"]
    ) -> Float[Tensor, "B H A"]:
        """The chunk that `noise` flows to; dims that a row's embodiment lacks have no meaning."""
        condition = self.denoiser.condition(context)
        return euler(lambda x, time: self._velocity(x, time, condition, embodiment), noise, self.config.num_steps)

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
        condition = self.denoiser.condition(context)

        def velocity(x: Tensor, time: Tensor) -> Tensor:
            time = torch.where(previous.committed, 1.0, time[:, None])
            return self._velocity(with_prefix(x, previous), time, condition, embodiment)

        return with_prefix(euler(velocity, noise, self.config.num_steps), previous)

    def _velocity(
        self,
        x: Float[Tensor, "B H A"],
        time: Float[Tensor, "B *H"],
        condition: tuple[Tensor, ...],
        embodiment: Int[Tensor, " B"],
    ) -> Float[Tensor, "B H A"]:
        return self.denoiser(mask_dims(x, self.action_mask, embodiment), time, condition, embodiment)
