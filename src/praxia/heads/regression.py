"""One chunk per observation, by least absolute error, which averages where demonstrations disagree."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from praxia.nn.embodiment_linear import dim_masks, embodiment_linear
from praxia.nn.layers import ResidualBlock, masked_actions, masked_mean
from praxia.nn.types import Batch, Context, Head, HeadConfig, Shapes

__all__ = ["Regression", "RegressionHead"]


@dataclass(frozen=True)
class Regression(HeadConfig):
    """A residual MLP from the readout to the chunk, trained with L1 (as OpenVLA-OFT's head, arXiv 2502.19645)."""

    tag: ClassVar[str] = "regression"
    width: int = 256
    """Width of the MLP."""
    depth: int = 2
    """Number of layers of the MLP."""

    def build(self, shapes: Shapes, context_width: int) -> "RegressionHead":
        return RegressionHead(self, shapes, context_width)


class RegressionHead(Head):
    """See `Regression`. Requires the group "readout"; draws no noise."""

    requires = frozenset({"readout"})
    noise_shape = (0,)
    action_mask: Tensor

    def __init__(self, config: Regression, shapes: Shapes, context_width: int):
        super().__init__()
        self.chunk_shape = (shapes.horizon, shapes.action_dim)
        self.context_in = nn.Linear(context_width, config.width)
        self.blocks = nn.Sequential(*(ResidualBlock(config.width) for _ in range(config.depth)))
        self.norm = nn.LayerNorm(config.width)
        self.out = embodiment_linear(shapes.num_embodiments, config.width, shapes.horizon * shapes.action_dim)
        self.register_buffer("action_mask", dim_masks(shapes.action_dims), persistent=False)

    def loss(
        self, context: Context, batch: Batch, generator: torch.Generator
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Mean absolute error over valid steps and the embodiment's dims."""
        action, loss_mask = masked_actions(batch, self.action_mask)
        loss = masked_mean((self._predict(context, batch.embodiment) - action).abs(), loss_mask, batch.share)
        return loss, {"l1": loss.detach()}

    def num_valid(self, batch: Batch) -> Int[Tensor, ""]:
        return batch.loss_mask(self.action_mask).sum()

    def sample(
        self, context: Context, noise: Float[Tensor, "B 0"], embodiment: Int[Tensor, " B"]
    ) -> Float[Tensor, "B H A"]:
        """The predicted chunk; dims that a row's embodiment lacks have no meaning."""
        return self._predict(context, embodiment)

    def _predict(self, context: Context, embodiment: Int[Tensor, " B"]) -> Float[Tensor, "B H A"]:
        h = self.blocks(functional.relu(self.context_in(context.readout())))
        return self.out(self.norm(h), embodiment).unflatten(1, self.chunk_shape)
