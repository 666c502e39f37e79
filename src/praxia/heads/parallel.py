"""All steps of the chunk decoded at once by a bidirectional transformer: OpenVLA-OFT's parallel decoding."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int
from torch import Tensor, nn
from torch.nn import functional

from praxia.core.config import Config
from praxia.core.errors import MismatchError
from praxia.heads.prefix import PrefixTransformer
from praxia.heads.tokenized import choose, clips_of, encode_on, fit_tokenizer, tokenizer_of, uniform
from praxia.nn.embodiment_linear import dim_masks, embodiment_linear
from praxia.nn.masking import masked_actions, masked_mean
from praxia.nn.residual import ResidualBlock
from praxia.nn.types import Batch, Context, Shapes

__all__ = ["OFT", "OFTHead", "ParallelBins", "ParallelBinsHead"]


class Steps(nn.Module):
    """One hidden state for each step of the chunk: learned queries that see the context and each other."""

    def __init__(self, decoder: Config, shapes: Shapes, context_width: int):
        super().__init__()
        self.decoder = decoder.build(context_width)  # pyright: ignore[reportAttributeAccessIssue]
        self.width = self.decoder.width
        self.queries = nn.Parameter(torch.randn(shapes.horizon, self.width) * 0.02)

    def forward(self, context: Context) -> Float[Tensor, "B H D"]:
        queries = self.queries.expand(len(context.tokens), -1, -1)
        return self.decoder.begin(context).extend(queries, causal=False)[0]


@dataclass(frozen=True)
class OFT(Config):
    """Two residual MLP blocks a step on top of the parallel decoding, trained with L1.

    OpenVLA-OFT (Kim et al. 2025, arXiv 2502.19645). Deviations: one query a step where theirs has one an action dim,
    all of a step concatenated; queries are learned where theirs are empty embeddings told apart by position.
    """

    tag: ClassVar[str] = "oft"
    decoder: Config = field(default_factory=PrefixTransformer)

    def build(self, shapes: Shapes, context_width: int) -> "OFTHead":
        return OFTHead(self, shapes, context_width)


class OFTHead(nn.Module):
    """See `OFT`. Takes any context that its decoder takes; draws no noise."""

    noise_shape = (0,)
    own: Tensor

    def __init__(self, config: OFT, shapes: Shapes, context_width: int):
        super().__init__()
        self.steps = Steps(config.decoder, shapes, context_width)
        self.needs, width = self.steps.decoder.needs, self.steps.width
        self.blocks = nn.Sequential(ResidualBlock(width), ResidualBlock(width))
        self.norm = nn.LayerNorm(width)
        self.out = embodiment_linear(len(shapes.embodiments), width, shapes.action_dim)
        self.register_buffer("own", dim_masks([action for _, action in shapes.embodiments]), persistent=False)

    def loss(
        self, context: Context, batch: Batch, generator: torch.Generator
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Mean absolute error over valid steps and own dims."""
        action, counts = masked_actions(batch, self.own)
        predicted = self._predict(context, batch.embodiment)
        loss = masked_mean((predicted - action).abs(), counts)
        return loss, {"l1": loss.detach()}

    def sample(
        self, context: Context, noise: Float[Tensor, "B 0"], embodiment: Int[Tensor, " B"]
    ) -> Float[Tensor, "B H A"]:
        """The one chunk; dims that a row's embodiment does not have mean nothing."""
        return self._predict(context, embodiment)

    def _predict(self, context: Context, embodiment: Int[Tensor, " B"]) -> Float[Tensor, "B H A"]:
        return self.out(self.norm(self.blocks(self.steps(context))), embodiment)


@dataclass(frozen=True)
class ParallelBins(Config):
    """Bins of every step and dim at once, each independent of the others given the observation: fast, and unimodal.

    `code` is "bins", "quantile-bins", or a file of one of them; it takes the likeliest bin unless `temperature` is
    above 0. The discrete variant of OpenVLA-OFT.
    """

    tag: ClassVar[str] = "parallel-bins"
    sampling: ClassVar[Mapping[str, str]] = {"temperature": "temperature"}
    code: str = "bins"
    decoder: Config = field(default_factory=PrefixTransformer)
    temperature: float = 0.0
    # The fitted code as JSON; training fits it.
    fitted: Any = None

    def fit(self, chunks: Float32[np.ndarray, "B H A"]) -> "ParallelBins":
        """With its code fitted on the data; see `coded.fit_tokenizer`."""
        return fit_tokenizer(self, chunks)

    def clips(self, chunks: Float32[np.ndarray, "B H A"]) -> Bool[np.ndarray, "B H A"]:
        """Which entries its code clips; see `coded.clips_of`."""
        return clips_of(self, chunks)

    def build(self, shapes: Shapes, context_width: int) -> "ParallelBinsHead":
        return ParallelBinsHead(self, shapes, context_width)


class ParallelBinsHead(nn.Module):
    """See `ParallelBins`. Takes any context that its decoder takes."""

    own: Tensor

    def __init__(self, config: ParallelBins, shapes: Shapes, context_width: int):
        super().__init__()
        self.code, self.temperature = tokenizer_of(config), config.temperature
        if (self.code.lengths() != 1).any():
            raise MismatchError(
                f"head 'parallel-bins' needs a code of one id an action entry (bins, quantile-bins), got "
                f"{config.code!r}; use head 'autoregressive'"
            )
        self.noise_shape = (shapes.horizon, shapes.action_dim)
        self.steps = Steps(config.decoder, shapes, context_width)
        self.needs = self.steps.decoder.needs
        self.out = embodiment_linear(
            len(shapes.embodiments), self.steps.width, shapes.action_dim * self.code.vocabulary
        )
        self.register_buffer("own", dim_masks([action for _, action in shapes.embodiments]), persistent=False)

    def loss(
        self, context: Context, batch: Batch, generator: torch.Generator
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Mean cross-entropy over valid steps and own dims, in nats. "clipped" is the share of them out of range."""
        action, counts = masked_actions(batch, self.own)
        ids, _, clipped = encode_on(self.code, action)
        logits = self._logits(context, batch.embodiment).flatten(0, 2).float()
        error = functional.cross_entropy(logits, ids.flatten(), reduction="none").view_as(action)
        loss = masked_mean(error, counts)
        outside = masked_mean(clipped.view_as(action).float(), counts)
        return loss, {"cross_entropy": loss.detach(), "clipped": outside}

    def sample(
        self, context: Context, noise: Float[Tensor, "B H A"], embodiment: Int[Tensor, " B"]
    ) -> Float[Tensor, "B H A"]:
        """The centres of the chosen bins; dims that a row's embodiment does not have mean nothing."""
        ids = choose(self._logits(context, embodiment), uniform(noise), self.temperature).flatten(1).cpu().numpy()
        return torch.from_numpy(self.code.decode(ids, np.ones_like(ids, bool)).chunks).to(context.tokens)

    def _logits(self, context: Context, embodiment: Int[Tensor, " B"]) -> Float[Tensor, "B H A V"]:
        return self.out(self.steps(context), embodiment).unflatten(-1, (self.noise_shape[1], -1))
