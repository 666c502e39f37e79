"""One optimisation step: augmentation, the losses, their gradients, and whether all of it is finite."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor

from praxia.core.errors import TrainingError
from praxia.core.keys import seed
from praxia.nn.types import Batch, WeighsShares
from praxia.policies.encoder_head import OpaqueBatch
from praxia.training.augmentation import augment
from praxia.training.batches import BatchSource, random_shift
from praxia.training.config import Train
from praxia.training.optimizer import set_learning_rates

__all__ = ["not_finite", "take_step"]


def take_step(
    fabric: Fabric, options: Train, model, optimizer, batches: tuple[Batch, Batch | None], step: int
) -> tuple[Tensor, bool, dict[str, Tensor]]:
    """One optimiser step: its loss, whether loss and gradients are finite (if not, nothing changes), and its metrics.

    All of its randomness is keyed by (seed, step), and drawn for the batch of all processes (`Batch.share`).
    `options.accumulate` parts follow one another. `model.module` is what is trained.
    """
    # The last number was that of the process when each drew noise of its own.
    generator = torch.Generator(fabric.device).manual_seed(seed(options.seed, step, 0))
    batch, vqa = batches[0].to(fabric.device), batches[1]
    if options.shift_px:
        batch = random_shift(batch, options.shift_px, generator)
    if options.augmentation.enable:
        batch = augment(batch, options.augmentation, generator)
    set_learning_rates(optimizer, options, step)
    optimizer.zero_grad(set_to_none=True)
    loss, metrics = backward(fabric, model, batch.parts(options.accumulate), generator)
    if vqa is not None:
        parts = vqa.to(fabric.device).parts(options.accumulate)
        answer_loss, more = backward(fabric, model, parts, generator, options.answer_weight)
        metrics = {**metrics, **more}
        loss = loss + options.answer_weight * answer_loss
    norm = fabric.clip_gradients(model, optimizer, max_norm=options.clip_norm, error_if_nonfinite=False)
    assert norm is not None, "clipping by norm returns the norm"
    # All processes have the same gradients and the same loss, so they agree.
    finite = bool(norm.isfinite() & loss.isfinite())
    if finite:
        optimizer.step()
    return loss, finite, metrics


def backward(
    fabric: Fabric, model, parts: Sequence[Batch], generator: torch.Generator, factor: float = 1.0
) -> tuple[Tensor, dict[str, Tensor]]:
    """Add the gradients of `factor` times the loss of the whole batch, which consists of these and others' `parts`.

    Returns its loss and its metrics. Processes exchange gradients once, at the last part.
    """
    parts, processes = weighted(fabric, model.module, parts), parts[0].share.count // len(parts)
    state, means = generator.get_state() if len(parts) > 1 else None, {}
    for number, part in enumerate(parts, start=1):
        if state is not None:
            generator.set_state(state)  # each part draws the noise of all
        waits = processes > 1 and number < len(parts)
        with fabric.no_backward_sync(model) if waits else nullcontext():
            loss, metrics = model(OpaqueBatch(part), generator)
            fabric.backward(factor / len(parts) * loss)
        for name, value in {"loss": loss.detach(), **metrics}.items():
            means[name] = means[name] + value / len(parts) if name in means else value / len(parts)
    if processes > 1:
        means = _mean_of_processes(fabric, means)
    return means.pop("loss"), means


def weighted(fabric: Fabric, model: object, parts: Sequence[Batch]) -> Sequence[Batch]:
    """The parts with the weights of their means, by how many valid entries each has of those of all processes."""
    count = parts[0].share.count
    if count == 1 or not isinstance(model, WeighsShares):
        return parts
    valid = torch.stack([model.num_valid(part) for part in parts])
    total = valid.sum()
    if count > len(parts):
        total = fabric.all_reduce(total, reduce_op="sum")
    assert isinstance(total, Tensor)
    weights = valid * count / total.clamp_min(1)
    return [replace(one, share=replace(one.share, weight=weights[at])) for at, one in enumerate(parts)]


def _mean_of_processes(fabric: Fabric, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The mean of each number over all processes, in one exchange."""
    means = fabric.all_reduce(torch.stack([value.float() for value in values.values()]))
    assert isinstance(means, Tensor)
    return dict(zip(values, means, strict=True))


def not_finite(step: int, loss: Tensor, source: BatchSource) -> TrainingError:
    """The error, which names the batch and says whether its data are the cause."""
    rows = source.rows(step)
    samples = source.windows.read(rows)
    assert samples.action is not None
    finite = np.isfinite(samples.action).all((1, 2)) & np.isfinite(samples.state).all((1, 2))
    where = source.windows.frames_of(rows[~finite])
    cause = (
        f"not finite in the data: (data set, episode, frame) {where[:4]}; run `praxia info DIR`"
        if where
        else "all its values are finite: lower --train.learning-rate"
    )
    what = "the gradient" if bool(loss.isfinite()) else "the loss"
    return TrainingError(f"{what} is not finite at the batch of step {step} ({len(rows)} windows); {cause}")
