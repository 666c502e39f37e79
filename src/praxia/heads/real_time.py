"""Real-time chunking for heads that sample from noise: a chunk fits what is executed while the policy decides.

Two remedies for a delay, on flow and diffusion alike. A trained prefix (training-time RTC, Black et al. 2025, arXiv
2512.05964): training gives the first actions of a chunk clean, as many as a drawn delay, and the head predicts the
rest; in use the committed actions are that prefix. Guidance (RTC, Black et al. 2025, arXiv 2506.07339;
`nn/guidance.py`): any trained head is pulled towards the chunk before, with a soft mask.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Generic, TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from praxia.core.config import ADDED
from praxia.core.errors import MismatchError, PraxiaError
from praxia.core.types import Guidance
from praxia.heads.denoisers.denoiser import DenoiserConfig
from praxia.nn.embodiment_linear import dim_masks
from praxia.nn.guidance import Guide, soft_mask
from praxia.nn.share import Share
from praxia.nn.types import Batch, Context, Head, HeadConfig, PreviousChunk, Shapes

__all__ = [
    "RealTimeConfig",
    "RealTimeHead",
    "count_remaining",
    "draw_prefix",
    "expect_real_time",
    "with_prefix",
]


@dataclass(frozen=True)
class RealTimeConfig(HeadConfig, ABC):
    """What heads that sample from noise do about a delay. By default nothing: the naive switch.

    Training draws a delay d of 0 to `trained_delay` for each noise draw, with probabilities proportional to
    exp(-`delay_decay` d). `guidance` needs no training, and takes the place of a trained prefix.
    """

    sampling: ClassVar[Mapping[str, str]] = {"steps": "num_steps", "guidance": "guidance"}
    # The network is the same with and without: a policy can be fine-tuned to have a prefix.
    training_only: ClassVar[frozenset[str]] = frozenset({"trained_delay", "delay_decay"})

    trained_delay: int = field(default=0, kw_only=True, metadata=ADDED)
    """Largest delay, in control steps, whose committed actions training gives as a clean prefix; 0: none."""
    delay_decay: float = field(default=0.0, kw_only=True, metadata=ADDED)
    """How much rarer in training a delay is than one that is a step shorter: by exp(-this); 0: as frequent."""
    guidance: Guidance | None = field(default=None, kw_only=True, metadata=ADDED)
    """Guide the sample to what is committed and planned: by the gradient through the network (vjp), or without it
    (identity)."""
    guidance_clip: float = field(default=5.0, kw_only=True, metadata=ADDED)
    """Largest weight of the guidance."""

    @property
    def longest_delay(self) -> int | None:
        """The longest delay, in control steps, for which it was trained; None: it takes any."""
        return None if self.guidance is not None else self.trained_delay or None


OwnConfig = TypeVar("OwnConfig", bound=RealTimeConfig)


class RealTimeHead(Head, ABC, Generic[OwnConfig]):
    """A head whose `denoiser` samples a chunk from noise, as a `RealTimeConfig` says under a delay. `Inpaints`.

    Raises:
        MismatchError: a trained prefix would be the whole chunk.
    """

    action_mask: Tensor

    def __init__(self, config: OwnConfig, denoiser: DenoiserConfig, shapes: Shapes, context_width: int):
        super().__init__()
        _expect_horizon(config, shapes.horizon)
        self.config = config
        self.noise_shape = (shapes.horizon, shapes.action_dim)
        self.denoiser = denoiser.build(shapes, context_width)
        self.requires = self.denoiser.requires
        self.register_buffer("action_mask", dim_masks(shapes.action_dims), persistent=False)

    def num_valid(self, batch: Batch) -> Int[Tensor, ""]:
        return batch.loss_mask(self.action_mask).sum()

    def inpaint(
        self,
        context: Context,
        noise: Float[Tensor, "B H A"],
        embodiment: Int[Tensor, " B"],
        previous: PreviousChunk,
    ) -> Float[Tensor, "B H A"]:
        """`sample`, guided to the chunk before or after a trained prefix, as the config says; it may say neither."""
        if self.config.guidance is not None:
            guide = _guide_of(self.config, previous, self.action_mask[embodiment])
            return self._guided(context, noise, embodiment, guide)
        if self.config.trained_delay:
            _expect_trained(self.config, previous)
            return self._continued(context, noise, embodiment, previous)
        return self.sample(context, noise, embodiment)

    @abstractmethod
    def _guided(
        self, context: Context, noise: Float[Tensor, "B H A"], embodiment: Int[Tensor, " B"], guide: Guide
    ) -> Float[Tensor, "B H A"]:
        """`sample`, with every prediction of the data moved by `guide`."""

    @abstractmethod
    def _continued(
        self,
        context: Context,
        noise: Float[Tensor, "B H A"],
        embodiment: Int[Tensor, " B"],
        previous: PreviousChunk,
    ) -> Float[Tensor, "B H A"]:
        """What is committed, without noise from the beginning, and what follows it."""


def with_prefix(x: Float[Tensor, "B H A"], previous: PreviousChunk) -> Float[Tensor, "B H A"]:
    """`x` with what is committed in place of its first steps."""
    return torch.where(previous.committed[..., None], previous.action, x)


def expect_real_time(config: RealTimeConfig) -> None:
    """Raises PraxiaError for values that mean nothing."""
    if config.trained_delay < 0:
        raise PraxiaError(f"expected a trained delay of 0 control steps or more, got {config.trained_delay}")
    for name, value in (("delay decay", config.delay_decay), ("guidance clip", config.guidance_clip)):
        if not 0 <= value < math.inf:
            raise PraxiaError(f"expected a {name} of 0 or more, and finite, got {value:g}")


def _expect_horizon(config: RealTimeConfig, horizon: int) -> None:
    """Raises MismatchError where a trained prefix would be the whole chunk."""
    if config.trained_delay >= horizon:
        raise MismatchError(
            f"expected a trained delay below the horizon of {horizon} actions, got {config.trained_delay}: there would"
            " be nothing left to predict; change --model.head.trained-delay or --window.horizon"
        )


def _expect_trained(config: RealTimeConfig, previous: PreviousChunk) -> None:
    """Raises MismatchError for more committed actions than the head was trained with."""
    if (longest := int(previous.committed.sum(1).max())) > config.trained_delay:
        raise MismatchError(
            f"expected a delay of at most {config.trained_delay} control steps, with which head {config.tag!r} was"
            f" trained, got {longest}: train with --model.head.trained-delay {longest}, or give --guidance vjp"
        )


def draw_prefix(
    config: RealTimeConfig, action: Float[Tensor, "R H A"], share: Share, generator: torch.Generator
) -> Bool[Tensor, "R H"] | None:
    """Which steps of each row of `action` training gives clean. Without a trained prefix None, and nothing is drawn."""
    if config.trained_delay == 0:
        return None
    drawn = share.uniform([len(action)], generator)
    at_most = _probabilities(config).cumsum(0).to(drawn)[:-1]
    delay = (drawn[:, None] >= at_most).sum(1)
    return torch.arange(action.shape[1], device=drawn.device) < delay[:, None]


def count_remaining(
    error: Float[Tensor, "R H A"], prefix: Bool[Tensor, "R H"] | None, config: RealTimeConfig
) -> Float[Tensor, "R H A"]:
    """`error` without that of the prefix, scaled so that its mean over all steps is one over the remaining steps.

    Deviation from the paper: the scale is the expected share of the remaining steps in a chunk, not that of the batch
    at hand, so that the loss does not depend on how a batch is divided (`nn/share.py`).
    """
    if prefix is None:
        return error
    horizon, probabilities = error.shape[1], _probabilities(config)
    expected = horizon - (probabilities * torch.arange(len(probabilities))).sum().item()
    return error.masked_fill(prefix[..., None], 0.0) * (horizon / expected)


def _guide_of(config: RealTimeConfig, previous: PreviousChunk, dims: Bool[Tensor, "B A"]) -> Guide:
    """The guide to the chunk before, in the `dims` that each row's embodiment has."""
    mask = soft_mask(previous.committed, previous.valid)[..., None] * dims[:, None]
    return Guide(previous.action, mask, config.guidance_clip, through_network=config.guidance == "vjp")


def _probabilities(config: RealTimeConfig) -> Float[Tensor, " D"]:
    weights = (-config.delay_decay * torch.arange(config.trained_delay + 1, dtype=torch.float64)).exp()
    return weights / weights.sum()
