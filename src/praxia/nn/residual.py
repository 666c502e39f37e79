"""The residual block of heads that answer at once."""

from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["ResidualBlock"]


class ResidualBlock(nn.Sequential):
    """x + ReLU(W norm(x)): the block of OpenVLA-OFT's action head (arXiv 2502.19645)."""

    def __init__(self, width: int):
        super().__init__(nn.LayerNorm(width), nn.Linear(width, width), nn.ReLU())

    def forward(self, input: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
        return input + super().forward(input)
