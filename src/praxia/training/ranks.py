"""The processes that train together, as their launcher (torchrun or Slurm) describes them."""

import json
import os
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor

from praxia.core.errors import PraxiaError
from praxia.core.keys import seed
from praxia.nn.device import find_device

__all__ = [
    "accelerator",
    "all_say",
    "expect_known_launch",
    "expect_same",
    "expect_shares",
    "first_decides",
    "local_processes",
    "num_processes",
]

# How processes of several machines are started.
SEVERAL = (
    "`torchrun --nnodes K --node-rank I --master-addr FIRST --master-port 29500 --nproc-per-node N -m praxia train ...`"
)


def num_processes() -> int:
    """The number of processes that train together, on all machines: torchrun's, or 1."""
    return _number("WORLD_SIZE") or 1


def local_processes() -> int:
    """How many of them are on this machine."""
    return _number("LOCAL_WORLD_SIZE") or 1


def accelerator(device: str | None) -> dict[str, Any]:
    """What Fabric needs to know for the processes to train on `device`: "cpu", "cuda", "cuda:N" or "mps".

    None: on the accelerator that Fabric finds, if there is one. Each process of a machine has a device of its own, that
    of its LOCAL_RANK.

    Raises:
        PraxiaError: there is no such device, or it is a single one for several processes.
    """
    here = {"devices": local_processes(), "num_nodes": num_processes() // local_processes()}
    if device is None:
        return {"accelerator": "auto", **here}
    kind, _, number = find_device(device).partition(":")
    if not number:
        return {"accelerator": kind, **here}
    if local_processes() > 1:
        raise PraxiaError(
            f"expected --device {kind} for {local_processes()} processes, got {device}, which is one of it"
        )
    return {"accelerator": kind, **here, "devices": [int(number)]}


def expect_known_launch() -> None:
    """Refuse a launch of processes that would not know of each other, or not all of each other.

    Raises:
        PraxiaError: then each machine, or each process, would train a run of its own.
    """
    nodes = _number("SLURM_STEP_NUM_NODES") or _number("SLURM_NNODES") or _number("SLURM_JOB_NUM_NODES") or 1
    world, here = num_processes(), local_processes()
    if world % here or (world > here and "TORCHELASTIC_RUN_ID" not in os.environ):
        raise PraxiaError(
            f"expected as many processes of torchrun on every machine, got {world} processes of which {here} are here; "
            f"start on each {SEVERAL}"
        )
    if nodes > 1 and world == here:
        # A job of several nodes has its variables in its batch script too; only a step says that it has one of them.
        raise PraxiaError(
            f"expected processes that know of each other on {nodes} nodes of Slurm, got {world} of a run on its own; "
            f"start on each {SEVERAL}, or on one "
            "`srun --nodes 1 --ntasks 1 torchrun --standalone --nproc-per-node N -m praxia train ...`"
        )
    # What srun starts knows its number; a shell within an allocation does not.
    tasks = _number("SLURM_STEP_NUM_TASKS") or (_number("SLURM_NTASKS") if "SLURM_PROCID" in os.environ else None) or 1
    if tasks > 1 and "LOCAL_WORLD_SIZE" not in os.environ:
        raise PraxiaError(
            f"expected one task of Slurm, got {tasks}, each of which would train a run of its own; start one, "
            f"`torchrun --standalone --nproc-per-node {tasks} -m praxia train ...`"
        )


def expect_same(fabric: Fabric, value: object, what: str) -> None:
    """Refuse processes that would train something else together: each has its `value` (JSON).

    Raises:
        PraxiaError: in every process, saying `what` they differ in.
    """
    if fabric.world_size == 1:
        return
    own = torch.tensor(seed(json.dumps(value, sort_keys=True)), device=fabric.device)
    found = fabric.all_gather(own)
    assert isinstance(found, Tensor)
    if (found != found[0]).any():
        raise PraxiaError(
            f"expected all {fabric.world_size} processes to have the same {what}, got {len(found.unique())} different; "
            "give each machine the same data, options and versions, and one --out on a disk that they share"
        )


def first_decides(fabric: Fabric, value: bool) -> bool:
    """What the first process says, in every process. All of them call it."""
    said = fabric.all_reduce(
        torch.tensor(float(value and fabric.is_global_zero), device=fabric.device), reduce_op="sum"
    )
    assert isinstance(said, Tensor)
    return bool(said)


def all_say(fabric: Fabric, value: bool) -> bool:
    """Whether `value` is true in every process. All of them call it."""
    said = fabric.all_reduce(torch.tensor(float(value), device=fabric.device), reduce_op="sum")
    assert isinstance(said, Tensor)
    return bool(said == fabric.world_size)


def expect_shares(num_rows: int, option: str, parts: int) -> None:
    """Refuse a batch of `num_rows` that the processes, each in `parts` parts, cannot share evenly.

    Raises:
        PraxiaError: naming the `option` that sets it and the nearest that they can.
    """
    processes, shares = num_processes(), num_processes() * parts
    if num_rows % shares:
        whose = f"{shares} ({processes} processes of --train.accumulate {parts})"
        whose = whose if parts > 1 else f"the {processes} processes that share it"
        nearest = max(1, round(num_rows / shares)) * shares
        raise PraxiaError(f"expected --{option} to be a multiple of {whose}, got {num_rows}; nearest: {nearest}")


def _number(name: str) -> int | None:
    """The number that a variable of the environment holds; None where it holds none."""
    text = os.environ.get(name, "")
    return int(text) if text.isdigit() else None
