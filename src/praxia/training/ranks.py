"""The processes that train together, as their launcher (torchrun or Slurm) describes them."""

import os
from typing import Any

from praxia.core.errors import PraxiaError
from praxia.nn.device import find_device

__all__ = ["accelerator", "expect_one_node", "expect_shares", "num_processes"]


def num_processes() -> int:
    """The number of processes that train together on this machine: torchrun's, or 1."""
    return _number("LOCAL_WORLD_SIZE") or 1


def accelerator(device: str | None) -> dict[str, Any]:
    """What Fabric needs to know for the processes to train on `device`: "cpu", "cuda", "cuda:N" or "mps".

    None: on the accelerator that Fabric finds, if there is one.

    Raises:
        PraxiaError: there is no such device, or it is a single one for several processes.
    """
    if device is None:
        return {"accelerator": "auto", "devices": num_processes()}
    kind, _, number = find_device(device).partition(":")
    if not number:
        return {"accelerator": kind, "devices": num_processes()}
    if num_processes() > 1:
        raise PraxiaError(f"expected --device {kind} for {num_processes()} processes, got {device}, which is one of it")
    return {"accelerator": kind, "devices": [int(number)]}


def expect_one_node() -> None:
    """Refuse a launch on several machines, or of several independent processes.

    Raises:
        PraxiaError: then each machine, or each process, would train a run of its own.
    """
    nodes = _number("SLURM_STEP_NUM_NODES") or _number("SLURM_NNODES") or _number("SLURM_JOB_NUM_NODES") or 1
    world, here = _number("WORLD_SIZE") or 1, num_processes()
    if nodes > 1 or world > here:
        found = f"{nodes} nodes of Slurm" if nodes > 1 else f"{world} processes of which {here} are here"
        # A job of several nodes has its variables in its batch script too; only a step says that it has one of them.
        step = "srun --nodes 1 --ntasks 1 " if nodes > 1 else ""
        raise PraxiaError(
            f"expected one machine, got {found}: training on several is not supported yet; start "
            f"`{step}torchrun --standalone --nproc-per-node N -m praxia train ...` on one"
        )
    # What srun starts knows its number; a shell within an allocation does not.
    tasks = _number("SLURM_STEP_NUM_TASKS") or (_number("SLURM_NTASKS") if "SLURM_PROCID" in os.environ else None) or 1
    if tasks > 1 and "LOCAL_WORLD_SIZE" not in os.environ:
        raise PraxiaError(
            f"expected one task of Slurm, got {tasks}, each of which would train a run of its own; start one, "
            f"`torchrun --standalone --nproc-per-node {tasks} -m praxia train ...`"
        )


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
