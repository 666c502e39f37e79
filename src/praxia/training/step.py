"""One optimisation step: augmentation, the losses, their gradients, and whether all of it is finite."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from praxia.core.errors import TrainingError
from praxia.core.keys import seed
from praxia.nn.shards import is_sharded
from praxia.nn.types import Batch, WeighsShares
from praxia.training.augmentation import augment
from praxia.training.batches import BatchSource, random_shift
from praxia.training.config import Train
from praxia.training.fabric import uncached_autocast
from praxia.training.optimizer import learning_rates, make_optimizer, set_learning_rates
from praxia.training.sharding import shards

__all__ = ["Batches", "DefaultUpdate", "Update", "mean_of_processes", "not_finite", "take_step"]

# A batch, and its questions where there are any.
Batches = tuple[Batch, Batch | None]


@runtime_checkable
class Update(Protocol):
    """What a step does with its batches once they are augmented."""

    @property
    def optimizers(self) -> Mapping[str, Any]:
        """The optimisers by the names under which their states are saved."""
        ...

    def __call__(self, batches: Batches, generator: torch.Generator) -> tuple[Tensor, bool, dict[str, Tensor]]:
        """The loss, whether it and the gradients are finite, and metrics. Where they are not, the run must end.

        Loss and metrics are those of the batch of all processes.
        """
        ...

    def learning_rates(self, step: int) -> dict[str, float]:
        """The learning rates of a step by their names in the log."""
        ...


def take_step(
    fabric: Fabric, options: Train, update: Update, batches: Batches, step: int
) -> tuple[Tensor, bool, dict[str, Tensor]]:
    """One step: its loss, whether loss and gradients are finite (if not, the run must end), and its metrics.

    All of its randomness is keyed by (seed, step), and drawn for the batch of all processes (`Batch.share`).
    """
    # The last number was that of the process when each drew noise of its own.
    generator = torch.Generator(fabric.device).manual_seed(seed(options.seed, step, 0))
    batch, vqa = batches[0].to(fabric.device), batches[1]
    if options.shift_px:
        batch = random_shift(batch, options.shift_px, generator)
    if options.augmentation.enable:
        batch = augment(batch, options.augmentation, generator)
    for optimizer in update.optimizers.values():
        set_learning_rates(optimizer, options, step)
    return update((batch, vqa and vqa.to(fabric.device)), generator)


class OpaqueBatch:
    """A batch that Fabric passes on unchanged; it would take a dataclass apart to convert it, and refuses frozen ones.

    Autocast converts what layers need, where they need it.
    """

    def __init__(self, batch: Batch):
        self.batch = batch


class LossModule(nn.Module):
    """A model whose forward pass is its loss, for wrappers that hook a module's forward (DDP, Fabric's precision).

    `precision` is the context of the pass, where no such wrapper brings one or another is needed within it.
    """

    def __init__(self, model: Any, precision: Callable[[], AbstractContextManager[None]] = nullcontext):
        super().__init__()
        self.model = model
        self._precision = precision

    def forward(self, opaque: OpaqueBatch, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        with self._precision():
            return self.model.loss(opaque.batch, generator)


class DefaultUpdate:
    """One optimiser on the gradient of the loss, and of that of the questions, clipped. If not finite, nothing changes.

    `accumulate` parts of a batch follow one another. With `trial` steps will be undone, and other processes take none.
    """

    def __init__(self, fabric: Fabric, model: nn.Module, options: Train, *, trial: bool = False):
        self._fabric, self._model, self._options = fabric, model, options
        if trial:
            self._module: Any = LossModule(model, fabric.autocast)
        elif shards(fabric):  # no process has memory for all weights, rounded
            self._module = fabric.setup_module(LossModule(model, partial(uncached_autocast, fabric)))
        else:
            self._module = fabric.setup_module(LossModule(model))
        optimizer: Any = make_optimizer(model, options)  # after FSDP has replaced weights by shards
        self._optimizer: Any = optimizer if trial else fabric.setup_optimizers(optimizer)
        self.optimizers: dict[str, Any] = {"optimizer": self._optimizer}

    def __call__(self, batches: Batches, generator: torch.Generator) -> tuple[Tensor, bool, dict[str, Tensor]]:
        (batch, vqa), options = batches, self._options
        self._optimizer.zero_grad(set_to_none=True)
        loss, metrics = self._backward(batch.parts(options.accumulate), generator)
        if vqa is not None:
            answer_loss, more = self._backward(vqa.parts(options.accumulate), generator, options.answer_weight)
            metrics = {**metrics, **more}
            loss = loss + options.answer_weight * answer_loss
        norm = self._fabric.clip_gradients(
            self._module, self._optimizer, max_norm=options.clip_norm, error_if_nonfinite=False
        )
        assert norm is not None, "clipping by norm returns the norm"
        norm = norm.full_tensor() if isinstance(norm, DTensor) else norm
        # All processes have the same gradients and the same loss, so they agree.
        finite = bool(norm.isfinite() & loss.isfinite())
        if finite:
            self._optimizer.step()
        return loss, finite, metrics

    def learning_rates(self, step: int) -> dict[str, float]:
        return learning_rates(self._options, step)

    def _backward(
        self, parts: Sequence[Batch], generator: torch.Generator, factor: float = 1.0
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Add the gradients of `factor` times the loss of the whole batch, which these and others' `parts` make up.

        Returns its loss and its metrics. Processes exchange gradients once, at the last part; those that share the
        weights do it at each, because none has memory for whole gradients.
        """
        fabric, processes = self._fabric, parts[0].share.count // len(parts)
        parts = weighted(fabric, self._model, parts)
        state, means = generator.get_state() if len(parts) > 1 else None, {}
        for number, part in enumerate(parts, start=1):
            if state is not None:
                generator.set_state(state)  # each part draws the noise of all
            waits = processes > 1 and number < len(parts) and not is_sharded(self._model)
            with fabric.no_backward_sync(self._module) if waits else nullcontext():
                loss, metrics = self._module(OpaqueBatch(part), generator)
                fabric.backward(factor / len(parts) * loss)
            for name, value in {"loss": loss.detach(), **metrics}.items():
                means[name] = means[name] + value / len(parts) if name in means else value / len(parts)
        if processes > 1:
            means = mean_of_processes(fabric, means)
        return means.pop("loss"), means


