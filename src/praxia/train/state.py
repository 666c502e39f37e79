"""Everything a run needs to go on bit-identically, flattened into safetensors: weights, average, optimiser, step."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from praxia.core.errors import DataError
from praxia.core.files import sha256_file, staged_folder
from praxia.nn.ema import Ema

__all__ = ["TrainState"]


@dataclass(frozen=True)
class TrainState:
    """The mutable objects of a run and the folder its states are saved in. `save` and `load` move their content.

    Each state is a folder of its own, named by its step; the one before is removed when the new one is whole, so that
    a kill at any moment leaves a state to go on from.
    """

    folder: Path
    model: nn.Module
    ema: Ema
    optimizer: torch.optim.Optimizer

    def save(self, step: int) -> None:
        """Write the state after `step` steps, then remove whatever else is there."""
        target = self.folder / f"{step:08d}"
        with staged_folder(target) as stage:
            digests = {}
            for name, tensors in self._tensors().items():
                path = stage / f"{name}.safetensors"
                save_file({key: value.detach().cpu().contiguous() for key, value in tensors.items()}, path)
                digests[path.name] = sha256_file(path)
            (stage / "state.json").write_text(json.dumps({"step": step, "sha256": digests}))
        for other in self.folder.iterdir():
            if other != target:
                shutil.rmtree(other)

    def load(self) -> int:
        """Restore the last saved state and return its step; 0 where nothing was saved yet.

        Raises:
            DataError: a file of it is missing or altered.
        """
        saved = sorted(self.folder.glob("[0-9]*"))
        if not saved:
            return 0
        description = json.loads((saved[-1] / "state.json").read_text())
        for name, digest in description["sha256"].items():
            path = saved[-1] / name
            if not path.is_file() or sha256_file(path) != digest:
                raise DataError(f"{path} is missing or altered, so this run cannot go on; train anew without --resume")
        device = next(self.model.parameters()).device
        model, ema, optimizer = (load_file(saved[-1] / f"{name}.safetensors") for name in ("model", "ema", "optimizer"))
        absent = self.model.load_state_dict(model, strict=False).missing_keys
        assert self.ema.frozen.issuperset(absent), absent
        for name, value in ema.items():
            self.ema.state[name].copy_(value)
        self._load_optimizer(optimizer, device)
        return description["step"]

    def _tensors(self) -> dict[str, dict[str, Tensor]]:
        state = self.optimizer.state_dict()["state"]
        optimizer = {f"{index}.{key}": value for index, entry in state.items() for key, value in entry.items()}
        # What is frozen is what the run began with, which it takes over again when it goes on.
        model, ema = (
            {name: value for name, value in state.items() if name not in self.ema.frozen}
            for state in (self.model.state_dict(), self.ema.state)
        )
        return {"model": model, "ema": ema, "optimizer": optimizer}

    def _load_optimizer(self, tensors: dict[str, Tensor], device: torch.device) -> None:
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            index, key = name.split(".", 1)
            state.setdefault(int(index), {})[key] = value if key == "step" else value.to(device)
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
