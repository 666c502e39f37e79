"""What the training engine asks of a model: a config that builds it, and a loss or an update of its own.

The rest is optional. A config or a model that has the methods of one of the interfaces below is asked; one that has not
gets the default that the interface names.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from praxia.core.config import Config
from praxia.nn.types import Batch, Shapes

__all__ = [
    "BeginsAndFinishes",
    "BuildsOn",
    "FitsData",
    "MakeOptimizer",
    "Minimise",
    "ModelConfig",
    "RollsForward",
    "SamplesActions",
    "Trainable",
    "UpdatesItself",
]

C = TypeVar("C", bound="FitsData")

Chunks = Callable[[], Float32[np.ndarray, "B H A"]]

# `minimise(name, loss)`: the backward pass of a loss and a step of the optimiser of that name.
Minimise = Callable[[str, Float[Tensor, ""]], None]


@dataclass(frozen=True)
class ModelConfig(Config, ABC):
    """The config of a model, registered by its tag. The same config and shapes give the same network."""

    @abstractmethod
    def build(self, shapes: Shapes) -> nn.Module:
        """The model with fresh weights: a `Trainable`, or one that `UpdatesItself`."""


@runtime_checkable
class FitsData(Protocol):
    """The config of a model that learns something from the data before it is built. Others stay as they are."""

    def fit(self: C, chunks: Chunks) -> C:
        """A fitted copy. `chunks` returns normalised action chunks of the training data."""
        ...

    def unfitted(self: C) -> C:
        """The same network before `fit`."""
        ...

    def fitted_as(self: C, other: Any) -> C:
        """With what `other`, the same network, learned from its data."""
        ...

    def refitted_as(self: C, other: Any, chunks: Chunks) -> C:
        """As `fitted_as`, but with what depends on the data fitted again, on `chunks`."""
        ...


@runtime_checkable
class BuildsOn(Protocol):
    """The config of a model that has a trained one as a part, which stays as it is: the model of `--start-from`.

    That model's transforms are the run's, and its weights those of the part; so is its window, where the run's own
    leaves the cameras open ("image.*").
    """

    @property
    def base(self) -> ModelConfig | None:
        """The config of the part; None: not known yet."""
        ...

    @property
    def base_name(self) -> str:
        """The part's name in the model."""
        ...

    def built_on(self, base: ModelConfig) -> ModelConfig:
        """With `base` as the part.

        Raises:
            MismatchError: it cannot be built on that.
        """
        ...


@runtime_checkable
class RollsForward(Protocol):
    """The config of a model whose states and actions may be ahead of its images in training. Others' never are."""

    @property
    def roll_forward(self) -> int:
        """By how many control steps at most; training draws how many, from 0, for each window."""
        ...


@runtime_checkable
class Trainable(Protocol):
    """A model with a loss, which the engine minimises with AdamW."""

    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """A scalar, and metrics for the log. All randomness comes from `generator`."""
        ...


@runtime_checkable
class MakeOptimizer(Protocol):
    """Makes an optimiser as the run's options describe it."""

    def __call__(self, parameters: Iterable[nn.Parameter], learning_rate: float | None = None) -> torch.optim.Optimizer:
        """AdamW; `learning_rate` is the largest, None: the run's."""
        ...


@runtime_checkable
class UpdatesItself(Protocol):
    """A model with an update of its own: several optimisers or backward passes, targets that are moving averages.

    What it remembers from step to step is in its parameters and buffers (also a target network, and counters), which
    are saved with the states of its optimisers, all of them: none of its parameters counts as frozen. Nothing else may
    change. Where processes share a batch, all begin with the state of the first, and after each update floating-point
    buffers are averaged over them and the others are those of the first; parameters must change by `minimise` or by
    what all processes have in common.
    """

    def optimizers(self, make: MakeOptimizer) -> Mapping[str, torch.optim.Optimizer]:
        """Its optimisers by name. `make` makes one by the run's options; others of torch may be used, too.

        The learning rate of each of their groups is the largest, and follows the run's schedule. Their state must
        consist of tensors, as with all of torch's but LBFGS.
        """
        ...

    def update(
        self, batch: Batch, minimise: Minimise, generator: torch.Generator
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """One step: a scalar and metrics for the log. All randomness comes from `generator`.

        `minimise(name, loss)` clears the gradients of one optimiser, takes those of `loss`, averages them over all
        processes, clips their norm, and steps. It ends the run where the loss or a gradient is not finite.
        """
        ...


@runtime_checkable
class BeginsAndFinishes(Protocol):
    """A model that training changes before the first step and after the last: public weights, frozen parts, adapters.

    Others begin with their fresh weights or those of `--start-from`, and end with the averaged ones.
    """

    def begin(self, weights: Mapping[str, Tensor] | None) -> None:
        """Make it ready to train, with `weights` in place of its own if there are any.

        Where processes share the weights, all but the first do this on the meta device, with the same result but for
        the numbers.
        """
        ...

    @property
    def finish_changes(self) -> bool:
        """Whether `finish` changes the model or the weights."""
        ...

    def finish(self, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Trained `weights` as they are saved, under the names from before `begin`."""
        ...


@runtime_checkable
class SamplesActions(Protocol):
    """A model that predicts actions: validation then measures how far they are from the recorded ones."""

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """The shape of the standard normal noise of each row."""
        ...

    def sample(self, batch: Batch, noise: Float[Tensor, "B ..."]) -> Float[Tensor, "B H A"]:
        """Normalised action chunks, padded to the dims of the largest embodiment."""
        ...
