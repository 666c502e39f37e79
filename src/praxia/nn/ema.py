"""Exponential moving average of weights."""

import torch
from torch import Tensor, nn

from praxia.nn.shards import local
from praxia.nn.trainable import UpdatesItself

__all__ = ["Ema", "frozen_names"]


def frozen_names(module: nn.Module) -> frozenset[str]:
    """The names of parameters that training leaves as they are; none of a model that updates itself."""
    if isinstance(module, UpdatesItself):
        return frozenset()
    return frozenset(name for name, value in module.named_parameters() if not value.requires_grad)


class Ema:
    """An exponential moving average of a module's floating-point state.

    The decay warms up as min(decay, (1 + step) / (10 + step)), so that early weights are forgotten (the schedule of
    TensorFlow's ExponentialMovingAverage). Integer buffers are copied; frozen parameters are shared with the module. Of
    sharded weights each process averages its shards.
    """

    def __init__(self, module: nn.Module, decay: float):
        self.decay = decay
        self.frozen = frozen_names(module)
        self.state: dict[str, Tensor] = {
            name: value.detach() if name in self.frozen else value.detach().clone()
            for name, value in module.state_dict().items()
        }

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Move towards `module` after optimiser step `step`, counted from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        slow, fast = [], []
        for name, value in module.state_dict().items():
            if name in self.frozen:
                continue
            if value.is_floating_point():
                slow.append(local(self.state[name]))
                fast.append(local(value.detach()))
            else:
                self.state[name].copy_(value)
        # One fused call: a loop over tensors costs more than the arithmetic.
        torch._foreach_lerp_(slow, fast, 1 - decay)  # pyright: ignore[reportPrivateImportUsage]
