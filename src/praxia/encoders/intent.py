"""The intent of a thinker in the place of an instruction, and how one is made of a context."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from praxia.core.errors import MismatchError
from praxia.encoders.text import TextEncoder, TextEncoderConfig
from praxia.nn.layers import sinusoidal_embedding
from praxia.nn.types import Batch, Context, Encoder, Shapes

__all__ = ["AGE_WIDTH", "IntentPooling", "IntentReader", "IntentText", "embedded_age", "expect_intent"]

AGE_WIDTH = 32
# In control steps: ages of neighbouring steps differ, and those of 32 steps and more than that are still told apart.
SHORTEST_PERIOD, LONGEST_PERIOD = 2.0, 256.0


@dataclass(frozen=True)
class IntentText(TextEncoderConfig):
    """In place of a text encoder, for the fast one of two systems: it reads an intent, and not the instruction.

    So any encoder that an instruction conditions is conditioned by an intent, in its own way: FiLM as in HiRT (arXiv
    2410.05273), or a token.
    """

    tag: ClassVar[str] = "intent"
    width: int = 128
    """Width of what stands for the instruction."""
    num_tokens: int = 4
    """Number of latent tokens of an intent."""
    token_width: int = 64
    """Width of a latent token."""

    def build(self, shapes: Shapes) -> "IntentReader":
        return IntentReader(self)


class IntentReader(TextEncoder):
    """See `IntentText`. A two-layer MLP of all latent tokens and the embedded age."""

    def __init__(self, config: IntentText):
        super().__init__()
        self.width = config.width
        self.num_tokens, self.token_width = config.num_tokens, config.token_width
        self.tokens_in = nn.Linear(config.num_tokens * config.token_width, config.width)
        self.age_in = nn.Linear(AGE_WIDTH, config.width)
        self.out = nn.Sequential(nn.SiLU(), nn.Linear(config.width, config.width))

    def forward(self, batch: Batch) -> Float[Tensor, "B D"]:
        intent = expect_intent(batch)
        expected, got = (self.num_tokens, self.token_width), tuple(intent.shape[1:])
        if got != expected:
            raise MismatchError(f"expected an intent of {expected} tokens and features, got {got}")
        return self.out(self.tokens_in(intent.flatten(1)) + self.age_in(embedded_age(batch).to(intent.dtype)))


class IntentPooling(nn.Module):
    """A few latent tokens of any context: learned queries attend to its valid tokens.

    Each token is normalised, so that an intent is of the same size whatever the encoder.
    """

    def __init__(self, width: int, num_tokens: int, token_width: int):
        super().__init__()
        self.queries = nn.Parameter(torch.randn(num_tokens, token_width) * token_width**-0.5)
        self.keys = nn.Linear(width, token_width)
        self.values = nn.Linear(width, token_width)
        self.out = nn.Linear(token_width, token_width)

    def forward(self, context: Context) -> Float[Tensor, "B N D"]:
        keys, values = self.keys(context.tokens), self.values(context.tokens)
        queries = self.queries.to(keys.dtype).expand(len(keys), -1, -1)
        read = functional.scaled_dot_product_attention(queries, keys, values, context.mask[:, None])
        x = queries + self.out(read)
        return functional.layer_norm(x, x.shape[-1:])


class Slow(nn.Module):
    """An encoder whose context is pooled into an intent."""

    def __init__(self, encoder: Encoder, config: IntentText):
        super().__init__()
        self.encoder = encoder
        self.pooling = IntentPooling(encoder.width, config.num_tokens, config.token_width)

    def forward(self, batch: Batch) -> Float[Tensor, "B N D"]:
        return self.pooling(self.encoder(batch))


def embedded_age(batch: Batch) -> Float[Tensor, "B _"]:
    """Sines and cosines of the age of each row's intent."""
    assert batch.intent_age is not None, "an intent comes with its age"
    age = batch.intent_age.to(torch.float32)
    return sinusoidal_embedding(age, AGE_WIDTH, SHORTEST_PERIOD, LONGEST_PERIOD)


def expect_intent(batch: Batch) -> Float[Tensor, "B N D"]:
    """The intent of each row.

    Raises:
        MismatchError: there is none.
    """
    if batch.intent is None:
        raise MismatchError(
            "expected intents for an encoder that reads them, got none: it is the fast one of two systems, as in the"
            " recipe helix-tabletop (--model dual)"
        )
    return batch.intent
