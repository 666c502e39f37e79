"""The blocks of a model: the repeated layers that are sharded, or recomputed, one at a time."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

__all__ = ["blocks", "compile_blocks", "recompute_blocks"]


def blocks(model: nn.Module) -> dict[str, nn.Module]:
    """The blocks of `model` by their names in it, in its order: transformer layers, and what other networks repeat.

    They are the members of its `nn.ModuleList`s (such as `nn.TransformerEncoder.layers`) that have weights and modules
    inside, unless these have blocks of their own: a list of towers, one per camera, has the layers of each. Each is
    used by calling it, and changes nothing but its own output. Members of an `nn.Sequential` are no blocks.
    """
    return dict(_blocks(model, "", member=False))


def _blocks(module: nn.Module, name: str, *, member: bool) -> Iterator[tuple[str, nn.Module]]:
    listed = isinstance(module, nn.ModuleList)
    found = False
    for child_name, child in module.named_children():
        for block in _blocks(child, f"{name}.{child_name}" if name else child_name, member=listed):
            found = True
            yield block
    if member and not listed and not found and any(module.children()) and any(True for _ in module.parameters()):
        yield name, module


def recompute_blocks(model: nn.Module) -> int:
    """Let the blocks of `model` keep their inputs alone in a forward pass, and be computed again in the backward pass.

    Activation checkpointing (Chen et al. 2016, arXiv 1604.06174): less memory for about a third more time, and the same
    gradients, as dropout draws the same again. Hooks on a block run once, and the names of weights stay as they are.
    Returns the number of blocks.
    """
    found = blocks(model)
    for block in found.values():
        forward: Callable[..., Any] = block.forward
        # A partial object of a bound method, so that a copy of the model calls its own blocks.
        block.forward = partial(checkpoint, forward, use_reentrant=False)
    return len(found)


def compile_blocks(model: nn.Module) -> int:
    """Let torch compile the blocks of `model` when they are first called, one by one: equal ones are compiled once.

    The names of weights stay as they are, and results are the same up to rounding: dropout draws the same masks, as
    torch's own kernels draw them. Blocks that are computed again in
    the backward pass stay so, compiled. Returns the number of blocks.
    """
    found = blocks(model)
    for block in found.values():
        # As in `recompute_blocks`, what is bound to the block is an argument, so that a copy calls its own.
        compiled = partial(torch.compile(type(block).forward, options={"fallback_random": True}), block)
        forward: Any = block.forward
        recomputed = isinstance(forward, partial) and forward.func is checkpoint
        block.forward = partial(checkpoint, compiled, use_reentrant=False) if recomputed else compiled
    return len(found)
