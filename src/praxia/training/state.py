"""Everything a run needs to go on bit-identically, flattened into safetensors: weights, average, optimisers, step.

Where processes share the weights (FSDP), each writes its shards, and reads its own of a state of any number.
"""

import json
import logging
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from praxia.checkpoint.migration import SCHEMA
from praxia.core.errors import DataError, TrainingError
from praxia.core.files import remove_leftovers, sha256_file, staged_folder
from praxia.nn.ema import Ema
from praxia.nn.shards import like, local, rows_of
from praxia.training.parts import (
    WHOLE,
    Copied,
    Joined,
    Part,
    collect,
    open_parts,
    remove_parts,
    report_failure,
    save_files,
    write_part,
)

__all__ = [
    "TrainState",
    "checked_state",
    "last_saved_step",
    "load_optimizer",
    "restore_last",
    "state_of_optimizer",
    "write_state",
]

# Saved tensors by their names, which are read as they are asked for.
Tensors = Mapping[str, Joined] | Mapping[str, Tensor]

LOG = logging.getLogger(__name__)

# How many states are there at a time: the last one, and the one before it, should that be damaged.
KEPT = 2


@dataclass(frozen=True)
class TrainState:
    """The mutable objects of a run and the folder its states are saved in.

    Each state is a folder of its own, named by its step. The last two are kept, and an older one is removed when the
    new one is complete, so that a kill at any time leaves a state to resume from. The state of each of the `optimizers`
    is a file of its name. `migrate` renames the weights of a state from before schema 5.

    Of sharded weights and what belongs to them, `part` says which this process has. Every process copies and writes
    its own, at the same steps; the first makes one state of them. A state is read by any number of processes, each of
    which reads the rows that it has.
    """

    folder: Path
    model: nn.Module
    ema: Ema
    optimizers: Mapping[str, torch.optim.Optimizer]
    migrate: Callable[[dict[str, Tensor]], dict[str, Tensor]]
    part: Part = WHOLE

    def copied(self) -> Copied:
        """The state as it is now, or this process's part of it; later steps do not change the copy."""
        return {
            name: {
                key: local(value.detach()).to("cpu", copy=True).contiguous()
                for key, value in tensors.items()
                if self.part.number == 0 or isinstance(value, DTensor)
            }
            for name, tensors in self._tensors().items()
        }

    def write(self, step: int, copied: Copied) -> None:
        """Write the state after `step` steps, then remove all but the last two.

        Raises:
            TrainingError: a number in it is not finite, or another process could not write its part; nothing is
                written or removed then.
            OSError, SafetensorError: such as a full disk; the states that were there are kept.
        """
        if self.part.count == 1:
            self._write(step, lambda stage: save_files(stage, copied, self.part), copied)
            return
        beside = self.folder / f".{step:08d}.parts"
        try:
            _expect_finite(step, copied)
            write_part(beside, copied, self.part)
        except (TrainingError, OSError, SafetensorError) as error:
            report_failure(beside, self.part, error)
            raise
        if self.part.number == 0:
            self._write(step, lambda stage: collect(beside, stage, self.part.count), copied)

    def _write(self, step: int, save: Callable[[Path], Mapping[str, str]], copied: Copied) -> None:
        _expect_finite(step, copied)
        write_state(self.folder, step, save)

    def load(self, all_say: Callable[[bool], bool] = bool) -> int:
        """Restore the last saved state that is whole, and return its step; 0 where nothing was saved yet.

        Where the last one is damaged, one line says so. Processes that share the weights share the checking of its
        files, too: `all_say(found)` is whether every one found its own whole.

        Raises:
            DataError: every one has a file that is missing or altered.
        """
        if self.part.number == 0:
            remove_leftovers(self.folder)
            remove_parts(self.folder)
        return restore_last(self.folder, lambda saved: self._restore(saved, all_say))

    def saved_steps(self) -> list[int]:
        """The steps whose states are in the folder, whole or not."""
        return [int(path.name) for path in _saved_in(self.folder)]

    def _restore(self, saved: Path, all_say: Callable[[bool], bool]) -> int:
        damage, description, opened = None, {}, []
        try:
            description = checked_state(saved, self.part)
            opened = [open_parts(saved, name) for name in ("model", "ema", *self.optimizers)]
        except DataError as error:
            damage = error
        if not all_say(damage is None):
            raise damage or DataError(f"a file of {saved} is missing or altered, as another process found")
        model, ema, *optimizers = opened
        if description.get("schema") != SCHEMA:
            model, ema = self._migrated(model), self._migrated(ema)
        weights = self.model.state_dict()
        assert self.ema.frozen.issuperset(weights.keys() - model.keys()), weights.keys() - model.keys()
        _load(weights, model)
        _load(self.ema.state, ema)
        for optimizer, tensors in zip(self.optimizers.values(), optimizers, strict=True):
            load_optimizer(optimizer, tensors)
        return description["step"]

    def _migrated(self, tensors: Tensors) -> Tensors:
        return self.migrate({name: value[...] for name, value in tensors.items()})

    def _tensors(self) -> dict[str, dict[str, Tensor]]:
        # What is frozen is what the run began with, which it takes over again when it goes on.
        model, ema = (
            {name: value for name, value in state.items() if name not in self.ema.frozen}
            for state in (self.model.state_dict(), self.ema.state)
        )
        return {"model": model, "ema": ema, **{name: state_of_optimizer(one) for name, one in self.optimizers.items()}}


