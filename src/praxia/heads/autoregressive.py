"""The chunk's tokens one after another, each sampled given those before it: RT-2, OpenVLA, pi0-FAST."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from praxia.heads.decoders import DecoderConfig, PrefixTransformer
from praxia.heads.tokenized import TokenizedHeadConfig, choose_token, encode_actions, uniform_from_normal
from praxia.nn.embodiment_linear import dim_masks
from praxia.nn.layers import masked_actions, masked_mean
from praxia.nn.share import WHOLE
from praxia.nn.types import Batch, Context, Head, Shapes

__all__ = ["Autoregressive", "AutoregressiveHead"]


@dataclass(frozen=True)
class Autoregressive(TokenizedHeadConfig):
    """A prefix-LM over the context's tokens predicts the chunk's tokens by cross-entropy; the prefix is computed once.

    At `temperature` 0 each token is the likeliest (OpenVLA, pi0-FAST), which loses all modes of the demonstrations but
    one; at 1 tokens are sampled from the learned distribution, and of the many tokens of a chunk some come from its
    tails and spoil the chunk (docs/RESULTS.md, "Heads").

    Only tokens that still fit into the chunk are sampled, so that every sequence can be decoded; there is no end token.
    The public pi0-FAST has one, and executes zeros where the tokens before it cannot be decoded. Each token's input
    also encodes how many of the chunk's numbers precede it.
    """

    tag: ClassVar[str] = "autoregressive"
    decoder: DecoderConfig = field(default_factory=PrefixTransformer)
    temperature: float = 0.3
    """Temperature at which tokens are sampled; 0: the likeliest."""

    def build(self, shapes: Shapes, context_width: int) -> "AutoregressiveHead":
        return AutoregressiveHead(self, shapes, context_width)


class AutoregressiveHead(Head):
    """See `Autoregressive`. Takes any context that its decoder takes.

    Where each token encodes one action entry, padded steps and dims that an embodiment lacks are left out of the loss.
    A token of FAST describes all steps at once: there a chunk that runs past the end of its episode counts in full,
    with the last action repeated.
    """

    action_mask: Tensor
    lengths: Tensor
    zero_tokens: Tensor

    def __init__(self, config: Autoregressive, shapes: Shapes, context_width: int):
        super().__init__()
        self.tokenizer, self.temperature = config.load_tokenizer(), config.temperature
        self.chunk_size = shapes.horizon * shapes.action_dim
        self.noise_shape = (self.chunk_size,)
        self.decoder = config.decoder.build(context_width)
        self.requires, width = self.decoder.requires, self.decoder.width
        self.begin = nn.Embedding(shapes.num_embodiments, width)
        self.position = nn.Embedding(self.chunk_size, width)
        for table in (self.begin, self.position):
            nn.init.normal_(table.weight, std=0.02)
        self.embed, self.out = self.decoder.token_layers(self.tokenizer.vocab_size)
        lengths = torch.from_numpy(self.tokenizer.token_lengths())
        self.by_entry = bool((lengths == 1).all())
        # Entries that an embodiment lacks hold the token of 0.
        zeros = np.zeros((1, shapes.horizon, shapes.action_dim), np.float32)
        zero_tokens = self.tokenizer.encode(zeros).tokens[0] if self.by_entry else np.zeros(self.chunk_size, np.int64)
        self.register_buffer("lengths", lengths, persistent=False)
        self.register_buffer("zero_tokens", torch.from_numpy(zero_tokens), persistent=False)
        self.register_buffer("action_mask", dim_masks(shapes.action_dims), persistent=False)

    def loss(
        self, context: Context, batch: Batch, generator: torch.Generator
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Mean cross-entropy per token, in nats. "clipped" is the share of the chunk's numbers that were clipped."""
        action, loss_mask = masked_actions(batch, self.action_mask)
        tokens, valid, clipped = encode_actions(self.tokenizer, action)
        num_before = self.lengths[tokens].cumsum(1) - self.lengths[tokens]
        begin = self.begin(batch.embodiment)[:, None]
        state = self.decoder.prefill(context)
        inputs = torch.cat([begin, self.embed(tokens[:, :-1], state)], dim=1)
        positions = self.position(num_before.clamp_max(self.chunk_size - 1))
        hidden, state = state.decode(inputs + positions, causal=True)
        logits = self.out(hidden, state).flatten(0, 1).float()
        error = functional.cross_entropy(logits, tokens.flatten(), reduction="none")
        loss = masked_mean(error.view_as(tokens), loss_mask.flatten(1) if self.by_entry else valid, batch.share)
        # Every row has as many numbers, valid tokens or not: shares of a batch count equally.
        among, weighted = (loss_mask.flatten(1), batch.share) if self.by_entry else (torch.ones_like(clipped), WHOLE)
        share = masked_mean(clipped.float(), among, weighted)
        return loss, {"cross_entropy": loss.detach(), "clipped": share}

    def num_valid(self, batch: Batch) -> Int[Tensor, ""]:
        if self.by_entry:
            return batch.loss_mask(self.action_mask).sum()
        action, _ = masked_actions(batch, self.action_mask)
        return encode_actions(self.tokenizer, action)[1].sum()

    def sample(
        self, context: Context, noise: Float[Tensor, "B N"], embodiment: Int[Tensor, " B"]
    ) -> Float[Tensor, "B H A"]:
        """The chunk decoded from sampled tokens; dims that an embodiment lacks have no meaning."""
        tokens, valid = self.generate(context, noise, embodiment)
        decoded = self.tokenizer.decode(tokens.cpu().numpy(), valid.cpu().numpy())
        assert not decoded.status.any(), "tokens that fill the chunk can be decoded"
        return torch.from_numpy(decoded.chunks).to(context.tokens)

    def generate(
        self, context: Context, noise: Float[Tensor, "B N"], embodiment: Int[Tensor, " B"]
    ) -> tuple[Int[Tensor, "B L"], Bool[Tensor, "B L"]]:
        """Tokens that together fill the chunk, padded with 0, and which of them are valid."""
        draws, state = uniform_from_normal(noise), self.decoder.prefill(context)
        num_before = torch.zeros_like(embodiment)
        x = self.begin(embodiment)[:, None]
        tokens, valid = [], []
        for at in range(self.chunk_size):
            left = self.chunk_size - num_before
            if not left.any():
                break
            x = x + self.position(num_before.clamp_max(self.chunk_size - 1))[:, None]
            hidden, state = state.decode(x, causal=True)
            fits = self.lengths <= left[:, None].clamp_min(1)
            logits = self.out(hidden, state)[:, 0].masked_fill(~fits, -torch.inf)
            chosen = self._zero_missing(choose_token(logits, draws[:, at], self.temperature), at, embodiment)
            tokens.append(torch.where(left > 0, chosen, 0))
            valid.append(left > 0)
            num_before = num_before + torch.where(left > 0, self.lengths[chosen], 0)
            x = self.embed(chosen[:, None], state)
        return torch.stack(tokens, dim=1), torch.stack(valid, dim=1)

    def _zero_missing(self, tokens: Int[Tensor, " B"], at: int, embodiment: Int[Tensor, " B"]) -> Int[Tensor, " B"]:
        """The token of 0 for an entry that a row's embodiment lacks, as in training; only if tokens encode entries."""
        if not self.by_entry:
            return tokens
        has_entry = self.action_mask[embodiment, at % self.action_mask.shape[1]]
        return torch.where(has_entry, tokens, self.zero_tokens[at])
