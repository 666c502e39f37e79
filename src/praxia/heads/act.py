"""Action Chunking with Transformers: a chunk decoded from learned queries, with a style latent in training."""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from praxia.core.config import ADDED
from praxia.core.errors import MismatchError
from praxia.nn.detr import DETRDecoderLayer, DETREncoder, step_sines
from praxia.nn.embodiment_linear import dim_masks, embodiment_linear, mask_dims
from praxia.nn.layers import masked_actions, masked_mean, seeded_dropout, zero_invalid
from praxia.nn.types import Batch, Context, Head, HeadConfig, Shapes

__all__ = ["ACT", "ACTHead"]


@dataclass(frozen=True)
class ACT(HeadConfig):
    """A conditional VAE: L1 on the chunk plus `kl_weight` times the latent's divergence from a unit normal.

    Zhao et al. 2023 (arXiv 2304.13705); published size: width 512, MLP 3200, 4 encoder layers, 8 heads, latent 32,
    chunk 100, dropout 0.1. One decoder layer, because only the first of their seven is used (LeRobot does the same). At
    run time the latent is 0. Deviation: L1 is the mean over valid steps, theirs over all, of which padded ones count 0.

    With `detr` the layers are those of the public code: positions are added in every layer, queries start from zero,
    the posterior's positions are fixed. The context must then have positions beside its tokens and the head's width.
    Deviations without: the context's tokens carry their own positions, and the queries are tokens.
    """

    tag: ClassVar[str] = "act"
    width: int = 128
    """Width of the tokens."""
    mlp_width: int = 512
    """Width within the MLPs."""
    num_heads: int = 4
    """Number of attention heads."""
    encoder_depth: int = 2
    """Layers of each encoder, that of the latent and that of the observation."""
    latent: int = 32
    """Dims of the style latent."""
    kl_weight: float = 10.0
    """Weight of the latent's divergence from a unit normal."""
    detr: bool = field(default=False, metadata=ADDED)
    """DETR's layers, to which positions are added in each."""
    dropout: float = field(default=0.0, metadata=ADDED)
    """Share of each layer's features and attention that is dropped in training."""

    def build(self, shapes: Shapes, context_width: int) -> "ACTHead":
        """Raises MismatchError for DETR's layers on a context of another width."""
        if self.detr and context_width != self.width:
            raise MismatchError(
                f"head 'act' with DETR's layers needs ['positions'] of its width {self.width}, got a context of width"
                f" {context_width}; choose encoder 'resnet-grid' with --model.encoder.detr-width {self.width}"
            )
        return ACTHead(self, shapes, context_width)


