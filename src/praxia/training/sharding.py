"""FSDP2: each process keeps a shard of every weight, and has a block's whole only while it computes with them."""

import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from lightning.fabric import Fabric
from lightning.fabric.strategies.model_parallel import ModelParallelStrategy
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

from praxia.core.errors import MismatchError, crash_text
from praxia.nn.blocks import blocks
from praxia.nn.shards import fill
from praxia.nn.trainable import Trainable
from praxia.training.ranks import expect_same, num_processes

__all__ = ["build_whole_once", "sharding_strategy", "shards"]

LOG = logging.getLogger(__name__)


def sharding_strategy() -> ModelParallelStrategy:
    """Fabric's strategy for it: all processes, on however many machines, share the model's weights."""
    return ModelParallelStrategy(_shard, data_parallel_size=num_processes(), tensor_parallel_size=1)


def shards(fabric: Fabric) -> bool:
    """Whether the processes share the weights."""
    return isinstance(fabric.strategy, ModelParallelStrategy)


def build_whole_once(fabric: Fabric, build: Callable[[bool], nn.Module]) -> nn.Module:
    """A model to be sharded: `build(True)` in the first process, `build(False)` on the meta device in the others.

    So one process has memory for the weights, and draws them. A model that cannot be built on the meta device is
    built with weights of its own in every process, which those of the first replace.

    Raises:
        MismatchError: processes have other weights than the first, or what FSDP2 cannot shard.
    """
    if fabric.is_global_zero:
        model = build(True)
    else:
        try:
            with torch.device("meta"):
                model = build(False)
        except (
            NotImplementedError,
            RuntimeError,
        ) as error:
            # As torch raises where a value is needed that is not there.
            LOG.warning(
                "process %d has memory for all weights while the model is built, as it could not be without: %s",
                fabric.global_rank,
                crash_text(error),
            )
            model = build(False)
    _expect_shardable(model)
    expect_same(fabric, [(name, list(value.shape)) for name, value in model.state_dict().items()], "names of weights")
    return model


def _expect_shardable(model: nn.Module) -> None:
    advice = "leave out --train.strategy fsdp"
    if not isinstance(model, Trainable):
        raise MismatchError(
            "a model that updates itself calls its parts as it likes, and FSDP gathers weights only for a loss; "
            + advice
        )
    names = dict(model.named_parameters())
    if tied := set(dict(model.named_parameters(remove_duplicate=False))) - set(names):
        raise MismatchError(f"FSDP cannot shard weights that have two names, such as {sorted(tied)[0]}; {advice}")
    if numbers := [name for name, value in names.items() if not value.dim()]:
        raise MismatchError(f"FSDP cannot shard {numbers[0]}, a weight without axes; {advice}")


def _shard(module: Any, mesh: DeviceMesh) -> nn.Module:
    """Shard the model inside a `training.step.LossModule`: its blocks one by one, then what is outside of them.

    The first process sends every other its shards, tensor by tensor.
    """
    # Layers give their keys and values as views, which nothing changes in place.
    warnings.filterwarnings("ignore", r"FSDP2-wrapped module \(.*\) returned a view tensor", UserWarning)
    model, mesh = module.model, mesh["data_parallel"]
    # Detached, because FSDP2 moves the parameters themselves to the device.
    whole = {name: one.detach() for name, one in _tensors(model)} if mesh.get_local_rank() == 0 else {}
    found = blocks(model)
    last = {name.rpartition(".")[0]: name for name in found}
    for name, block in found.items():
        # The last of a list is the first that the backward pass needs. And where it gave keys and values alone to what
        # follows, as to an action expert, FSDP2 would not gather it again: it waits for gradients of its output.
        fully_shard(block, mesh=mesh, reshard_after_forward=name not in last.values())
    fully_shard(model, mesh=mesh)
    if not whole:
        model.to_empty(device=mesh.device_type)
    for name, value in _tensors(model):
        fill(value, whole.pop(name, None))
    for name in ("loss", "sample"):
        if hasattr(model, name):
            register_fsdp_forward_method(model, name)
    return module


def _tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from model.named_parameters()
    yield from model.named_buffers()