def write_state(folder: Path, step: int, save: Callable[[Path], Mapping[str, str]]) -> None:
    """Make a state of the files that `save` puts into a folder, whose SHA-256 it returns; keep it and the one before.

    Raises:
        OSError, SafetensorError: such as a full disk; the states that were there are kept.
    """
    with staged_folder(folder / f"{step:08d}") as stage:
        digests = save(stage)
        (stage / "state.json").write_text(json.dumps({"schema": SCHEMA, "step": step, "sha256": digests}))
    LOG.info("the state after step %d is saved in %s", step, folder)
    # A later one is damaged, or this run would have gone on from it.
    saved = _saved_in(folder)
    for other in set(saved) - set([one for one in saved if int(one.name) <= step][-KEPT:]):
        shutil.rmtree(other)


def restore_last(folder: Path, restore: Callable[[Path], int]) -> int:
    """The step of the last state that is whole, after `restore`, which raises DataError where it is not; 0: none.

    Raises:
        DataError: there are states, and none is whole.
    """
    damage = None
    for saved in reversed(_saved_in(folder)):
        try:
            step = restore(saved)
        except DataError as error:
            LOG.warning("%s; this run goes on from the state before, if there is one", error)
            damage = damage or error
        else:
            LOG.info("resumed from the state after step %d in %s", step, folder)
            return step
    if damage is not None:
        raise DataError(f"{damage}, so this run cannot go on; train anew without --resume")
    return 0


def checked_state(saved: Path, part: Part) -> Mapping[str, Any]:
    """What describes a state, with whose SHA-256 this process's share of the files agrees.

    Raises:
        DataError: a file is missing or altered.
    """
    path = saved / "state.json"
    try:
        description = json.loads(path.read_text())
        digests = sorted(description["sha256"].items())
        description["step"]  # is there
        for name, digest in digests[part.number :: part.count]:
            path = saved / name
            if sha256_file(path) != digest:
                raise ValueError(digest)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is missing or altered") from error
    return description


def state_of_optimizer(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What an optimiser keeps, by parameter; SGD without momentum keeps None, which it takes for nothing again."""
    state = optimizer.state_dict()["state"]
    return {
        f"{index}.{key}": value for index, entry in state.items() for key, value in entry.items() if value is not None
    }


@torch.no_grad()
def _load(values: Mapping[str, Tensor], tensors: Tensors) -> None:
    """Give each of the `values` that is among the `tensors` its numbers, or those of its rows."""
    for name, found in tensors.items():
        value = values[name]
        assert tuple(found.shape) == tuple(value.shape), (name, found.shape, value.shape)
        local(value).copy_(_own(value, found))


def _own(value: Tensor, found: Joined | Tensor) -> Tensor:
    """The rows of a saved tensor that this process has of `value`."""
    return found[rows_of(value) if isinstance(value, DTensor) else ...]


def load_optimizer(optimizer: torch.optim.Optimizer, tensors: Tensors) -> None:
    """The inverse of `state_of_optimizer`, of the rows that this process has."""
    parameters = [one for group in optimizer.param_groups for one in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, found in tensors.items():
        index, key = name.split(".", 1)
        parameter = parameters[int(index)]
        if key == "step":
            value = found[...]
        elif isinstance(parameter, DTensor):
            value = like(parameter, _own(parameter, found).to(local(parameter).device))
        else:
            value = found[...].to(parameter.device)
        state.setdefault(int(index), {})[key] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def last_saved_step(folder: Path) -> int:
    """The step of the last state in `folder`, whole or not; 0 where nothing was saved yet."""
    return max((int(path.name) for path in _saved_in(folder)), default=0)


def _saved_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("[0-9]*") if path.name.isdigit())


def _expect_finite(step: int, copied: Copied) -> None:
    for name, tensors in copied.items():
        for key, value in tensors.items():
            if not bool(value.isfinite().all()):
                raise TrainingError(
                    f"not finite after step {step}: {key} of the {name}; the states before are kept. "
                    "Lower --train.learning-rate"
                )
