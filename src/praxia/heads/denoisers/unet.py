"""The FiLM-conditioned one-dimensional U-Net of Diffusion Policy."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from praxia.core.config import ADDED
from praxia.core.errors import MismatchError
from praxia.heads.denoisers.denoiser import Denoiser, DenoiserConfig
from praxia.heads.denoisers.residual_mlp import TIME_WIDTH
from praxia.nn.embodiment_linear import embodiment_linear
from praxia.nn.layers import by_step, sinusoidal_embedding, zeroed
from praxia.nn.types import Context, Shapes

__all__ = ["UNet", "UNetDenoiser"]

# Of diffusion as published: time 1 is its last step, 99.
NUM_STEPS = 100


@dataclass(frozen=True)
class UNet(DenoiserConfig):
    """Convolutions along the chunk, which is halved between levels; time and readout scale and shift each of them.

    Chi et al. 2023 (arXiv 2303.04137), `conditional_unet1d.py`; published size: channels (512, 1024, 2048), kernel 5.
    Deviations of the defaults: the chunk enters and leaves through a linear layer per step, which can then have weights
    per embodiment; the last layer starts at zero; time is embedded as pi0's. The horizon is free, but must be divisible
    by 2 for each halving. Where each step has its own time, coarser levels see the mean over the steps they hold.

    With `published` ends the first block takes the actions themselves, the step's number is embedded (in theirs
    `time_width` is 128), and the last layer starts as any other: their network, whose parameters it has.
    """

    tag: ClassVar[str] = "unet"
    channels: tuple[int, ...] = (64, 128, 256)
    """Channels of the levels, from the finest to the coarsest."""
    kernel: int = 5
    """Steps that a convolution spans."""
    groups: int = 8
    """Groups of the group norms."""
    published: bool = field(default=False, metadata=ADDED)
    """The ends of the public code: no layer before the first block, DDPM's embedding of the step, an output that does
    not start at zero."""
    time_width: int = field(default=TIME_WIDTH, metadata=ADDED)
    """Features of the embedded time."""

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
        self.config = config
        first, *_ = channels = config.channels
        num_embodiments, time_width = shapes.num_embodiments, config.time_width
        self.action_in = None if config.published else embodiment_linear(num_embodiments, shapes.action_dim, first)
        self.time_in = nn.Sequential(
            nn.Linear(time_width, 4 * time_width), nn.Mish(), nn.Linear(4 * time_width, time_width)
        )
        conditioning_width = time_width + context_width

        def block(cin: int, cout: int) -> ConditionedBlock:
            return ConditionedBlock(cin, cout, conditioning_width, config.kernel, config.groups)

        pairs = list(zip((shapes.action_dim if config.published else first, *channels[:-1]), channels, strict=True))
        self.down = nn.ModuleList(nn.ModuleList([block(cin, cout), block(cout, cout)]) for cin, cout in pairs)
        self.shrink = nn.ModuleList(nn.Conv1d(width, width, 3, 2, 1) for width in channels[:-1])
        self.middle = nn.ModuleList([block(channels[-1], channels[-1]), block(channels[-1], channels[-1])])
        self.up = nn.ModuleList(
            nn.ModuleList([block(2 * cout, cin), block(cin, cin)]) for cin, cout in reversed(pairs[1:])
        )
        self.grow = nn.ModuleList(nn.ConvTranspose1d(cin, cin, 4, 2, 1) for cin, _ in reversed(pairs[1:]))
        self.last = ConvBlock(first, first, config.kernel, config.groups)
        out = embodiment_linear(num_embodiments, first, shapes.action_dim)
        self.out = out if config.published else zeroed(out)

    def condition(self, context: Context) -> tuple[Tensor, ...]:
        return (context.readout(),)

    def forward(
        self,
        x: Float[Tensor, "B H A"],
        time: Float[Tensor, "B *H"],
        condition: tuple[Tensor, ...],
        embodiment: Int[Tensor, " B"],
    ) -> Float[Tensor, "B H A"]:
        (readout,) = condition
        embedded_time = self.time_in(self._embedded(time))
        readout = readout if time.dim() == 1 else readout[:, None].expand(-1, x.shape[1], -1)
        conditioning = torch.cat([embedded_time, readout], dim=-1)
        h = (x if self.action_in is None else self.action_in(x, embodiment)).mT
        skips = []
        for level, blocks in enumerate(self.down):
            for block in blocks:  # pyright: ignore[reportGeneralTypeIssues]
                h = block(h, _at_level(conditioning, level))
            skips.append(h)
            if level < len(self.shrink):
                h = self.shrink[level](h)
        for block in self.middle:
            h = block(h, _at_level(conditioning, len(self.shrink)))
        for level, (blocks, grow) in enumerate(zip(self.up, self.grow, strict=True)):
            h = torch.cat([h, skips.pop()], dim=1)
            for block in blocks:  # pyright: ignore[reportGeneralTypeIssues]
                h = block(h, _at_level(conditioning, len(self.shrink) - level))
            h = grow(h)
        return self.out(self.last(h).mT, embodiment)

    def _embedded(self, time: Float[Tensor, "B *H"]) -> Float[Tensor, "B *H D"]:
        if self.config.published:
            return _step_embedding(time * NUM_STEPS - 1, self.config.time_width)
        return sinusoidal_embedding(time, self.config.time_width)


def _at_level(conditioning: Float[Tensor, "B *H D"], level: int) -> Float[Tensor, "B *H2 D"]:
    """The conditioning where the chunk was halved `level` times."""
    return conditioning if conditioning.dim() == 2 else conditioning.unflatten(1, (-1, 2**level)).mean(2)


def _step_embedding(step: Float[Tensor, "*B"], width: int) -> Float[Tensor, "*B D"]:
    """Sines, then cosines of a step's number at frequencies from 1 to 1e-4 (Ho et al. 2020, arXiv 2006.11239)."""
    at = torch.arange(width // 2, device=step.device, dtype=step.dtype)
    angle = step[..., None] * (-math.log(10_000) * at / (width // 2 - 1)).exp()
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


class ConvBlock(nn.Sequential):
    """Convolution along the chunk, GroupNorm, Mish."""

    def __init__(self, cin: int, cout: int, kernel: int, groups: int):
        super().__init__(nn.Conv1d(cin, cout, kernel, padding=kernel // 2), nn.GroupNorm(groups, cout), nn.Mish())


class ConditionedBlock(nn.Module):
    """Two convolution blocks; between them every channel is scaled and shifted, by one vector or one for each step."""

    def __init__(self, cin: int, cout: int, conditioning_width: int, kernel: int, groups: int):
        super().__init__()
        self.first = ConvBlock(cin, cout, kernel, groups)
        self.film = nn.Sequential(nn.Mish(), nn.Linear(conditioning_width, 2 * cout))
        self.second = ConvBlock(cout, cout, kernel, groups)
        self.skip = nn.Identity() if cin == cout else nn.Conv1d(cin, cout, 1)

    def forward(self, x: Float[Tensor, "B C H"], conditioning: Float[Tensor, "B *H D"]) -> Float[Tensor, "B C2 H"]:
        scale, shift = by_step(self.film(conditioning)).mT.chunk(2, dim=1)
        return self.second(scale * self.first(x) + shift) + self.skip(x)
