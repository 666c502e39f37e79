"""The update of a model that brings its own: several optimisers and backward passes, targets that it averages."""

from collections.abc import Iterable, Sequence
from functools import partial

import torch
from lightning.fabric import Fabric
from torch import Tensor, distributed, nn

from praxia.core.errors import PraxiaError
from praxia.nn.trainable import UpdatesItself
from praxia.training.config import Train
from praxia.training.fabric import uncached_autocast
from praxia.training.optimizer import adamw
from praxia.training.step import Batches, DefaultUpdate, Update, mean_of_processes

__all__ = ["OwnUpdate", "make_update"]


def make_update(fabric: Fabric, model: nn.Module, options: Train, *, trial: bool = False) -> Update:
    """The update of a model: its own, or the default. With `trial` its steps will be undone, and are of one process.

    Raises:
        PraxiaError: parts of a batch, or a learning rate of the backbone, for a model that updates itself.
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
        if options.backbone_learning_rate is not None:
            raise PraxiaError(
                f"expected no --train.backbone-learning-rate, got {options.backbone_learning_rate:g}: this model has "
                "an update of its own, with optimisers that it makes itself"
            )
        assert isinstance(model, nn.Module)
        self._fabric, self._model, self._clip_norm = fabric, model, options.clip_norm
        self._shared = fabric.world_size > 1 and not trial
        if self._shared:
            _copy_first(model.state_dict().values())
        self._by_name = dict(model.optimizers(partial(adamw, options)))
        for optimizer in self._by_name.values():
            for group in optimizer.param_groups:
                group.setdefault("initial_lr", group["lr"])
        self.optimizers = {f"optimizer-{name}": optimizer for name, optimizer in self._by_name.items()}

    def __call__(self, batches: Batches, generator: torch.Generator) -> tuple[Tensor, bool, dict[str, Tensor]]:
        try:
            with uncached_autocast(self._fabric):  # a step may come before the next forward pass
                loss, metrics = self._model.update(batches[0], self._minimise, generator)
        except _NotFinite as stopped:
            return stopped.loss, False, {}
        means = {"loss": loss.detach(), **metrics}
        if self._shared:
            means = mean_of_processes(self._fabric, means)
            state = self._model.state_dict()
            buffers = [state[name] for name, _ in self._model.named_buffers() if name in state]
            _average(self._fabric, [one for one in buffers if one.is_floating_point()])
            _copy_first(one for one in buffers if not one.is_floating_point())
        loss = means.pop("loss")
        return loss, bool(loss.isfinite()), means

    def learning_rates(self, step: int) -> dict[str, float]:
        """Those of each optimiser's first group, which `take_step` has set."""
        return {f"lr/{name}": optimizer.param_groups[0]["lr"] for name, optimizer in self._by_name.items()}

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
        """Average gradients over the processes, and return the mean loss.

        A gradient that some processes lack counts as 0 there; one that all lack stays None, as with one process.
        """
        known = torch.tensor([one.grad is not None for one in parameters], device=loss.device)
        means = self._fabric.all_reduce(torch.cat([loss.float()[None], known.float()]), reduce_op="mean")
        assert isinstance(means, Tensor)
        for one, share in zip(parameters, means[1:].tolist(), strict=True):
            if share and one.grad is None:
                one.grad = torch.zeros_like(one)
        _average(self._fabric, [one.grad for one in parameters if one.grad is not None])
        return means[0]


@torch.no_grad()
def _average(fabric: Fabric, values: Sequence[Tensor]) -> None:
    """Give each of the values its mean over the processes, in one exchange per dtype."""
    for dtype in dict.fromkeys(one.dtype for one in values):
        same = [one for one in values if one.dtype == dtype]
        mean = fabric.all_reduce(torch.cat([one.flatten() for one in same]), reduce_op="mean")
        assert isinstance(mean, Tensor)
        for one, part in zip(same, mean.split([one.numel() for one in same]), strict=True):
            one.copy_(part.view_as(one))


@torch.no_grad()
def _copy_first(values: Iterable[Tensor]) -> None:
    """Give each of the values that of the first process."""
    for one in values:
        sent = one.contiguous()
        distributed.broadcast(sent, 0)
        one.copy_(sent)


class _NotFinite(Exception):
    def __init__(self, loss: Tensor):
        super().__init__("the loss or its gradient is not finite")
        self.loss = loss
