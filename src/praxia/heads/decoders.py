"""Decoders that continue after the context: a small transformer of the head, or the encoder's language model."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from praxia.core.config import Config
from praxia.core.errors import MismatchError
from praxia.nn.stack import AttentionConfig, Stack
from praxia.nn.types import Context, KVCache, LanguageModel

__all__ = [
    "Decoder",
    "DecoderConfig",
    "DecoderState",
    "PrefixDecoder",
    "PrefixTransformer",
    "VLMTokenDecoder",
    "VLMTokens",
]


@dataclass(frozen=True)
class DecoderState:
    """The state between two calls of a decoder: its layers, the key/value cache, and the context that it continues."""

    layers: Callable[..., tuple[Tensor, KVCache]]
    cache: KVCache
    context: Context

    def decode(self, x: Float[Tensor, "B L D"], *, causal: bool) -> tuple[Float[Tensor, "B L D"], "DecoderState"]:
        """Process L more tokens.

        They attend to the context, to the tokens already decoded and to each other; with `causal` only to those before.
        """
        blocks = torch.arange(x.shape[1], device=x.device)
        valid = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
        hidden, cache = self.layers(x, valid, blocks if causal else blocks * 0, self.cache)
        return hidden, DecoderState(self.layers, cache, self.context)


class Decoder(nn.Module, ABC):
    """Hidden states of tokens after a context. `requires` names what the context must have, as `Head.requires`."""

    requires: frozenset[str]
    width: int

    @abstractmethod
    def prefill(self, context: Context) -> DecoderState:
        """The state after the context."""

    @abstractmethod
    def token_layers(self, vocab_size: int) -> tuple[nn.Module, nn.Module]:
        """Layers for action tokens: (tokens, state) -> input embeddings, and (hidden, state) -> logits.

        The second may raise MismatchError when called, if the decoder's vocabulary has too few tokens.
        """


@dataclass(frozen=True)
class DecoderConfig(Config, ABC):
    """The config of a decoder."""

    @abstractmethod
    def build(self, context_width: int) -> Decoder:
        """The decoder with fresh weights, for contexts whose tokens have `context_width` features."""


@dataclass(frozen=True)
class PrefixTransformer(DecoderConfig):
    """Gemma's layers in PaliGemma's prefix-LM layout: the context's tokens attend to each other, later ones to them.

    The MLP is 4 times as wide; every query head has its own keys.
    """

    tag: ClassVar[str] = "prefix-transformer"
    width: int = 128
    """Width of the tokens."""
    depth: int = 3
    """Number of layers."""
    num_heads: int = 4
    """Number of attention heads."""

    def build(self, context_width: int) -> "PrefixDecoder":
        return PrefixDecoder(self, context_width)


class PrefixDecoder(Decoder):
    """See `PrefixTransformer`. Takes any context."""

    requires: frozenset[str] = frozenset()

    def __init__(self, config: PrefixTransformer, context_width: int):
        super().__init__()
        head_width = config.width // config.num_heads
        attention = AttentionConfig(config.depth, config.num_heads, config.num_heads, head_width)
        self.width = config.width
        self.context_in = nn.Linear(context_width, config.width)
        self.stack = Stack(config.width, 4 * config.width, attention)

    def prefill(self, context: Context) -> DecoderState:
        blocks = torch.zeros(context.tokens.shape[1], dtype=torch.int64, device=context.tokens.device)
        cache = self.stack(self.context_in(context.tokens), context.mask, blocks)[1]
        return DecoderState(self.stack, cache, context)

    def token_layers(self, vocab_size: int) -> tuple[nn.Module, nn.Module]:
        return TokenEmbedding(vocab_size, self.width), LMHead(self.width, vocab_size)


class TokenEmbedding(nn.Embedding):
    """An embedding with small initial weights."""

    def __init__(self, vocab_size: int, width: int):
        super().__init__(vocab_size, width)
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, input: Int[Tensor, "B L"], state: DecoderState | None = None) -> Float[Tensor, "B L D"]:
        return super().forward(input)


class LMHead(nn.Linear):
    """Logits of the tokens by a linear layer."""

    def forward(self, input: Float[Tensor, "B L D"], state: DecoderState | None = None) -> Float[Tensor, "B L V"]:
        return super().forward(input)


@dataclass(frozen=True)
class VLMTokens(DecoderConfig):
    """The encoder's language model decodes; action tokens are the last tokens of its vocabulary.

    RT-2 (arXiv 2307.15818), OpenVLA (arXiv 2406.09246): action token i is token vocab_size - 1 - `skip` - i. pi0-FAST
    skips the last 128, PaliGemma's tokens for segments of images. Only action tokens are predicted. Deviations: the
    first action token follows a learned token instead of the prompt's last one, and every token's input also encodes
    how many of the chunk's numbers precede it.
    """

    tag: ClassVar[str] = "vlm-tokens"
    skip: int = 0
    """Tokens at the end of the vocabulary that are left out."""

    def build(self, context_width: int) -> "VLMTokenDecoder":
        return VLMTokenDecoder(self, context_width)


class VLMTokenDecoder(Decoder):
    """See `VLMTokens`. Requires a language model in the context; has no weights of its own."""

    requires = frozenset({"language_model"})

    def __init__(self, config: VLMTokens, context_width: int):
        super().__init__()
        self.skip, self.width = config.skip, context_width

    def prefill(self, context: Context) -> DecoderState:
        """The language model's state after the prompt, which the encoder has already computed."""
        assert context.language_model is not None, "an encoder that provides a language model has one"
        assert context.kv_cache is not None
        return DecoderState(context.language_model.decode, context.kv_cache, context)

    def token_layers(self, vocab_size: int) -> tuple[nn.Module, nn.Module]:
        return VLMTokenEmbedding(vocab_size, self.skip), VLMTokenLogits(vocab_size, self.skip)


class LastTokens(nn.Module):
    """The last `num` tokens of a language model's vocabulary before the `skip` that are left out."""

    def __init__(self, num: int, skip: int):
        super().__init__()
        self.num, self.skip = num, skip

    def find(self, state: DecoderState) -> tuple[LanguageModel, int]:
        """The language model, and the end of the tokens in its vocabulary."""
        language_model = state.context.language_model
        assert language_model is not None, "the state of a language model has one"
        end = language_model.vocab_size - self.skip
        if self.num > end:
            raise MismatchError(
                f"expected an action tokenizer of at most {end} tokens, as many as the language model has for them, "
                f"got {self.num}; fit a smaller one"
            )
        return language_model, end


class VLMTokenEmbedding(LastTokens):
    """Action tokens as the language model's embeddings."""

    def forward(self, tokens: Int[Tensor, "B L"], state: DecoderState) -> Float[Tensor, "B L D"]:
        language_model, end = self.find(state)
        return language_model.embed(end - 1 - tokens)


class VLMTokenLogits(LastTokens):
    """The language model's logits of the action tokens, in their order."""

    def forward(self, hidden: Float[Tensor, "B L D"], state: DecoderState) -> Float[Tensor, "B L V"]:
        language_model, end = self.find(state)
        return language_model.logits(hidden, slice(end - self.num, end)).flip(-1)
