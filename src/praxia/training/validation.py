"""Validation: a model's loss, and a policy's action error, on held-out windows while it trains."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor, nn

from praxia.core.keys import generator, seed
from praxia.core.window import Samples
from praxia.dataloader.mixture import Mixture
from praxia.nn.queries import to_batch
from praxia.nn.shards import exchanged, is_sharded
from praxia.nn.trainable import SamplesActions
from praxia.nn.types import Batch, WeighsShares
from praxia.training.config import Train
from praxia.transforms.chain import Transforms

__all__ = ["Validation", "is_due"]

# Windows to validate on, evenly spaced over each data set's held-out episodes. They stay in memory.
NUM_WINDOWS = 256


def is_due(train: Train, done: int) -> bool:
    """Whether to validate after `done` steps: every `validate_every` (None: a tenth of the run), and at the end."""
    return done % (train.validate_every or max(1, train.steps // 10)) == 0 or done == train.steps


@dataclass(frozen=True)
class Validation:
    """Held-out windows and a policy's transforms. Windows and noise are the same at every call and for every seed.

    A call reads the model in evaluation mode with the weights that it is given, and leaves the model, its mode and all
    random streams as they were. `batch_size` windows are evaluated at once. A sharded model is called by all processes,
    each with all windows.
    """

    windows: Mixture
    transforms: Transforms
    batch_size: int

    def read(self) -> None:
        """Read the windows, before another thread reads from the same data sets."""
        assert self._samples

    @cached_property
    def _samples(self) -> tuple[Samples, ...]:
        """The windows in batches, in declared units."""
        per_entry = -(-NUM_WINDOWS // len(self.windows.entries))
        first, chosen = 0, []
        for entry in self.windows.entries:
            chosen.append(first + np.linspace(0, len(entry) - 1, min(per_entry, len(entry))).astype(np.int64))
            first += len(entry)
        rows = np.concatenate(chosen)
        return tuple(self.windows.read(rows[at : at + self.batch_size]) for at in range(0, len(rows), self.batch_size))

    def __call__(self, model: nn.Module, weights: Mapping[str, Tensor]) -> dict[str, float]:
        """{"validation_loss", "action_error"} of the model with `weights`; a model that is no policy has no error.

        The action error is the mean absolute difference between sampled and recorded actions, in declared units, over
        valid steps and the embodiment's dims; with several embodiments their mean, and "action_error/NAME" of each.
        """
        device = next(iter(weights.values())).device
        modes = [(module, module.training) for module in model.modules()]
        errors: dict[int, list[Float32[np.ndarray, " N"]]] = {}
        losses = []
        batches = [to_batch(self.transforms.encode(samples), self.transforms) for samples in self._samples]
        model.eval()
        try:
            with torch.no_grad(), _random_kept(device), _called(model, weights) as call:
                shares, factors = _weights(model, batches, device)
                for number, samples in enumerate(self._samples):
                    batch = batches[number].to(device)
                    batch = replace(batch, share=replace(batch.share, weight=shares[number]))
                    randomness = torch.Generator(device).manual_seed(seed("validation", number))
                    losses.append(float(call(lambda m: m.loss(batch, randomness)[0])))  # noqa: B023
                    if not isinstance(model, SamplesActions):
                        continue
                    shape = (len(samples.state), *model.noise_shape)
                    noise = generator("validation", number).standard_normal(shape, dtype=np.float32)
                    drawn = torch.from_numpy(noise).to(device)
                    actions = call(lambda m: m.sample(batch, drawn))  # noqa: B023
                    for embodiment, found in self._errors(samples, actions.float().cpu().numpy()):
                        errors.setdefault(embodiment, []).append(found)
        finally:
            for module, training in modes:
                module.training = training
        means = {
            self.windows.embodiments[number].name: float(np.concatenate(found).mean(dtype=np.float64))
            for number, found in sorted(errors.items())
        }
        each = {f"action_error/{name}": value for name, value in means.items()} if len(means) > 1 else {}
        loss = float(np.average(losses, weights=factors))
        error = {"action_error": float(np.mean(list(means.values())))} if means else {}
        return {"validation_loss": loss, **error, **each}

    def _errors(
        self, samples: Samples, actions: Float32[np.ndarray, "B H A"]
    ) -> Iterator[tuple[int, Float32[np.ndarray, " N"]]]:
        """(embodiment, absolute errors of its valid steps and dims) of a batch."""
        assert samples.action is not None
        assert samples.action_valid is not None
        for number in np.unique(samples.embodiment).tolist():
            rows, embodiment = samples.embodiment == number, self.windows.embodiments[number]
            present = samples.state[rows, -1, : embodiment.state_dim] if samples.state.shape[1] else None
            decoded = self.transforms.decode(actions[rows], number, present)
            recorded = samples.action[rows, :, : embodiment.action_dim]
            yield number, np.abs(decoded - recorded)[samples.action_valid[rows]].ravel()


def _weights(model: nn.Module, batches: list[Batch], device: torch.device) -> tuple[Sequence[Tensor | None], list[int]]:
    """The weight of each batch's share, by its valid entries, and how much its loss then counts.

    Batches of a model that does not say how many are valid count by their rows.
    """
    if not isinstance(model, WeighsShares):
        return [None] * len(batches), [len(batch.state) for batch in batches]
    valid = torch.stack([model.num_valid(batch.to(device)) for batch in batches])
    return list(valid * len(batches) / valid.sum(0).clamp_min(1)), [1] * len(batches)


def _random_kept(device: torch.device) -> AbstractContextManager[None]:
    return torch.random.fork_rng([device] if device.type == "cuda" else [])


@contextmanager
def _called(model: nn.Module, weights: Mapping[str, Tensor]) -> Iterator[Callable[[Callable[[Any], Tensor]], Tensor]]:
    """Within it, what calls a function of the model as it would be with `weights`."""
    if is_sharded(model):
        with exchanged(model, weights):
            yield lambda function: function(model)
    else:
        yield lambda function: _with_weights(model, weights, function)


class _Call(nn.Module):
    """Lets `functional_call`, which calls a module's forward, call any function of a model."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, function: Callable[[Any], Tensor]) -> Tensor:
        return function(self.model)


def _with_weights(model: nn.Module, weights: Mapping[str, Tensor], function: Callable[[Any], Tensor]) -> Tensor:
    """`function` of the model as it would be with `weights`, whose own stay as they are."""
    named = {f"model.{name}": value for name, value in weights.items()}
    return torch.func.functional_call(_Call(model), named, (function,), tie_weights=False)