def weighted(fabric: Fabric, model: object, parts: Sequence[Batch]) -> Sequence[Batch]:
    """The parts with the weights of their means, by how many valid entries each has of those of all processes."""
    count = parts[0].share.count
    if count == 1 or not isinstance(model, WeighsShares):
        return parts
    valid = torch.stack([model.num_valid(part) for part in parts])
    total = valid.sum(0)
    if count > len(parts):
        total = fabric.all_reduce(total, reduce_op="sum")
    assert isinstance(total, Tensor)
    weights = valid * count / total.clamp_min(1)
    return [replace(one, share=replace(one.share, weight=weights[at])) for at, one in enumerate(parts)]


def mean_of_processes(fabric: Fabric, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The mean of each number over all processes, in one exchange."""
    means = fabric.all_reduce(torch.stack([value.float() for value in values.values()]))
    assert isinstance(means, Tensor)
    return dict(zip(values, means, strict=True))


def not_finite(step: int, loss: Tensor, source: BatchSource) -> TrainingError:
    """The error, which names the batch and says whether its data are the cause."""
    rows = source.rows(step)
    samples = source.windows.read(rows)
    finite = np.isfinite(samples.state).all((1, 2))
    for value in (samples.action, samples.target_state, samples.past_action):
        if value is not None:
            finite &= np.isfinite(value).all((1, 2))
    if samples.reward is not None:
        finite &= np.isfinite(samples.reward).all(1)
    where = source.windows.frames_of(rows[~finite])
    cause = (
        f"not finite in the data: (data set, episode, frame) {where[:4]}; run `praxia info DIR`"
        if where
        else "all its values are finite: lower --train.learning-rate"
    )
    what = "the gradient" if bool(loss.isfinite()) else "the loss"
    return TrainingError(f"{what} is not finite at the batch of step {step} ({len(rows)} windows); {cause}")
