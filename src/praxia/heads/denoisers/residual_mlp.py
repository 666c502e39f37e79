"""A residual MLP over the flattened chunk: the smallest denoiser, and on small chunks the fastest."""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from praxia.heads.denoisers.denoiser import Denoiser, DenoiserConfig
from praxia.nn.embodiment_linear import embodiment_linear
from praxia.nn.layers import by_step, sinusoidal_embedding, zeroed
from praxia.nn.types import Context, Shapes

__all__ = ["TIME_WIDTH", "ResidualMLP", "ResidualMLPDenoiser"]

TIME_WIDTH = 64


@dataclass(frozen=True)
class ResidualMLP(DenoiserConfig):
    """`depth` residual blocks, scaled and shifted by the readout and the time.

    Where each step has its own time they see the mean of the embedded times. It tells how many steps are done and the
    time of the rest, where these share one; networks with a token for each step see which step has which time.
    """

    tag: ClassVar[str] = "residual-mlp"
    width: int = 256
    """Width of the blocks."""
    depth: int = 3
    """Number of blocks."""

    def build(self, shapes: Shapes, context_width: int) -> "ResidualMLPDenoiser":
        return ResidualMLPDenoiser(self, shapes, context_width)


class ResidualMLPDenoiser(Denoiser):
    """See `ResidualMLP`. Requires the group "readout", whose tokens are averaged.

    With several embodiments the first and the last layer have weights per embodiment.
    """

    requires = frozenset({"readout"})

    def __init__(self, config: ResidualMLP, shapes: Shapes, context_width: int):
        super().__init__()
        self.chunk_shape = (shapes.horizon, shapes.action_dim)
        num_actions = shapes.horizon * shapes.action_dim
        self.action_in = embodiment_linear(shapes.num_embodiments, num_actions, config.width)
        self.time_in = nn.Linear(TIME_WIDTH, config.width)
        self.context_in = nn.Linear(context_width, config.width)
        self.blocks = nn.ModuleList(ModulatedBlock(config.width) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width)
        self.out = zeroed(embodiment_linear(shapes.num_embodiments, config.width, num_actions))

    def condition(self, context: Context) -> tuple[Tensor, ...]:
        return (self.context_in(context.readout()),)

    def forward(
        self,
        x: Float[Tensor, "B H A"],
        time: Float[Tensor, "B *H"],
        condition: tuple[Tensor, ...],
        embodiment: Int[Tensor, " B"],
    ) -> Float[Tensor, "B H A"]:
        (readout,) = condition
        embedded_time = by_step(sinusoidal_embedding(time, TIME_WIDTH)).mean(1)
        conditioning = functional.silu(readout + self.time_in(embedded_time))
        h = self.action_in(x.flatten(1), embodiment) + readout
        for block in self.blocks:
            h = block(h, conditioning)
        return self.out(functional.silu(self.norm(h)), embodiment).unflatten(1, self.chunk_shape)


class ModulatedBlock(nn.Module):
    """A residual MLP block whose normalised input is scaled and shifted by a vector (adaLN-zero, DiT)."""

    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulate = zeroed(nn.Linear(width, 3 * width))
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, x: Float[Tensor, "B D"], conditioning: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        scale, shift, gate = self.modulate(conditioning).chunk(3, dim=-1)
        return x + gate * self.mlp(self.norm(x) * (1 + scale) + shift)
