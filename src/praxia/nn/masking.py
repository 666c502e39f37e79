"""Means over the entries that count: valid steps, and the dims that a row's body has."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from praxia.nn.embodied import keep_own
from praxia.nn.types import Batch

__all__ = ["masked_mean", "own_actions"]


def own_actions(batch: Batch, own: Bool[Tensor, "E A"]) -> tuple[Float[Tensor, "B H A"], Bool[Tensor, "B H A"]]:
    """A training batch's actions, zero in dims that a row's body does not have, and which entries count."""
    assert batch.action is not None, "a loss needs actions"
    assert batch.action_valid is not None, "a loss needs to know which actions count"
    counts = batch.action_valid[..., None] & own[batch.embodiment][:, None]
    return keep_own(batch.action, own, batch.embodiment), counts


def masked_mean(error: Float[Tensor, "*shape"], counts: Bool[Tensor, "*shape"]) -> Float[Tensor, ""]:
    """The mean of `error` where it counts, whatever it is elsewhere; 0 where nothing does."""
    return torch.where(counts, error, 0.0).sum() / counts.sum().clamp_min(1)
