"""Everything a run needs to go on bit-identically, flattened into safetensors: weights, average, optimisers, step."""

import json
import logging
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from praxia.checkpoint.migration import SCHEMA
from praxia.core.errors import DataError, TrainingError
from praxia.core.files import remove_leftovers, sha256_file, staged_folder
from praxia.nn.ema import Ema

__all__ = ["Copied", "TrainState", "last_saved_step"]

LOG = logging.getLogger(__name__)

# How many states are there at a time: the last one, and the one before it, should that be damaged.
KEPT = 2

# The tensors of each file of a state, in memory of the processor.
Copied = Mapping[str, Mapping[str, Tensor]]


@dataclass(frozen=True)
class TrainState:
    """The mutable objects of a run and the folder its states are saved in.

    Each state is a folder of its own, named by its step. The last two are kept, and an older one is removed when the
    new one is complete, so that a kill at any time leaves a state to resume from. The state of each of the `optimizers`
    is a file of its name. `migrate` renames the weights of a state from before schema 5.
    """

    folder: Path
    model: nn.Module
    ema: Ema
    optimizers: Mapping[str, torch.optim.Optimizer]
    migrate: Callable[[dict[str, Tensor]], dict[str, Tensor]]

    def copied(self) -> Copied:
        """The state as it is now; later steps do not change the copy."""
        return {
            name: {key: value.detach().to("cpu", copy=True).contiguous() for key, value in tensors.items()}
            for name, tensors in self._tensors().items()
        }

    def write(self, step: int, copied: Copied) -> None:
        """Write the state after `step` steps, then remove all but the last two.

        Raises:
            TrainingError: a number in it is not finite; nothing is written or removed then.
            OSError, SafetensorError: such as a full disk; the states that were there are kept.
        """
        _expect_finite(step, copied)
        with staged_folder(self.folder / f"{step:08d}") as stage:
            digests = {}
            for name, tensors in copied.items():
                path = stage / f"{name}.safetensors"
                save_file(dict(tensors), path)
                digests[path.name] = sha256_file(path)
            (stage / "state.json").write_text(json.dumps({"schema": SCHEMA, "step": step, "sha256": digests}))
        LOG.info("the state after step %d is saved in %s", step, self.folder)
        # A later one is damaged, or this run would have gone on from it.
        for other in set(self._saved()) - set([one for one in self._saved() if int(one.name) <= step][-KEPT:]):
            shutil.rmtree(other)

    def load(self) -> int:
        """Restore the last saved state that is whole, and return its step; 0 where nothing was saved yet.

        Where the last one is damaged, one line says so.

        Raises:
            DataError: every one has a file that is missing or altered.
        """
        remove_leftovers(self.folder)
        damage = None
        for saved in reversed(self._saved()):
            try:
                step = self._restore(saved)
            except DataError as error:
                LOG.warning("%s; this run goes on from the state before, if there is one", error)
                damage = damage or error
            else:
                LOG.info("resumed from the state after step %d in %s", step, self.folder)
                return step
        if damage is not None:
            raise DataError(f"{damage}, so this run cannot go on; train anew without --resume")
        return 0

    def _saved(self) -> list[Path]:
        return _saved_in(self.folder)

    def _restore(self, saved: Path) -> int:
        path = saved / "state.json"
        try:
            description = json.loads(path.read_text())
            for name, digest in description["sha256"].items():
                path = saved / name
                if sha256_file(path) != digest:
                    raise ValueError(digest)
            step, names = description["step"], ("model", "ema", *self.optimizers)
            model, ema, *optimizers = [load_file(path := saved / f"{name}.safetensors") for name in names]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{path} is missing or altered") from error
        if description.get("schema") != SCHEMA:
            model, ema = self.migrate(model), self.migrate(ema)
        absent = self.model.load_state_dict(model, strict=False).missing_keys
        assert self.ema.frozen.issuperset(absent), absent
        for name, value in ema.items():
            self.ema.state[name].copy_(value)
        device = next(self.model.parameters()).device
        for optimizer, tensors in zip(self.optimizers.values(), optimizers, strict=True):
            _load_optimizer(optimizer, tensors, device)
        return step

    def _tensors(self) -> dict[str, dict[str, Tensor]]:
        # What is frozen is what the run began with, which it takes over again when it goes on.
        model, ema = (
            {name: value for name, value in state.items() if name not in self.ema.frozen}
            for state in (self.model.state_dict(), self.ema.state)
        )
        return {"model": model, "ema": ema, **{name: _state_of(one) for name, one in self.optimizers.items()}}


def _state_of(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What an optimiser keeps, by parameter; SGD without momentum keeps None, which it takes for nothing again."""
    state = optimizer.state_dict()["state"]
    return {
        f"{index}.{key}": value for index, entry in state.items() for key, value in entry.items() if value is not None
    }


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor], device: torch.device) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = value if key == "step" else value.to(device)
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
