"""Flow matching over action chunks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from praxia.core.config import Config
from praxia.heads.denoisers.denoiser import repeated_rows
from praxia.heads.denoisers.residual_mlp import ResidualMLP
from praxia.nn.embodiment_linear import dim_masks, mask_dims
from praxia.nn.flow import beta_times, euler, interpolate
from praxia.nn.masking import masked_mean
from praxia.nn.types import Batch, Context, Shapes

__all__ = ["Flow", "FlowHead"]


@dataclass(frozen=True)
class Flow(Config):
    """A network predicts the velocity of the whole chunk; `num_steps` Euler steps sample it.

    `repeats` noise draws share one pass of the encoder, which is most of the cost (CogACT's repeated diffusion
    steps, arXiv 2411.19650). Times follow pi0's shifted Beta.
    """

    tag: ClassVar[str] = "flow"
    sampling: ClassVar[Mapping[str, str]] = {"steps": "num_steps"}
    denoiser: Config = field(default_factory=ResidualMLP)
    repeats: int = 4
    num_steps: int = 10

    def build(self, shapes: Shapes, context_width: int) -> "FlowHead":
        return FlowHead(self, shapes, context_width)


class FlowHead(nn.Module):
    """See `Flow`. Dims that a row's embodiment does not have enter neither the network nor the loss."""

    own: Tensor

    def __init__(self, config: Flow, shapes: Shapes, context_width: int):
        super().__init__()
        self.config = config
        self.noise_shape = (shapes.horizon, shapes.action_dim)
        self.denoiser = config.denoiser.build(shapes, context_width)  # pyright: ignore[reportAttributeAccessIssue]
        self.needs = self.denoiser.needs
        self.register_buffer("own", dim_masks([action for _, action in shapes.embodiments]), persistent=False)

    def loss(
        self, context: Context, batch: Batch, generator: torch.Generator
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Mean squared velocity error over valid steps and own dims, averaged over `repeats` draws of (noise, time)."""
        rows = repeated_rows(self.denoiser, context, batch, self.own, self.config.repeats)
        action, counts, embodiment, condition = rows
        noise = torch.randn(action.shape, generator=generator, device=action.device)
        time = beta_times(len(action), generator, action.device)
        x, target = interpolate(noise, action, time)
        loss = masked_mean((self._velocity(x, time, condition, embodiment) - target).square(), counts)
        return loss, {"flow": loss.detach()}

    def sample(
        self, context: Context, noise: Float[Tensor, "B H A"], embodiment: Int[Tensor, " B"]
    ) -> Float[Tensor, "B H A"]:
        """The chunk that `noise` flows to; dims that a row's embodiment does not have mean nothing."""
        condition = self.denoiser.condition(context)
        return euler(lambda x, time: self._velocity(x, time, condition, embodiment), noise, self.config.num_steps)

    def _velocity(
        self,
        x: Float[Tensor, "B H A"],
        time: Float[Tensor, " B"],
        condition: tuple[Tensor, ...],
        embodiment: Int[Tensor, " B"],
    ) -> Float[Tensor, "B H A"]:
        return self.denoiser(mask_dims(x, self.own, embodiment), time, condition, embodiment)
