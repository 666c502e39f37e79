"""Flow matching over action chunks from one context vector."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from praxia.core.config import Part
from praxia.nn.embed import sinusoid
from praxia.nn.embodied import body_linear, keep_own, own_dims
from praxia.nn.flow import beta_times, euler, interpolate
from praxia.nn.types import Batch, Context, Shapes

__all__ = ["Flow", "FlowHead"]

TIME_WIDTH = 64


@dataclass(frozen=True)
class Flow(Part):
    """A residual MLP predicts the velocity of the whole chunk; `num_steps` Euler steps sample it.

    `repeats` noise draws share one pass of the encoder, which is most of the cost (CogACT's repeated diffusion
    steps, arXiv 2411.19650). Times follow pi0's shifted Beta.
    """

    tag: ClassVar[str] = "flow"
    width: int = 256
    depth: int = 3
    repeats: int = 4
    num_steps: int = 10

    def build(self, shapes: Shapes, context_width: int) -> "FlowHead":
        return FlowHead(self, shapes, context_width)


class FlowHead(nn.Module):
    """See `Flow`. Needs a "readout" group, whose tokens are averaged.

    With several embodiments the first and the last layer have weights a body, and dims that a row's body does not have
    enter neither the network nor the loss.
    """

    needs = frozenset({"readout"})
    own: Tensor

    def __init__(self, config: Flow, shapes: Shapes, context_width: int):
        super().__init__()
        self.config = config
        self.noise_shape = (shapes.horizon, shapes.action_dim)
        num_actions = shapes.horizon * shapes.action_dim
        self.action_in = body_linear(len(shapes.bodies), num_actions, config.width)
        self.time_in = nn.Linear(TIME_WIDTH, config.width)
        self.context_in = nn.Linear(context_width, config.width)
        self.blocks = nn.ModuleList(ModulatedBlock(config.width) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width)
        self.out = body_linear(len(shapes.bodies), config.width, num_actions)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)
        self.register_buffer("own", own_dims([action for _, action in shapes.bodies]), persistent=False)

    def loss(
        self, context: Context, batch: Batch, generator: torch.Generator
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Mean squared velocity error over valid steps and own dims, averaged over `repeats` draws of (noise, time)."""
        assert batch.action is not None, "a loss needs actions"
        assert batch.action_valid is not None, "a loss needs to know which actions count"
        repeats = self.config.repeats
        condition = self._condition(context).repeat(repeats, 1)
        embodiment = batch.embodiment.repeat(repeats)
        action = keep_own(batch.action.repeat(repeats, 1, 1), self.own, embodiment)
        valid = batch.action_valid.repeat(repeats, 1)[..., None] & self.own[embodiment][:, None]
        noise = torch.randn(action.shape, generator=generator, device=action.device)
        time = beta_times(len(action), generator, action.device)
        x, target = interpolate(noise, action, time)
        error = (self._velocity(x, time, condition, embodiment) - target).square() * valid
        loss = error.sum() / valid.sum().clamp_min(1)
        return loss, {"flow": loss.detach()}

    def sample(
        self, context: Context, noise: Float[Tensor, "B H A"], embodiment: Int[Tensor, " B"]
    ) -> Float[Tensor, "B H A"]:
        """The chunk that `noise` flows to; dims that a row's body does not have mean nothing."""
        condition = self._condition(context)
        return euler(lambda x, time: self._velocity(x, time, condition, embodiment), noise, self.config.num_steps)

    def _condition(self, context: Context) -> Float[Tensor, "B D"]:
        return self.context_in(context.tokens[:, context.groups["readout"]].mean(1))

    def _velocity(
        self,
        x: Float[Tensor, "B H A"],
        time: Float[Tensor, " B"],
        condition: Float[Tensor, "B D"],
        embodiment: Int[Tensor, " B"],
    ) -> Float[Tensor, "B H A"]:
        x = keep_own(x, self.own, embodiment)
        steer = functional.silu(condition + self.time_in(sinusoid(time, TIME_WIDTH)))
        h = self.action_in(x.flatten(1), embodiment) + condition
        for block in self.blocks:
            h = block(h, steer)
        return self.out(functional.silu(self.norm(h)), embodiment).unflatten(1, self.noise_shape)


class ModulatedBlock(nn.Module):
    """A residual MLP block whose normalised input is scaled and shifted by a vector (adaLN-zero, DiT)."""

    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulate = nn.Linear(width, 3 * width)
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        nn.init.zeros_(self.modulate.weight)
        nn.init.zeros_(self.modulate.bias)

    def forward(self, x: Float[Tensor, "B D"], steer: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        scale, shift, gate = self.modulate(steer).chunk(3, dim=-1)
        return x + gate * self.mlp(self.norm(x) * (1 + scale) + shift)
