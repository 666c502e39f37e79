"""The Fabric that a run trains on: its devices, its precision, and what its processes share."""

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning.fabric import Fabric
from lightning.fabric.strategies.model_parallel import ModelParallelStrategy
from torch import distributed

from praxia.training.config import Train
from praxia.training.ranks import accelerator, num_processes
from praxia.training.sharding import sharding_strategy

__all__ = ["launched_fabric", "leave_at_exit", "uncached_autocast"]


def launched_fabric(options: Train, device: str | None) -> Fabric:
    """Fabric for all processes on `device` (see `ranks.accelerator`), with the process group that joins them.

    One process has nothing to share, whatever its strategy.

    Raises:
        PraxiaError: as `ranks.accelerator`.
    """
    atexit.unregister(_leave)  # a run that fails must not wait for processes that will not answer
    fabric = Fabric(**accelerator(device), precision=_precision(options, device), strategy=_strategy(options))
    fabric.launch()
    return fabric


def leave_at_exit(fabric: Fabric) -> None:
    """Have this process, whose run is complete, leave its process groups before the interpreter ends.

    A thread of gloo frees the tensors of a collective some time after it is done, and needs the interpreter for that:
    one that waits for it as it ends aborts the process (docs/LOG.md). Groups join their threads as they are freed.
    """
    if fabric.world_size == 1:
        return
    if isinstance(fabric.strategy, ModelParallelStrategy):
        # The mesh stays in caches of torch that nothing empties, and its groups with it; it finds them by name, too.
        # Before torch 2.11 it has only their names.
        getattr(fabric.strategy.device_mesh, "_pg_registry", {}).clear()
    atexit.unregister(_leave)
    atexit.register(_leave)


def _leave() -> None:
    gc.collect()  # the models of runs that are over, which have the groups and are in cycles
    if distributed.is_initialized():
        distributed.destroy_process_group()


@contextmanager
def uncached_autocast(fabric: Fabric) -> Iterator[None]:
    """The run's precision, where weights that were rounded for one use are not kept for the next in the same pass."""
    kind = fabric.device.type
    with fabric.autocast(), torch.autocast(kind, enabled=torch.is_autocast_enabled(kind), cache_enabled=False):
        yield


def _strategy(options: Train) -> Any:
    if num_processes() == 1:
        return "auto"
    # Some weights of a language model take no part in some losses.
    return sharding_strategy() if options.strategy == "fsdp" else "ddp_find_unused_parameters_true"


def _precision(options: Train, device: str | None) -> Any:
    if options.precision != "auto":
        return options.precision
    cuda = torch.cuda.is_available() and (device is None or device.startswith("cuda"))
    return "bf16-mixed" if cuda and torch.cuda.is_bf16_supported() else "32-true"
