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
        if _is_rounded(parameter):
            parameter.data = parameter.data.bfloat16()


def bf16_arithmetic(model: nn.Module) -> AbstractContextManager[object]:
    """The context in which a model with such weights computes: torch's autocast. Another computes as it is."""
    # All are rounded or none, so the first tells; to look at all of them at every decision would take longer.
    first = next(filter(_is_rounded, model.parameters()), None)
    if first is None or first.dtype != torch.bfloat16:
        return nullcontext()
    return torch.autocast(first.device.type, torch.bfloat16)


def _is_rounded(parameter: nn.Parameter) -> bool:
    return parameter.dim() > 1 and parameter.is_floating_point()
