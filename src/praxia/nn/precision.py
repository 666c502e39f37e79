"""Inference in bfloat16: half the memory for weights, and the fast arithmetic of GPUs."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

__all__ = ["bf16_arithmetic", "weights_to_bf16"]


def weights_to_bf16(model: nn.Module) -> None:
    """Round the matrices, kernels and tables of `model` to bfloat16.

    Vectors (biases, the weights of norms) and buffers (statistics, noise schedules) stay in float32.
    """
    for parameter in model.parameters():
        if parameter.dim() > 1 and parameter.is_floating_point():
            parameter.data = parameter.data.bfloat16()


def bf16_arithmetic(model: nn.Module) -> AbstractContextManager[object]:
    """The context in which a model with such weights computes: torch's autocast. Another computes as it is."""
    used = next((one for one in model.parameters() if one.dtype == torch.bfloat16), None)
    return nullcontext() if used is None else torch.autocast(used.device.type, torch.bfloat16)
