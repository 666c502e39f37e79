"""All steps of the chunk decoded at once by a bidirectional transformer: OpenVLA-OFT's parallel decoding."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from praxia.core.errors import MismatchError
from praxia.heads.decoders import DecoderConfig, PrefixTransformer
from praxia.heads.tokenized import TokenizedHeadConfig, choose_token, encode_actions, uniform_from_normal
from praxia.nn.embodiment_linear import dim_masks, embodiment_linear
from praxia.nn.layers import ResidualBlock, masked_actions, masked_mean
from praxia.nn.types import Batch, Context, Head, HeadConfig, Shapes

__all__ = ["OFT", "OFTHead", "ParallelBins", "ParallelBinsHead"]


class StepQueries(nn.Module):
    """One hidden state per step of the chunk: learned query tokens that attend to the context and to each other."""

    def __init__(self, decoder: DecoderConfig, shapes: Shapes, context_width: int):
        super().__init__()
        self.decoder = decoder.build(context_width)
        self.width = self.decoder.width
        self.queries = nn.Parameter(torch.randn(shapes.horizon, self.width) * 0.02)

    def forward(self, context: Context) -> Float[Tensor, "B H D"]:
        queries = self.queries.expand(len(context.tokens), -1, -1)
        return self.decoder.prefill(context).decode(queries, causal=False)[0]


@dataclass(frozen=True)
class OFT(HeadConfig):
    """Two residual MLP blocks per step on top of parallel decoding, trained with L1.

    OpenVLA-OFT (Kim et al. 2025, arXiv 2502.19645). Deviations: one query per step where theirs has one per action dim,
    all of a step concatenated; queries are learned where theirs are empty embeddings that differ in their positions.
    """

    tag: ClassVar[str] = "oft"
    decoder: DecoderConfig = field(default_factory=PrefixTransformer)

    def build(self, shapes: Shapes, context_width: int) -> "OFTHead":
        return OFTHead(self, shapes, context_width)


class OFTHead(Head):
    """See `OFT`. Takes any context that its decoder takes; draws no noise."""

    noise_shape = (0,)
    action_mask: Tensor

    def __init__(self, config: OFT, shapes: Shapes, context_width: int):
        super().__init__()
        self.steps = StepQueries(config.decoder, shapes, context_width)
        self.requires, width = self.steps.decoder.requires, self.steps.width
        self.blocks = nn.Sequential(ResidualBlock(width), ResidualBlock(width))
        self.norm = nn.LayerNorm(width)
        self.out = embodiment_linear(shapes.num_embodiments, width, shapes.action_dim)
        self.register_buffer("action_mask", dim_masks(shapes.action_dims), persistent=False)

    def loss(
        self, context: Context, batch: Batch, generator: torch.Generator
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Mean absolute error over valid steps and the embodiment's dims."""
        action, loss_mask = masked_actions(batch, self.action_mask)
        predicted = self._predict(context, batch.embodiment)
        loss = masked_mean((predicted - action).abs(), loss_mask, batch.share)
        return loss, {"l1": loss.detach()}

    def num_valid(self, batch: Batch) -> Int[Tensor, ""]:
        return batch.loss_mask(self.action_mask).sum()

    def sample(
        self, context: Context, noise: Float[Tensor, "B 0"], embodiment: Int[Tensor, " B"]
    ) -> Float[Tensor, "B H A"]:
        """The predicted chunk; dims that a row's embodiment lacks have no meaning."""
        return self._predict(context, embodiment)

    def _predict(self, context: Context, embodiment: Int[Tensor, " B"]) -> Float[Tensor, "B H A"]:
        return self.out(self.norm(self.blocks(self.steps(context))), embodiment)


@dataclass(frozen=True)
class ParallelBins(TokenizedHeadConfig):
    """Bins of every step and dim at once, each independent of the others given the observation: fast, and unimodal.

    `tokenizer` must have one token per action entry: "bins", "quantile-bins", or a file of one of them. The likeliest
    bin is taken unless `temperature` is above 0. The discrete variant of OpenVLA-OFT.
    """

    tag: ClassVar[str] = "parallel-bins"
    decoder: DecoderConfig = field(default_factory=PrefixTransformer)
    temperature: float = 0.0
    """Temperature at which tokens are sampled; 0: the likeliest."""

    def build(self, shapes: Shapes, context_width: int) -> "ParallelBinsHead":
        return ParallelBinsHead(self, shapes, context_width)


class ParallelBinsHead(Head):
    """See `ParallelBins`. Takes any context that its decoder takes."""

    action_mask: Tensor

    def __init__(self, config: ParallelBins, shapes: Shapes, context_width: int):
        super().__init__()
        self.tokenizer, self.temperature = config.load_tokenizer(), config.temperature
        if (self.tokenizer.token_lengths() != 1).any():
            raise MismatchError(
                f"head 'parallel-bins' needs a tokenizer of one token per action entry (bins, quantile-bins), got "
                f"{config.tokenizer!r}; use head 'autoregressive'"
            )
        self.noise_shape = (shapes.horizon, shapes.action_dim)
        self.steps = StepQueries(config.decoder, shapes, context_width)
        self.requires = self.steps.decoder.requires
        self.out = embodiment_linear(
            shapes.num_embodiments, self.steps.width, shapes.action_dim * self.tokenizer.vocab_size
        )
        self.register_buffer("action_mask", dim_masks(shapes.action_dims), persistent=False)

    def loss(
        self, context: Context, batch: Batch, generator: torch.Generator
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Mean cross-entropy in nats over valid steps and the embodiment's dims. "clipped": the share out of range."""
        action, loss_mask = masked_actions(batch, self.action_mask)
        tokens, _, clipped = encode_actions(self.tokenizer, action)
        logits = self._logits(context, batch.embodiment).flatten(0, 2).float()
        error = functional.cross_entropy(logits, tokens.flatten(), reduction="none").view_as(action)
        loss = masked_mean(error, loss_mask, batch.share)
        share = masked_mean(clipped.view_as(action).float(), loss_mask, batch.share)
        return loss, {"cross_entropy": loss.detach(), "clipped": share}

    def num_valid(self, batch: Batch) -> Int[Tensor, ""]:
        return batch.loss_mask(self.action_mask).sum()

    def sample(
        self, context: Context, noise: Float[Tensor, "B H A"], embodiment: Int[Tensor, " B"]
    ) -> Float[Tensor, "B H A"]:
        """The centres of the chosen bins; dims that a row's embodiment lacks have no meaning."""
        draws = uniform_from_normal(noise)
        tokens = choose_token(self._logits(context, embodiment), draws, self.temperature).flatten(1).cpu().numpy()
        return torch.from_numpy(self.tokenizer.decode(tokens, np.ones_like(tokens, bool)).chunks).to(context.tokens)

    def _logits(self, context: Context, embodiment: Int[Tensor, " B"]) -> Float[Tensor, "B H A V"]:
        return self.out(self.steps(context), embodiment).unflatten(-1, (self.noise_shape[1], -1))
