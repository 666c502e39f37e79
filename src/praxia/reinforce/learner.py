"""What a run asks of a learner.

Axes: B rows, P numbers of privileged state, A action dims.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor, nn

from praxia.policies.specialist import Actor
from praxia.reinforce.transitions import TransitionBatch

__all__ = ["Learner"]


@runtime_checkable
class Learner(Protocol):
    """Learns from transitions as they come. All that it remembers is in its `model`, `optimizers` and `state()`.

    What it draws depends on its seed and on the number of `updates` so far alone. `actor`, a part of the `model`,
    becomes the policy.
    """

    updates: int

    @property
    def model(self) -> nn.Module: ...

    @property
    def actor(self) -> Actor: ...

    @property
    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]: ...

    def explore(
        self, states: Float32[np.ndarray, "B P"], random: Sequence[np.random.Generator]
    ) -> tuple[Float32[np.ndarray, "B A"], dict[str, np.ndarray]]:
        """Actions within [-1, 1], of which each draws from its own generator, and their extras, [B, ...] by name."""
        ...

    def add(self, episode: int, row: TransitionBatch, is_cut: bool, extras: Mapping[str, np.ndarray]) -> None:
        """Take a transition of `episode`, a batch of one. `is_cut`: the episode was truncated after it."""
        ...

    def learn(self) -> list[dict[str, Tensor]]:
        """Make the updates that are due, perhaps none; the metrics of each, among them "loss".

        Raises:
            TrainingError: a loss or its gradient is not finite.
        """
        ...

    def state(self) -> dict[str, dict[str, np.ndarray]]:
        """Copies of its experience and counters, by file and name."""
        ...

    def restore(self, state: Mapping[str, Mapping[str, np.ndarray]]) -> None:
        """Go back to what `state` returned; model and optimisers are restored by the caller."""
        ...
