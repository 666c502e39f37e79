"""What counts: valid steps, the dims that a row's embodiment has, and images and states that were really seen."""

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from praxia.nn.embodiment_linear import mask_dims
from praxia.nn.types import Batch

__all__ = ["keep_valid", "masked_actions", "masked_mean", "valid_tokens"]


def masked_actions(batch: Batch, own: Bool[Tensor, "E A"]) -> tuple[Float[Tensor, "B H A"], Bool[Tensor, "B H A"]]:
    """A training batch's actions, zero in dims that a row's embodiment does not have, and which entries count."""
    assert batch.action is not None, "a loss needs actions"
    assert batch.action_valid is not None, "a loss needs to know which actions count"
    counts = batch.action_valid[..., None] & own[batch.embodiment][:, None]
    return mask_dims(batch.action, own, batch.embodiment), counts


def masked_mean(error: Float[Tensor, "*shape"], counts: Bool[Tensor, "*shape"]) -> Float[Tensor, ""]:
    """The mean of `error` where it counts, whatever it is elsewhere; 0 where nothing does."""
    return torch.where(counts, error, 0.0).sum() / counts.sum().clamp_min(1)


def keep_valid(x: Float[Tensor, "B T F"], valid: Bool[Tensor, "B T"]) -> Float[Tensor, "B T F"]:
    """`x` with zero at moments that are not valid, whatever was there: what "missing" is to whoever cannot attend."""
    return torch.where(valid[..., None], x, 0.0)


def valid_tokens(batch: Batch, seen: Mapping[str, Float[Tensor, "B _ D"]], num_others: int) -> Bool[Tensor, "B N"]:
    """Which tokens of a context count: those `seen` by each camera, moment after moment, where its image is valid.

    `num_others` tokens follow, which always count.
    """
    images = [
        batch.image_valid[name].repeat_interleave(tokens.shape[1] // batch.image_valid[name].shape[1], dim=1)
        for name, tokens in seen.items()
    ]
    return torch.cat([*images, batch.state_valid.new_ones(len(batch.state), num_others)], dim=1)
