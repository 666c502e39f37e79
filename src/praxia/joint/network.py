"""The network of a joint model: one transformer over the actions of a chunk and the latents of later frames.

Axes: B rows, H actions, A action dims, K later frames, N tokens of a frame, D width of a latent, M present frames,
R registers, W width of the network.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from praxia.nn.layers import sinusoidal_embedding, zeroed
from praxia.nn.stack import AttentionConfig, Stack

__all__ = ["JointTransformer", "RunningScale"]

# How far a step of training moves what is known of the scale of changes.
MOMENTUM = 0.01


class JointTransformer(nn.Module):
    """(noisy actions, noisy changes of latents, a time for each of the two) -> both without noise.

    The registers come first, then actions and frames by time, so that a frame follows the actions that lead to it; all
    tokens attend to each other. The present and both times modulate every norm. With fresh weights all is zero.
    """

    def __init__(
        self,
        attention: AttentionConfig,
        *,
        width: int,
        num_registers: int,
        horizon: int,
        stride: int,
        action_dim: int,
        latent_width: int,
        num_present: int,
    ):
        super().__init__()
        self.width, self.horizon, self.stride = width, horizon, stride
        self.action_in = nn.Linear(action_dim, width)
        self.frame_in = nn.Linear(latent_width, width)
        self.registers = nn.Parameter(torch.randn(num_registers, width) * 0.02)
        self.action_position = nn.Parameter(torch.randn(horizon, width) * 0.02)
        self.frame_position = nn.Parameter(torch.randn(horizon // stride, width) * 0.02)
        self.condition_in = nn.Sequential(
            nn.Linear(num_present * latent_width + 2 * width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width)
        )
        self.stack = Stack(width, 4 * width, attention, condition_width=width)
        self.action_out = zeroed(nn.Linear(width, action_dim))
        self.frame_out = zeroed(nn.Linear(width, latent_width))

    def forward(
        self,
        action: Float[Tensor, "B H A"],
        action_seen: Bool[Tensor, "B H"],
        future: Float[Tensor, "B K N D"],
        future_seen: Bool[Tensor, "B K"],
        present: Float[Tensor, "B M N D"],
        times: Float[Tensor, "B 2"],
    ) -> tuple[Float[Tensor, "B H A"], Float[Tensor, "B K N D"]]:
        """`times` are those of the actions and of the frames. What is not seen is not attended to."""
        batch, num_frames, num_tokens = future.shape[:3]
        frames = (self.frame_in(future) + self.frame_position[:, None]).flatten(1, 2)
        steps = self.action_in(action) + self.action_position
        tokens = torch.cat([self.registers.expand(batch, -1, -1), steps, frames], dim=1)
        registers = action_seen.new_ones(batch, len(self.registers))
        seen = torch.cat([registers, action_seen, future_seen.repeat_interleave(num_tokens, dim=1)], dim=1)
        times_in = sinusoidal_embedding(times, self.width).flatten(1)
        condition = functional.silu(self.condition_in(torch.cat([present.mean(2).flatten(1), times_in], dim=1)))
        order = self._order(num_frames, num_tokens, tokens.device)
        blocks = torch.zeros(len(order), dtype=torch.int64, device=tokens.device)
        hidden, _ = self.stack(tokens[:, order], seen[:, order], blocks, condition=condition)
        hidden = hidden[:, order.argsort()][:, len(self.registers) :]
        steps, frames = hidden.split([self.horizon, num_frames * num_tokens], dim=1)
        return self.action_out(steps), self.frame_out(frames).unflatten(1, (num_frames, num_tokens))

    def _order(self, num_frames: int, num_tokens: int, device: torch.device) -> Int[Tensor, " L"]:
        """The tokens by time: action t begins at t, and frame k is there before action (k + 1) * stride."""
        registers = torch.full((len(self.registers),), -1.0, device=device)
        begins = torch.arange(self.horizon, device=device)
        shown = ((torch.arange(num_frames, device=device) + 1) * self.stride - 0.5).repeat_interleave(num_tokens)
        return torch.cat([registers, begins, shown]).argsort(stable=True)


class RunningScale(nn.Module):
    """The root mean square of the changes in each of K strides, learned as training goes on.

    So what is denoised has unit variance, whatever the latents are.
    """

    square: Tensor

    def __init__(self, num_frames: int):
        super().__init__()
        self.register_buffer("square", torch.ones(num_frames))

    @torch.no_grad()
    def update(self, change: Float[Tensor, "B K N D"], valid: Bool[Tensor, "B K"]) -> None:
        """Move towards the scale of a batch."""
        weight = valid.sum(0)
        mean = torch.where(valid, change.square().mean((2, 3)), 0.0).sum(0) / weight.clamp_min(1)
        self.square.lerp_(torch.where(weight > 0, mean, self.square), MOMENTUM)

    def forward(self) -> Float[Tensor, "K 1 1"]:
        """By what changes are divided."""
        return self.square.clamp_min(1e-12).sqrt()[:, None, None]
