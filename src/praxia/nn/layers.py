"""Small layers that encoders and heads share, and the masks that keep padding out of losses and attention."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from praxia.nn.embodiment_linear import EmbodimentLinear, mask_dims
from praxia.nn.share import Share
from praxia.nn.types import Batch

__all__ = [
    "ResidualBlock",
    "by_step",
    "channel_values",
    "masked_actions",
    "masked_mean",
    "seeded_dropout",
    "sinusoidal_embedding",
    "token_mask",
    "zero_invalid",
    "zeroed",
]

LinearLayer = TypeVar("LinearLayer", bound=nn.Linear | EmbodimentLinear)


def zeroed(layer: LinearLayer) -> LinearLayer:
    """`layer` with zero weight and bias, so that what it is added to or modulates starts unchanged (adaLN-zero)."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class ResidualBlock(nn.Sequential):
    """x + ReLU(W norm(x)): the block of OpenVLA-OFT's action head (arXiv 2502.19645)."""

    def __init__(self, width: int):
        super().__init__(nn.LayerNorm(width), nn.Linear(width, width), nn.ReLU())

    def forward(self, input: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
        return input + super().forward(input)


def sinusoidal_embedding(
    value: Float[Tensor, "*B"], width: int, min_period: float = 4e-3, max_period: float = 4.0
) -> Float[Tensor, "*B D"]:
    """Sines and cosines of `value` at `width / 2` periods in geometric progression (pi0's time embedding)."""
    fraction = torch.linspace(0.0, 1.0, width // 2, device=value.device, dtype=value.dtype)
    period = min_period * (max_period / min_period) ** fraction
    angle = value[..., None] * (2 * math.pi / period)
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


def masked_actions(
    batch: Batch, action_mask: Bool[Tensor, "E A"]
) -> tuple[Float[Tensor, "B H A"], Bool[Tensor, "B H A"]]:
    """A training batch's actions, zero in the dims that a row's embodiment lacks, and its `Batch.loss_mask`."""
    assert batch.action is not None, "a loss needs actions"
    return mask_dims(batch.action, action_mask, batch.embodiment), batch.loss_mask(action_mask)


def masked_mean(error: Float[Tensor, "*shape"], mask: Bool[Tensor, "*shape"], share: Share) -> Float[Tensor, ""]:
    """The mean of `error` over `mask`, whatever it is elsewhere; 0 where the mask is empty.

    The weight of the share is a factor.
    """
    mean = torch.where(mask, error, 0.0).sum() / mask.sum().clamp_min(1)
    return mean if share.weight is None else mean * share.weight


def zero_invalid(x: Float[Tensor, "B T F"], valid: Bool[Tensor, "B T"]) -> Float[Tensor, "B T F"]:
    """`x` with zeros at invalid observation steps: how a network without attention sees that something is missing."""
    return torch.where(valid[..., None], x, 0.0)


def by_step(x: Float[Tensor, "B *H D"]) -> Float[Tensor, "B _ D"]:
    """What modulates the steps of a chunk, one vector for all of them or one each, as [B, 1, D] or [B, H, D]."""
    return x if x.dim() == 3 else x[:, None]


def channel_values(values: Sequence[float], device: torch.device) -> Float[Tensor, "C 1 1"]:
    """A number per channel of an image, made on `device`: a copy from the host would wait, and no CUDA graph has it."""
    return torch.stack([torch.full((1, 1), value, device=device) for value in values])


@contextmanager
def seeded_dropout(generator: torch.Generator, share: Share, active: bool) -> Iterator[None]:
    """Within it dropout depends on `generator` and `share` alone, although torch draws it from global random streams.

    These are as before afterwards. Unless `active` nothing is drawn. Each share of a batch drops what it draws itself:
    torch draws masks layer by layer for the rows that it has, so a batch that is divided drops others than a whole one.
    """
    if not active:
        yield
        return
    device = generator.device
    drawn = torch.randint(2**62, (), generator=generator, device=device)
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(int(drawn) + share.number)
        yield


def token_mask(
    batch: Batch, camera_tokens: Mapping[str, Float[Tensor, "B _ D"]], num_other: int
) -> Bool[Tensor, "B N"]:
    """Which tokens of a context are valid: those of each camera, step by step, where the image is valid.

    They are followed by `num_other` tokens, which are always valid.
    """
    images = [
        batch.image_valid[name].repeat_interleave(tokens.shape[1] // batch.image_valid[name].shape[1], dim=1)
        for name, tokens in camera_tokens.items()
    ]
    return torch.cat([*images, batch.state_valid.new_ones(len(batch.state), num_other)], dim=1)
