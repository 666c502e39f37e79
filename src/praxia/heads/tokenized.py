"""What heads that predict codes share: the code as a value of their config, fitted on the data before training."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int
from torch import Tensor

from praxia.action_tokenizers import action_tokenizer_from_json, find_action_tokenizer
from praxia.action_tokenizers.tokenizer import ActionTokenizer, expect_in_range
from praxia.core.config import Config
from praxia.core.errors import MismatchError, PraxiaError

__all__ = ["choose", "clips_of", "encode_on", "fit_tokenizer", "tokenizer_of", "uniform"]

P = TypeVar("P", bound=Config)


def fit_tokenizer(part: P, chunks: Float32[np.ndarray, "B H A"]) -> P:
    """The head's config with its code fitted on `chunks`, or read from the file that it names and checked on them.

    Raises:
        UnknownName: neither a code nor a file. DataError: actions outside of the range of a code from a file.
        MismatchError: a code from a file that holds other chunks.
    """
    name: str = part.code  # pyright: ignore[reportAttributeAccessIssue]
    if not name.endswith(".json"):
        return replace(part, fitted=find_action_tokenizer(name).fit(chunks).to_json())  # pyright: ignore[reportCallIssue]
    if not Path(name).is_file():
        raise PraxiaError(f"expected a code's file at {name}, got nothing; `praxia codes fit DATA --out {name}`")
    code = action_tokenizer_from_json(json.loads(Path(name).read_text()))
    expect_in_range(code, chunks)
    return replace(part, fitted=code.to_json())  # pyright: ignore[reportCallIssue]


def tokenizer_of(part: Config) -> ActionTokenizer:
    """The fitted code of a head's config.

    Raises:
        MismatchError: it was not fitted.
    """
    fitted: Any = part.fitted  # pyright: ignore[reportAttributeAccessIssue]
    if fitted is None:
        raise MismatchError(f"head {part.tag!r} has no fitted code yet: call `fit` with chunks of the data")
    return action_tokenizer_from_json(fitted)


def clips_of(part: Config, chunks: Float32[np.ndarray, "B H A"]) -> Bool[np.ndarray, "B H A"]:
    """Which entries of normalised chunks the fitted code of a head's config clips; of FAST: which coefficients."""
    return tokenizer_of(part).encode(chunks).clipped.reshape(chunks.shape)


def encode_on(
    code: ActionTokenizer, action: Float[Tensor, "B H A"]
) -> tuple[Int[Tensor, "B L"], Bool[Tensor, "B L"], Bool[Tensor, "B N"]]:
    """Ids, which of them count, and which of a chunk's numbers were clipped, on the device of `action`."""
    codes = code.encode(action.detach().float().cpu().numpy())
    ids, valid, clipped = (torch.from_numpy(one).to(action.device) for one in (codes.ids, codes.valid, codes.clipped))
    return ids, valid, clipped


def uniform(noise: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Standard normal draws as uniform ones in (0, 1)."""
    return torch.special.ndtr(noise.double()).clamp(1e-9, 1 - 1e-9)


def choose(
    logits: Float[Tensor, "*shape V"], draw: Float[Tensor, "*shape"], temperature: float
) -> Int[Tensor, "*shape"]:
    """One id a row: the likeliest at temperature 0, else by inverting the distribution at `draw` in (0, 1)."""
    if temperature == 0:
        return logits.argmax(-1)
    upto = (logits.double() / temperature).softmax(-1).cumsum(-1)
    found = torch.searchsorted(upto.contiguous(), (draw * upto[..., -1])[..., None].contiguous())[..., 0]
    return found.clamp_max(logits.shape[-1] - 1)
