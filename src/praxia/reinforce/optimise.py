"""One step of one optimiser."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from praxia.core.errors import TrainingError

__all__ = ["descend"]


def descend(optimizer: torch.optim.Optimizer, loss: Float[Tensor, ""], clip_norm: float = math.inf) -> None:
    """The backward pass of `loss` and a step, with the gradient's norm scaled to `clip_norm` where it is larger.

    Raises:
        TrainingError: the loss or its gradient is not finite. Nothing has changed then.
    """
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    parameters = [one for group in optimizer.param_groups for one in group["params"]]
    norm = nn.utils.clip_grad_norm_(parameters, clip_norm)
    if not bool(norm.isfinite() & loss.isfinite()):
        raise TrainingError(
            f"the loss ({loss.item():.3g}) or its gradient is not finite; states saved before are kept. Lower"
            " --learner.learning-rate"
        )
    optimizer.step()
