"""One chunk for one observation, by least absolute error: what averages where demonstrations disagree."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from praxia.core.config import Config
from praxia.nn.embodiment_linear import dim_masks, embodiment_linear
from praxia.nn.masking import masked_actions, masked_mean
from praxia.nn.residual import ResidualBlock
from praxia.nn.types import Batch, Context, Shapes

__all__ = ["Regression", "RegressionHead"]


@dataclass(frozen=True)
class Regression(Config):
    """A residual MLP from the readout to the chunk, trained with L1 (as OpenVLA-OFT's head, arXiv 2502.19645)."""

    tag: ClassVar[str] = "regression"
    width: int = 256
    depth: int = 2

    def build(self, shapes: Shapes, context_width: int) -> "RegressionHead":
        return RegressionHead(self, shapes, context_width)


class RegressionHead(nn.Module):
    """See `Regression`. Needs a "readout" group; draws no noise."""

    needs = frozenset({"readout"})
    noise_shape = (0,)
    own: Tensor

    def __init__(self, config: Regression, shapes: Shapes, context_width: int):
        super().__init__()
        self.chunk_shape = (shapes.horizon, shapes.action_dim)
        self.context_in = nn.Linear(context_width, config.width)
        self.blocks = nn.Sequential(*(ResidualBlock(config.width) for _ in range(config.depth)))
        self.norm = nn.LayerNorm(config.width)
        self.out = embodiment_linear(len(shapes.embodiments), config.width, shapes.horizon * shapes.action_dim)
        self.register_buffer("own", dim_masks([action for _, action in shapes.embodiments]), persistent=False)

    def loss(
        self, context: Context, batch: Batch, generator: torch.Generator
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Mean absolute error over valid steps and own dims."""
        action, counts = masked_actions(batch, self.own)
        loss = masked_mean((self._predict(context, batch.embodiment) - action).abs(), counts)
        return loss, {"l1": loss.detach()}

    def sample(
        self, context: Context, noise: Float[Tensor, "B 0"], embodiment: Int[Tensor, " B"]
    ) -> Float[Tensor, "B H A"]:
        """The one chunk; dims that a row's embodiment does not have mean nothing."""
        return self._predict(context, embodiment)

    def _predict(self, context: Context, embodiment: Int[Tensor, " B"]) -> Float[Tensor, "B H A"]:
        h = self.blocks(functional.relu(self.context_in(context.readout())))
        return self.out(self.norm(h), embodiment).unflatten(1, self.chunk_shape)
