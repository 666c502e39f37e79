"""Shared by heads that predict action tokens: the tokenizer as a value of the config, and the choice of a token."""

import json
from abc import ABC
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int
from torch import Tensor

from praxia.action_tokenizers import action_tokenizer_from_json, find_action_tokenizer
from praxia.action_tokenizers.interface import ActionTokenizer, expect_in_range
from praxia.core.config import FittedConfig
from praxia.core.errors import MismatchError, PraxiaError
from praxia.nn.types import HeadConfig

__all__ = ["TokenizedHeadConfig", "choose_token", "encode_actions", "uniform_from_normal"]

T = TypeVar("T", bound="TokenizedHeadConfig")


@dataclass(frozen=True)
class TokenizedHeadConfig(HeadConfig, FittedConfig, ABC):
    """The config of a head that predicts action tokens.

    `tokenizer` is "bins", "quantile-bins", "fast", or the file that `praxia tokenizer fit` wrote. `fitted` is the
    fitted tokenizer as JSON.
    """

    sampling: ClassVar[Mapping[str, str]] = {"temperature": "temperature"}

    tokenizer: str = "bins"
    """bins, quantile-bins, fast, or the file that `praxia tokenizer fit` wrote."""

    def fit(self: T, chunks: Callable[[], Float32[np.ndarray, "B H A"]]) -> T:
        """With the tokenizer fitted on the chunks, or read from its file and checked on them.

        Raises:
            UnknownName: neither a tokenizer nor a file. PraxiaError: no such file.
            DataError: actions outside the range of a tokenizer from a file.
            MismatchError: a tokenizer from a file for chunks of another shape.
        """
        if not self.tokenizer.endswith(".json"):
            return replace(self, fitted=find_action_tokenizer(self.tokenizer).fit(chunks()).to_json())
        path = Path(self.tokenizer)
        if not path.is_file():
            raise PraxiaError(
                f"expected an action tokenizer's file at {path}, got nothing; `praxia tokenizer fit DATA --out {path}`"
            )
        fitted = action_tokenizer_from_json(json.loads(path.read_text()))
        expect_in_range(fitted, chunks())
        return replace(self, fitted=fitted.to_json())

    def load_tokenizer(self) -> ActionTokenizer:
        """The fitted tokenizer.

        Raises:
            MismatchError: the config is not fitted.
        """
        if self.fitted is None:
            raise MismatchError(f"head {self.tag!r} has no fitted tokenizer yet: call `fit` with chunks of the data")
        return action_tokenizer_from_json(self.fitted)

    def clips(self, chunks: Float32[np.ndarray, "B H A"]) -> Bool[np.ndarray, "B H A"]:
        """Which entries of normalised chunks the fitted tokenizer clips. With FAST: which coefficients."""
        return self.load_tokenizer().encode(chunks).clipped.reshape(chunks.shape)


def encode_actions(
    tokenizer: ActionTokenizer, action: Float[Tensor, "B H A"]
) -> tuple[Int[Tensor, "B L"], Bool[Tensor, "B L"], Bool[Tensor, "B N"]]:
    """Tokens, which of them are valid, and which of the chunk's numbers were clipped, on the device of `action`."""
    found = tokenizer.encode(action.detach().float().cpu().numpy())
    tokens, valid, clipped = (
        torch.from_numpy(array).to(action.device) for array in (found.tokens, found.valid, found.clipped)
    )
    return tokens, valid, clipped


def uniform_from_normal(noise: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Standard normal draws as uniform ones in (0, 1)."""
    return torch.special.ndtr(noise.double()).clamp(1e-9, 1 - 1e-9)


def choose_token(
    logits: Float[Tensor, "*shape V"], draw: Float[Tensor, "*shape"], temperature: float
) -> Int[Tensor, "*shape"]:
    """One token per row: the likeliest at temperature 0, else by inverting the distribution at `draw` in (0, 1)."""
    if temperature == 0:
        return logits.argmax(-1)
    cumulative = (logits.double() / temperature).softmax(-1).cumsum(-1)
    found = torch.searchsorted(cumulative.contiguous(), (draw * cumulative[..., -1])[..., None].contiguous())[..., 0]
    return found.clamp_max(logits.shape[-1] - 1)
