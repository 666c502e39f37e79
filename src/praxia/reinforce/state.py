"""What a run of reinforcement learning goes on from: networks, optimisers, experience and open episodes, together."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from praxia.reinforce.interaction import Interaction
from praxia.training.parts import WHOLE, Copied, open_parts, save_files
from praxia.training.state import checked_state, load_optimizer, restore_last, state_of_optimizer, write_state

__all__ = ["ReinforceState"]


@dataclass(frozen=True)
class ReinforceState:
    """The mutable objects of a run and the folder that its states are saved in: `training.saving.State`.

    A state is files of tensors, as those of training: the networks, each optimiser, the learner's experience and
    counters, and the episodes under way. What is random has no state: it is a function of seeds, keys and counters.
    """

    folder: Path
    interaction: Interaction

    def copied(self) -> Copied:
        """The state as it is now; the caller sees to it that no episode is being run again."""
        learner = self.interaction.learner
        tensors = {"model": learner.model.state_dict()}
        tensors |= {f"optimizer-{name}": state_of_optimizer(one) for name, one in learner.optimizers.items()}
        arrays = {**learner.state(), "episodes": self.interaction.open_episodes()}
        return {
            **{name: {key: one.detach().clone() for key, one in group.items()} for name, group in tensors.items()},
            **{name: {key: torch.from_numpy(one) for key, one in group.items()} for name, group in arrays.items()},
        }

    def write(self, step: int, copied: Copied) -> None:
        """Write a copy, then remove all but the last two. Raises as `training.state.write_state`."""
        write_state(self.folder, step, lambda stage: save_files(stage, copied, WHOLE))

    def load(self) -> int:
        """Restore the last state that is whole, and return its number of control steps; 0 where there is none.

        Raises:
            DataError: there are states, and none is whole.
        """
        return restore_last(self.folder, self._restore)

    def _restore(self, saved: Path) -> int:
        description, learner = checked_state(saved, WHOLE), self.interaction.learner
        read = {name.removesuffix(".safetensors"): {} for name in description["sha256"]}
        read = {name: {key: one[...] for key, one in open_parts(saved, name).items()} for name in read}
        learner.model.load_state_dict(read.pop("model"))
        for name, optimizer in learner.optimizers.items():
            load_optimizer(optimizer, read.pop(f"optimizer-{name}"))
        self.interaction.restore(_arrays(read.pop("episodes")))
        learner.restore({name: _arrays(group) for name, group in read.items()})
        return description["step"]


def _arrays(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in tensors.items()}
