"""Configs of models that are trained around a policy: what they sample, clip and learn from data is the policy's."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from jaxtyping import Bool, Float32

from praxia.core.types import Sampling
from praxia.nn.trainable import ModelConfig
from praxia.policies.encoder_head import EncoderHead
from praxia.transforms.tokenizer import PromptTokenizer

__all__ = ["AroundPolicy"]

P = TypeVar("P", bound="AroundPolicy")


@dataclass(frozen=True)
class AroundPolicy(ModelConfig):
    """`policy`, and something beside it that learns nothing from the data before training."""

    policy: EncoderHead

    @property
    def sampling(self) -> Sampling:
        """The policy's."""
        return self.policy.sampling

    def sampled(self: P, sampling: Sampling) -> P:
        """With a policy that is sampled with these options. Raises as `EncoderHead.sampled` does."""
        return replace(self, policy=self.policy.sampled(sampling))

    def resampled(self, sampling: Sampling) -> Sampling:
        """The options of `sampling` that differ from the policy's own."""
        return self.policy.resampled(sampling)

    @property
    def clips(self) -> Callable[[Float32[np.ndarray, "B H A"]], Bool[np.ndarray, "B H A"]] | None:
        """Which entries of normalised chunks the policy reproduces only clipped; None: it never clips."""
        return self.policy.clips

    def prompt_tokenizer(self, num_images: int) -> PromptTokenizer | None:
        """The tokenizer of the policy's encoder."""
        return self.policy.prompt_tokenizer(num_images)

    def fit(self: P, chunks: Callable[[], Float32[np.ndarray, "B H A"]]) -> P:
        """With a policy that has learned from the data."""
        return replace(self, policy=self.policy.fit(chunks))

    def unfitted(self: P) -> P:
        """The same network before `fit`."""
        return replace(self, policy=self.policy.unfitted())

    def fitted_as(self: P, other: "AroundPolicy") -> P:
        """With what the policy of `other` learned."""
        return replace(self, policy=self.policy.fitted_as(other.policy))

    def refitted_as(self: P, other: "AroundPolicy", chunks: Callable[[], Float32[np.ndarray, "B H A"]]) -> P:
        """As `fitted_as`, but with the policy's head fitted again on `chunks`."""
        return replace(self, policy=self.policy.refitted_as(other.policy, chunks))
