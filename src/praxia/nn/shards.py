"""Weights of which every process has a shard: FSDP2's tensors (`DTensor`), cut along their first axis.

What takes a tensor here takes a whole one, too, whose only shard it is.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, distributed, nn
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor

__all__ = ["exchanged", "fill", "gathered", "is_sharded", "like", "local", "rows_of"]


def is_sharded(model: nn.Module) -> bool:
    """Whether processes share the weights of `model`, so that all of them must call it."""
    return isinstance(model, FSDPModule)


def local(value: Tensor) -> Tensor:
    """The shard of this process, which shares its memory with `value`."""
    return value.to_local() if isinstance(value, DTensor) else value


def rows_of(value: DTensor, number: int | None = None) -> slice:
    """Along the first axis of the whole: the rows of process `number`, by default this one.

    As torch.chunk: all have equally many, but the last ones that have any may have fewer.
    """
    number = value.device_mesh.get_local_rank() if number is None else number
    length, size = len(value), -(-len(value) // value.device_mesh.size())
    return slice(min(number * size, length), min((number + 1) * size, length))


def like(value: DTensor, shard: Tensor) -> DTensor:
    """A sharded tensor of the shape of `value`, of which this process has `shard`."""
    return DTensor.from_local(
        shard, value.device_mesh, value.placements, run_check=False, shape=value.shape, stride=value.stride()
    )


@torch.no_grad()
def fill(value: Tensor, whole: Tensor | None) -> None:
    """Give `value` the numbers of `whole`, which the first process has. All processes call it."""
    if not isinstance(value, DTensor):
        sent = torch.empty_like(value) if whole is None else whole.to(value.device).contiguous()
        distributed.broadcast(sent, 0)
        value.copy_(sent)
        return
    received = _padded(value, local(value))
    parts = None if whole is None else [_padded(value, whole[rows].to(value.device)) for rows in _all_rows(value)]
    distributed.scatter(received, parts, group=value.device_mesh.get_group(), group_src=0)
    shard = local(value)
    shard.copy_(received[: len(shard)])


@torch.no_grad()
def gathered(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The whole tensors on the CPU in the first process, and nothing in the others. All processes call it.

    One tensor follows the other, so that no device needs memory for more than one whole.
    """
    found = {}
    for name, value in values.items():
        whole = _gathered(value) if isinstance(value, DTensor) else value.cpu()
        if whole is not None and distributed.get_rank() == 0:
            found[name] = whole
    return found


def _gathered(value: DTensor) -> Tensor | None:
    sent = _padded(value, local(value))
    first = value.device_mesh.get_local_rank() == 0
    parts = [torch.empty_like(sent) for _ in range(value.device_mesh.size())] if first else None
    distributed.gather(sent, parts, group=value.device_mesh.get_group(), group_dst=0)
    if parts is None:
        return None
    rows = _all_rows(value)
    return torch.cat([part[: one.stop - one.start].cpu() for part, one in zip(parts, rows, strict=True)])


def _all_rows(value: DTensor) -> list[slice]:
    return [rows_of(value, number) for number in range(value.device_mesh.size())]


def _padded(value: DTensor, shard: Tensor) -> Tensor:
    """A copy of `shard` with as many rows as the first has: collectives exchange equal sizes."""
    padded = shard.new_zeros(rows_of(value, 0).stop, *value.shape[1:])
    padded[: len(shard)] = shard
    return padded


@contextmanager
def exchanged(model: nn.Module, weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Within it the sharded `model` has `weights`, and they have its own. All processes enter and leave it together."""
    _exchange(model, weights)
    try:
        yield
    finally:
        _exchange(model, weights)


@torch.no_grad()
def _exchange(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.reshard()  # or what was gathered before would be used again
    own = model.state_dict()
    for name, value in weights.items():
        ours, theirs = local(own[name]), local(value)
        kept = ours.clone()
        ours.copy_(theirs)
        theirs.copy_(kept)