class ACTHead(Head):
    """See `ACT`. Takes any context, with `detr` one with positions; draws no noise at run time."""

    noise_shape = (0,)
    action_mask: Tensor

    def __init__(self, config: ACT, shapes: Shapes, context_width: int):
        super().__init__()
        self.config = config
        self.requires = frozenset({"positions"}) if config.detr else frozenset[str]()
        width, num_embodiments = config.width, shapes.num_embodiments
        self.posterior = Posterior(config, shapes)
        self.latent_in = nn.Linear(config.latent, width)
        self.context_in = nn.Identity() if config.detr else nn.Linear(context_width, width)
        self.encoder = _encoder(config)
        if config.detr:
            self.latent_position = nn.Parameter(torch.randn(1, width))
            self.decoder = DETRDecoderLayer(width, config.mlp_width, config.num_heads, config.dropout)
            self.norm = nn.LayerNorm(width)
            _start_as_detr(self.encoder, self.decoder)
        else:
            layer = nn.TransformerDecoderLayer(
                width, config.num_heads, config.mlp_width, dropout=config.dropout, batch_first=True
            )
            self.decoder = nn.TransformerDecoder(layer, 1, nn.LayerNorm(width))
        self.queries = nn.Parameter(torch.randn(shapes.horizon, width))
        self.out = embodiment_linear(num_embodiments, width, shapes.action_dim)
        self.register_buffer("action_mask", dim_masks(shapes.action_dims), persistent=False)

    def loss(
        self, context: Context, batch: Batch, generator: torch.Generator
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """L1 over valid steps and the embodiment's dims, plus the weighted divergence, summed over latent dims."""
        action, loss_mask = masked_actions(batch, self.action_mask)
        with seeded_dropout(generator, batch.share, self.training and self.config.dropout > 0):
            mean, log_variance = self.posterior(action, batch)
            noise = batch.share.normal(mean.shape, generator)
            latent = mean + (log_variance / 2).exp() * noise
            predicted = self._decode(context, latent, batch.embodiment)
        l1 = masked_mean((predicted - action).abs(), loss_mask, batch.share)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()
        loss = l1 + self.config.kl_weight * divergence
        return loss, {"l1": l1.detach(), "kl": divergence.detach()}

    def num_valid(self, batch: Batch) -> Int[Tensor, ""]:
        return batch.loss_mask(self.action_mask).sum()

    def sample(
        self, context: Context, noise: Float[Tensor, "B 0"], embodiment: Int[Tensor, " B"]
    ) -> Float[Tensor, "B H A"]:
        """The chunk at latent 0; dims that a row's embodiment lacks have no meaning."""
        return self._decode(context, context.tokens.new_zeros(len(context.tokens), self.config.latent), embodiment)

    def _decode(
        self, context: Context, latent: Float[Tensor, "B Z"], embodiment: Int[Tensor, " B"]
    ) -> Float[Tensor, "B H A"]:
        tokens = torch.cat([self.latent_in(latent)[:, None], self.context_in(context.tokens)], dim=1)
        hidden = torch.cat([~context.mask.new_ones(len(tokens), 1), ~context.mask], dim=1)
        if self.config.detr:
            assert context.positions is not None, "required of the encoder"
            positions = torch.cat([self.latent_position, context.positions])
            memory = self.encoder(tokens, positions, hidden)
            return self.out(self.norm(self.decoder(self.queries, memory, positions, hidden)), embodiment)
        memory = self.encoder(tokens, src_key_padding_mask=hidden)
        queries = self.queries.expand(len(tokens), -1, -1)
        return self.out(self.decoder(queries, memory, memory_key_padding_mask=hidden), embodiment)


class Posterior(nn.Module):
    """(state, actions) -> mean and log variance of the style latent. Padding is not attended to."""

    state_mask: Tensor

    def __init__(self, config: ACT, shapes: Shapes):
        super().__init__()
        width, num_embodiments = config.width, shapes.num_embodiments
        self.summary = nn.Parameter(torch.randn(width))
        self.state_in = embodiment_linear(num_embodiments, shapes.state_dim * shapes.num_states, width)
        self.action_in = embodiment_linear(num_embodiments, shapes.action_dim, width)
        self.config = config
        self.position = None if config.detr else nn.Parameter(torch.randn(shapes.horizon + 2, width))
        self.encoder = _encoder(config)
        self.out = nn.Linear(width, 2 * config.latent)
        self.register_buffer("state_mask", dim_masks(shapes.state_dims), persistent=False)

    def forward(
        self, action: Float[Tensor, "B H A"], batch: Batch
    ) -> tuple[Float[Tensor, "B Z"], Float[Tensor, "B Z"]]:
        assert batch.action_valid is not None
        state = zero_invalid(batch.state, batch.state_valid)
        state = mask_dims(state, self.state_mask, batch.embodiment).flatten(1)
        tokens = torch.cat(
            [
                self.summary.expand(len(action), 1, -1),
                self.state_in(state, batch.embodiment)[:, None],
                self.action_in(action, batch.embodiment),
            ],
            dim=1,
        )
        always: Bool[Tensor, "B 2"] = batch.action_valid.new_ones(len(action), 2)
        hidden = ~torch.cat([always, batch.action_valid], dim=1)
        if self.position is None:
            encoded = self.encoder(tokens, step_sines(tokens.shape[1], tokens.shape[2], tokens.device), hidden)
        else:
            encoded = self.encoder(tokens + self.position, src_key_padding_mask=hidden)
        mean, log_variance = self.out(encoded[:, 0]).chunk(2, dim=1)
        return mean, log_variance


def _encoder(config: ACT) -> nn.TransformerEncoder | DETREncoder:
    if config.detr:
        return DETREncoder(config.width, config.mlp_width, config.num_heads, config.encoder_depth, config.dropout)
    layer = nn.TransformerEncoderLayer(
        config.width, config.num_heads, config.mlp_width, dropout=config.dropout, batch_first=True
    )
    return nn.TransformerEncoder(layer, config.encoder_depth, enable_nested_tensor=False)


def _start_as_detr(*modules: nn.Module) -> None:
    """Every matrix by Xavier's uniform distribution, as DETR and ACT; the posterior starts as torch's layers do."""
    for module in modules:
        for parameter in module.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
