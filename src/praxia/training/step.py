"""One optimisation step: augmentation, the losses, their gradients, and whether all of it is finite."""

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor

from praxia.core.errors import TrainingError
from praxia.core.keys import seed
from praxia.nn.types import Batch
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

    All of its randomness is keyed by (seed, step, rank).
    """
    generator = torch.Generator(fabric.device).manual_seed(seed(options.seed, step, fabric.global_rank))
    batch, vqa = batches[0].to(fabric.device), batches[1]
    if options.shift_px:
        batch = random_shift(batch, options.shift_px, generator)
    if options.augmentation.enable:
        batch = augment(batch, options.augmentation, generator)
    set_learning_rates(optimizer, options, step)
    optimizer.zero_grad(set_to_none=True)
    loss, metrics = model(OpaqueBatch(batch), generator)
    fabric.backward(loss)
    if vqa is not None:
        answer_loss, more = model(OpaqueBatch(vqa.to(fabric.device)), generator)
        metrics = {**metrics, **more}
        fabric.backward(options.answer_weight * answer_loss)
        loss = loss + options.answer_weight * answer_loss
    norm = fabric.clip_gradients(model, optimizer, max_norm=options.clip_norm, error_if_nonfinite=False)
    assert norm is not None, "clipping by norm returns the norm"
    # All processes have the same gradients, so they agree.
    finite = bool(norm.isfinite() & loss.isfinite())
    if finite:
        optimizer.step()
    return loss.detach(), finite, metrics


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
