"""The FiLM-conditioned one-dimensional U-Net of Diffusion Policy."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from praxia.core.errors import MismatchError
from praxia.heads.denoisers.denoiser import Denoiser, DenoiserConfig
from praxia.heads.denoisers.residual_mlp import TIME_WIDTH
from praxia.nn.embodiment_linear import embodiment_linear
from praxia.nn.layers import sinusoidal_embedding, zeroed
from praxia.nn.types import Context, Shapes

__all__ = ["UNet", "UNetDenoiser"]


@dataclass(frozen=True)
class UNet(DenoiserConfig):
    """Convolutions along the chunk, which is halved between levels; time and readout scale and shift each of them.

    Chi et al. 2023 (arXiv 2303.04137), `conditional_unet1d.py`; published size: channels (512, 1024, 2048), kernel 5.
    Deviations: the chunk enters and leaves through a linear layer per step, which can then have weights per embodiment;
    the horizon is free, but must be divisible by 2 for each halving; the last layer starts at zero.
    """

    tag: ClassVar[str] = "unet"
    channels: tuple[int, ...] = (64, 128, 256)
    kernel: int = 5
    groups: int = 8

    def build(self, shapes: Shapes, context_width: int) -> "UNetDenoiser":
        """Raises MismatchError for a horizon that cannot be halved often enough."""
        halvings = len(self.channels) - 1
        if shapes.horizon % 2**halvings:
            raise MismatchError(
                f"denoiser 'unet' of {len(self.channels)} levels halves the horizon {halvings} times: expected a "
                f"multiple of {2**halvings}, got {shapes.horizon}; change the window or the number of channels"
            )
        return UNetDenoiser(self, shapes, context_width)


class UNetDenoiser(Denoiser):
    """See `UNet`. Requires the group "readout", whose tokens are averaged."""

    requires = frozenset({"readout"})

    def __init__(self, config: UNet, shapes: Shapes, context_width: int):
        super().__init__()
        first, *_ = channels = config.channels
        num_embodiments = shapes.num_embodiments
        self.action_in = embodiment_linear(num_embodiments, shapes.action_dim, first)
        self.time_in = nn.Sequential(
            nn.Linear(TIME_WIDTH, 4 * TIME_WIDTH), nn.Mish(), nn.Linear(4 * TIME_WIDTH, TIME_WIDTH)
        )
        conditioning_width = TIME_WIDTH + context_width

        def block(cin: int, cout: int) -> ConditionedBlock:
            return ConditionedBlock(cin, cout, conditioning_width, config.kernel, config.groups)

        pairs = list(zip((first, *channels[:-1]), channels, strict=True))
        self.down = nn.ModuleList(nn.ModuleList([block(cin, cout), block(cout, cout)]) for cin, cout in pairs)
        self.shrink = nn.ModuleList(nn.Conv1d(width, width, 3, 2, 1) for width in channels[:-1])
        self.middle = nn.ModuleList([block(channels[-1], channels[-1]), block(channels[-1], channels[-1])])
        self.up = nn.ModuleList(
            nn.ModuleList([block(2 * cout, cin), block(cin, cin)]) for cin, cout in reversed(pairs[1:])
        )
        self.grow = nn.ModuleList(nn.ConvTranspose1d(cin, cin, 4, 2, 1) for cin, _ in reversed(pairs[1:]))
        self.last = ConvBlock(first, first, config.kernel, config.groups)
        self.out = zeroed(embodiment_linear(num_embodiments, first, shapes.action_dim))

    def condition(self, context: Context) -> tuple[Tensor, ...]:
        return (context.readout(),)

    def forward(
        self,
        x: Float[Tensor, "B H A"],
        time: Float[Tensor, " B"],
        condition: tuple[Tensor, ...],
        embodiment: Int[Tensor, " B"],
    ) -> Float[Tensor, "B H A"]:
        conditioning = torch.cat([self.time_in(sinusoidal_embedding(time, TIME_WIDTH)), *condition], dim=-1)
        h = self.action_in(x, embodiment).mT
        skips = []
        for level, blocks in enumerate(self.down):
            for block in blocks:  # pyright: ignore[reportGeneralTypeIssues]
                h = block(h, conditioning)
            skips.append(h)
            if level < len(self.shrink):
                h = self.shrink[level](h)
        for block in self.middle:
            h = block(h, conditioning)
        for blocks, grow in zip(self.up, self.grow, strict=True):
            h = torch.cat([h, skips.pop()], dim=1)
            for block in blocks:  # pyright: ignore[reportGeneralTypeIssues]
                h = block(h, conditioning)
            h = grow(h)
        return self.out(self.last(h).mT, embodiment)


class ConvBlock(nn.Sequential):
    """Convolution along the chunk, GroupNorm, Mish."""

    def __init__(self, cin: int, cout: int, kernel: int, groups: int):
        super().__init__(nn.Conv1d(cin, cout, kernel, padding=kernel // 2), nn.GroupNorm(groups, cout), nn.Mish())


class ConditionedBlock(nn.Module):
    """Two convolution blocks with a vector that scales and shifts every channel between them."""

    def __init__(self, cin: int, cout: int, conditioning_width: int, kernel: int, groups: int):
        super().__init__()
        self.first = ConvBlock(cin, cout, kernel, groups)
        self.film = nn.Sequential(nn.Mish(), nn.Linear(conditioning_width, 2 * cout))
        self.second = ConvBlock(cout, cout, kernel, groups)
        self.skip = nn.Identity() if cin == cout else nn.Conv1d(cin, cout, 1)

    def forward(self, x: Float[Tensor, "B C H"], conditioning: Float[Tensor, "B D"]) -> Float[Tensor, "B C2 H"]:
        scale, shift = self.film(conditioning)[:, :, None].chunk(2, dim=1)
        return self.second(scale * self.first(x) + shift) + self.skip(x)
