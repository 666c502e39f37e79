"""Codes of the chunk one after another, each sampled given those before it: RT-2, OpenVLA, pi0-FAST."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int
from torch import Tensor, nn
from torch.nn import functional

from praxia.core.config import Config
from praxia.heads.prefix import PrefixTransformer
from praxia.heads.tokenized import choose, clips_of, encode_on, fit_tokenizer, tokenizer_of, uniform
from praxia.nn.embodiment_linear import dim_masks
from praxia.nn.masking import masked_actions, masked_mean
from praxia.nn.types import Batch, Context, Shapes

__all__ = ["Autoregressive", "AutoregressiveHead"]


@dataclass(frozen=True)
class Autoregressive(Config):
    """A prefix-LM over the context's tokens predicts the chunk's ids by cross-entropy; the prefix is read once.

    `code` is "bins", "quantile-bins", "fast", or the file that `praxia codes fit` wrote. At `temperature` 0 it takes
    the likeliest id (OpenVLA, pi0-FAST), which loses all modes of the demonstrations but one; at 1 it samples as it has
    learned, and with many ids in a chunk some come from the tails and tear it (docs/RESULTS.md, "Heads").

    Only ids that still fit into the chunk are sampled, so that every sequence can be decoded; there is no end symbol.
    The public pi0-FAST ends with one, and acts on zeros where what came before does not decode. Each token's input
    also says how many of the chunk's numbers stand before it.
    """

    tag: ClassVar[str] = "autoregressive"
    sampling: ClassVar[Mapping[str, str]] = {"temperature": "temperature"}
    code: str = "bins"
    decoder: Config = field(default_factory=PrefixTransformer)
    temperature: float = 0.3
    # The fitted code as JSON; training fits it.
    fitted: Any = None

    def fit(self, chunks: Float32[np.ndarray, "B H A"]) -> "Autoregressive":
        """With its code fitted on the data; see `coded.fit_tokenizer`."""
        return fit_tokenizer(self, chunks)

    def clips(self, chunks: Float32[np.ndarray, "B H A"]) -> Bool[np.ndarray, "B H A"]:
        """Which entries its code clips; see `coded.clips_of`."""
        return clips_of(self, chunks)

    def build(self, shapes: Shapes, context_width: int) -> "AutoregressiveHead":
        return AutoregressiveHead(self, shapes, context_width)


class AutoregressiveHead(nn.Module):
    """See `Autoregressive`. Takes any context that its decoder takes.

    Where each id says one action entry, padded steps and dims that an embodiment does not have are left out of the loss. An
    id of FAST says something of all steps at once: there a chunk that runs over its episode's end counts as a whole,
    with the last action repeated.
    """

    own: Tensor
    lengths: Tensor
    rest: Tensor

    def __init__(self, config: Autoregressive, shapes: Shapes, context_width: int):
        super().__init__()
        self.code, self.temperature = tokenizer_of(config), config.temperature
        self.chunk_size = shapes.horizon * shapes.action_dim
        self.noise_shape = (self.chunk_size,)
        self.decoder = config.decoder.build(context_width)  # pyright: ignore[reportAttributeAccessIssue]
        self.needs, width = self.decoder.needs, self.decoder.width
        self.begin = nn.Embedding(len(shapes.embodiments), width)
        self.place = nn.Embedding(self.chunk_size, width)
        for table in (self.begin, self.place):
            nn.init.normal_(table.weight, std=0.02)
        self.embed, self.out = self.decoder.words(self.code.vocabulary)
        lengths = torch.from_numpy(self.code.lengths())
        # What stands where an embodiment has nothing: the id of 0.
        nothing = np.zeros((1, shapes.horizon, shapes.action_dim), np.float32)
        self.by_entry = bool((lengths == 1).all())
        rest = self.code.encode(nothing).ids[0] if self.by_entry else np.zeros(self.chunk_size, np.int64)
        self.register_buffer("lengths", lengths, persistent=False)
        self.register_buffer("rest", torch.from_numpy(rest), persistent=False)
        self.register_buffer("own", dim_masks([action for _, action in shapes.embodiments]), persistent=False)

    def loss(
        self, context: Context, batch: Batch, generator: torch.Generator
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Mean cross-entropy of an id, in nats. "clipped" is the share of a chunk's numbers out of the code's range."""
        action, counts = masked_actions(batch, self.own)
        ids, valid, clipped = encode_on(self.code, action)
        before = self.lengths[ids].cumsum(1) - self.lengths[ids]
        begin = self.begin(batch.embodiment)[:, None]
        reading = self.decoder.begin(context)
        inputs = torch.cat([begin, self.embed(ids[:, :-1], reading)], dim=1)
        hidden, reading = reading.extend(inputs + self.place(before.clamp_max(self.chunk_size - 1)), causal=True)
        logits = self.out(hidden, reading).flatten(0, 1).float()
        error = functional.cross_entropy(logits, ids.flatten(), reduction="none")
        loss = masked_mean(error.view_as(ids), counts.flatten(1) if self.by_entry else valid)
        outside = masked_mean(clipped.float(), counts.flatten(1) if self.by_entry else torch.ones_like(clipped))
        return loss, {"cross_entropy": loss.detach(), "clipped": outside}

    def sample(
        self, context: Context, noise: Float[Tensor, "B N"], embodiment: Int[Tensor, " B"]
    ) -> Float[Tensor, "B H A"]:
        """The chunk behind ids sampled by inverting their distribution; dims that an embodiment does not have mean nothing."""
        ids, valid = self.generate(context, noise, embodiment)
        decoded = self.code.decode(ids.cpu().numpy(), valid.cpu().numpy())
        assert not decoded.status.any(), "ids that fit into the chunk can be decoded"
        return torch.from_numpy(decoded.chunks).to(context.tokens)

    def generate(
        self, context: Context, noise: Float[Tensor, "B N"], embodiment: Int[Tensor, " B"]
    ) -> tuple[Int[Tensor, "B L"], Bool[Tensor, "B L"]]:
        """Ids that together spell a whole chunk, padded with 0, and which of them count."""
        draws, reading = uniform(noise), self.decoder.begin(context)
        before = torch.zeros_like(embodiment)
        x = self.begin(embodiment)[:, None]
        ids, valid = [], []
        for at in range(self.chunk_size):
            left = self.chunk_size - before
            if not left.any():
                break
            x = x + self.place(before.clamp_max(self.chunk_size - 1))[:, None]
            hidden, reading = reading.extend(x, causal=True)
            fits = self.lengths <= left[:, None].clamp_min(1)
            logits = self.out(hidden, reading)[:, 0].masked_fill(~fits, -torch.inf)
            chosen = self._at_rest(choose(logits, draws[:, at], self.temperature), at, embodiment)
            ids.append(torch.where(left > 0, chosen, 0))
            valid.append(left > 0)
            before = before + torch.where(left > 0, self.lengths[chosen], 0)
            x = self.embed(chosen[:, None], reading)
        return torch.stack(ids, dim=1), torch.stack(valid, dim=1)

    def _at_rest(self, ids: Int[Tensor, " B"], at: int, embodiment: Int[Tensor, " B"]) -> Int[Tensor, " B"]:
        """Where ids say action entries: the id of 0 for an entry that a row's embodiment does not have, as in training."""
        if not self.by_entry:
            return ids
        has = self.own[embodiment, at % self.own.shape[1]]
        return torch.where(has, ids, self.rest[at])
