"""Guidance of a sample towards a chunk that is known in part: real-time chunking (Black et al. 2025, arXiv 2506.07339).

The times are those of flow matching: 0 is noise, 1 is data.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

__all__ = ["Guide", "guidance_weight", "soft_mask"]


def soft_mask(committed: Bool[Tensor, "B H"], valid: Bool[Tensor, "B H"]) -> Float[Tensor, "B H"]:
    """How much each step of a chunk should be as in the chunk before, which has actions for the `valid` steps.

    1 where they are committed, then falling to 0 at the end of the chunk before (the paper's equation 5):
    c (e^c - 1) / (e - 1) with c = (m - i) / (m - d + 1), for step i, d committed and m valid ones.
    """
    at = torch.arange(valid.shape[1], device=valid.device)
    num_committed, num_valid = committed.sum(1, keepdim=True), valid.sum(1, keepdim=True)
    left = ((num_valid - at) / (num_valid - num_committed + 1)).clamp(0, 1)
    return torch.where(valid, left * left.expm1() / (math.e - 1), 0.0)


def guidance_weight(time: Float[Tensor, "*B"], clip: float) -> Float[Tensor, "*B"]:
    """By what a velocity's guidance is multiplied at `time`, at most `clip` (the paper's equation 2).

    (1 - t) / (t r^2) with r^2 = (1 - t)^2 / (t^2 + (1 - t)^2), the variance of normal data given the noisy ones.
    """
    return ((time.square() + (1 - time).square()) / (time * (1 - time))).clamp_max(clip)


@dataclass(frozen=True)
class Guide:
    """Moves predicted data towards `target`, as far as `mask` says.

    It moves along the error, times `mask`, multiplied by the transposed Jacobian of the prediction: exact where
    `through_network`, at the cost of a backward pass; else as if the network did not depend on x, so that the Jacobian
    of flow's prediction x + (1 - t) v is the identity. `clip` is the largest weight.
    """

    target: Float[Tensor, "B H A"]
    mask: Float[Tensor, "B H A"]
    clip: float
    through_network: bool

    def __call__(
        self,
        predict: Callable[[Float[Tensor, "B H A"]], Float[Tensor, "B H A"]],
        x: Float[Tensor, "B H A"],
        time: Float[Tensor, " B"],
    ) -> Float[Tensor, "B H A"]:
        """The data that `predict` makes of `x`, which is on flow's path at `time` below 1, moved."""
        data, direction = self._gradient(predict, x) if self.through_network else self._identity(predict, x)
        far = (1 - time) * guidance_weight(time, self.clip)
        return data + far[:, None, None] * direction

    def _gradient(self, predict: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            data = predict(x)
            error = ((self.target - data) * self.mask).detach()
            (direction,) = torch.autograd.grad(data, x, error)
        return data.detach(), direction

    def _identity(self, predict: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
        data = predict(x)
        return data, (self.target - data) * self.mask
