"""The update of a model that brings its own: several optimisers and backward passes, targets that it averages."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from praxia.core.errors import PraxiaError
from praxia.nn.trainable import UpdatesItself
from praxia.training.config import Train
from praxia.training.optimizer import adamw
from praxia.training.step import Batches, DefaultUpdate, Update, mean_of_processes

__all__ = ["OwnUpdate", "make_update"]


def make_update(fabric: Fabric, model: nn.Module, options: Train, *, trial: bool = False) -> Update:
    """The update of a model: its own, or the default. With `trial` its steps will be undone, and are of one process.

    Raises:
        PraxiaError: parts of a batch for a model that updates itself.
    """
    if isinstance(model, UpdatesItself):
        return OwnUpdate(fabric, model.to(fabric.device), options, trial=trial)
    return DefaultUpdate(fabric, model, options, trial=trial)


class OwnUpdate:
    """Lets a model update itself, and takes the steps of its optimisers.

    The model calls its parts as it likes, which wrappers that hook a module's forward (DDP) do not see: it is not
    wrapped, and the gradients are averaged here. Shares of a batch count equally.

    A gradient that is not finite is found before its optimiser steps; optimisers that have stepped before it in the
    same update have changed their weights by then, so the run must end and go on from a saved state.
    """

    def __init__(self, fabric: Fabric, model: UpdatesItself, options: Train, *, trial: bool):
        if options.accumulate > 1:
            raise PraxiaError(
                f"expected --train.accumulate 1, got {options.accumulate}: this model has an update of its own, "
                "which takes a batch whole"
            )
        self._fabric, self._model, self._clip_norm = fabric, model, options.clip_norm
        self._shared = fabric.world_size > 1 and not trial
        self._by_name = dict(model.optimizers(partial(adamw, options)))
        for optimizer in self._by_name.values():
            for group in optimizer.param_groups:
                group.setdefault("initial_lr", group["lr"])
        self.optimizers = {f"optimizer-{name}": optimizer for name, optimizer in self._by_name.items()}

    def __call__(self, batches: Batches, generator: torch.Generator) -> tuple[Tensor, bool, dict[str, Tensor]]:
        try:
            with self._autocast():
                loss, metrics = self._model.update(batches[0], self._minimise, generator)
        except _NotFinite as stopped:
            return stopped.loss, False, {}
        means = {"loss": loss.detach(), **metrics}
        if self._shared:
            means = mean_of_processes(self._fabric, means)
        loss = means.pop("loss")
        return loss, bool(loss.isfinite()), means

    def learning_rates(self, step: int) -> dict[str, float]:
        """Those of each optimiser's first group, which `take_step` has set."""
        return {f"lr/{name}": optimizer.param_groups[0]["lr"] for name, optimizer in self._by_name.items()}

    @contextmanager
    def _autocast(self) -> Iterator[None]:
        """The run's precision. Cast weights are not kept for the next forward pass: a step may come before it."""
        kind = self._fabric.device.type
        with (
            self._fabric.autocast(),
            torch.autocast(kind, enabled=torch.is_autocast_enabled(kind), cache_enabled=False),
        ):
            yield

    def _minimise(self, name: str, loss: Tensor) -> None:
        optimizer = self._by_name[name]
        optimizer.zero_grad(set_to_none=True)
        parameters = [one for group in optimizer.param_groups for one in group["params"] if one.requires_grad]
        with torch.autocast(self._fabric.device.type, enabled=False):
            self._fabric.backward(loss)
            loss = loss.detach()
            if self._shared:
                loss = self._average(loss, parameters)
            norm = nn.utils.clip_grad_norm_(parameters, self._clip_norm)
            # All processes have the same gradients and the same loss, so they agree.
            if not bool(norm.isfinite() & loss.isfinite()):
                raise _NotFinite(loss)
            optimizer.step()

    def _average(self, loss: Tensor, parameters: list[nn.Parameter]) -> Tensor:
        """Average gradients over the processes, and return the mean loss. A parameter without gradient counts as 0."""
        for one in parameters:
            gradient = torch.zeros_like(one) if one.grad is None else one.grad
            mean = self._fabric.all_reduce(gradient, reduce_op="mean")
            assert isinstance(mean, Tensor)
            one.grad = mean
        return mean_of_processes(self._fabric, {"loss": loss})["loss"]


class _NotFinite(Exception):
    def __init__(self, loss: Tensor):
        super().__init__("the loss or its gradient is not finite")
        self.loss = loss
